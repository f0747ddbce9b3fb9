"""Which base model somebody names: a listing ("Flux.2 Klein 4B", "Kwai-Kolors/Kolors") or a file's own metadata.

`claims.json` beside this module has the words, by base model, source and the month since when they are known. Words are
looked up whole: "Pony V7" is AuraFlow although it begins like "Pony". What the table lacks is unknown, not a guess.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("claims.json")
SAYS_NOTHING = "says nothing"
BY_NAME = "name"  # names that count whoever owns the repository, and whatever folder the file lies in

# Trainers write these where they do not know the model that they train: they yield to any other, and to the next here
_DEFAULTS = ("sd-1.5", "sdxl", "flux")
# The first says most: what was loaded, then the architecture, then the family
_METADATA_ENTRIES = (
    "base_model_name_or_path",
    "ss_base_model",
    "base_model",
    "modelspec.architecture",
    "ss_base_model_version",
    "ss_sd_model_name",
)
_ADAPTER_ENTRY = "lora_adapter_metadata"  # diffusers: the LoraConfig of each component, as JSON
_MAX_JSON_CHARS = 1_000_000
_MAX_CHARS = 4_096  # the longest path there is
_SEPARATORS = re.compile(r"[\s._\-]+")
_KIND = re.compile(
    r"^([^/]+)[/-](?:lora(?:-depth|-canny)?|control-lora|locon|loha|lokr|lycoris|dora|oft|adapter"
    r"|textual-inversion|embedding|inpaint|kontext|depth|canny)$",
    re.IGNORECASE,
)
_WEIGHTS = re.compile(r"\.(?:safetensors|ckpt|pt|pth|bin|gguf)$", re.IGNORECASE)


@dataclass(frozen=True)
class _Table:
    words: Mapping[str, str]  # comparable words -> base model
    names: Mapping[str, str]  # the same for the last part of a path
    nothing: frozenset[str]


def read_claim(words: str) -> str | None:
    """Return the base model that some words name, or None for words that are not known or say nothing.

    Args:
        words: Civitai's ("SD 1.5"), a repository of the Hub ("stabilityai/stable-diffusion-xl-base-1.0"), a
            trainer's ("sdxl_base_v1-0", "flux-1-dev/lora") or the path of a checkpoint.
    """
    words = words.strip()
    return _named(words) if len(words) <= _MAX_CHARS else None


@lru_cache(512)
def _named(words: str) -> str | None:
    table = _table()
    base_model = table.words.get(comparable_words(words))
    if base_model is None and (with_kind := _KIND.match(words)):
        base_model = table.words.get(comparable_words(with_kind[1]))
    if base_model is None:
        name = _WEIGHTS.sub("", re.split(r"[/\\]", words)[-1])
        base_model = table.names.get(comparable_words(name))
    return base_model


def says_a_base_model(words: str) -> bool:
    """Return whether some words claim a base model at all: "Other" and the empty text do not."""
    comparable = comparable_words(words)
    return bool(comparable) and comparable not in _table().nothing


def claim_in_metadata(metadata: Mapping[str, str]) -> str | None:
    """Return the base model that a file's header names, or None.

    Entries that disagree: the first counts that is no trainer's default. A file of Kolors whose trainer also wrote
    "sdxl_base_v1-0" is one of Kolors.
    """
    named = [base_model for words in _entries(metadata) if (base_model := read_claim(words))]
    for base_model in named:
        if base_model not in _DEFAULTS:
            return base_model
    return max(named, key=_DEFAULTS.index, default=None)


def _entries(metadata: Mapping[str, str]) -> Iterator[str]:
    yield from _adapter_entries(metadata.get(_ADAPTER_ENTRY, ""))
    yield from (metadata[entry] for entry in _METADATA_ENTRIES if entry in metadata)


def _adapter_entries(text: str) -> Iterator[str]:
    """Yield what PEFT says each component was loaded from ("unet.base_model_name_or_path")."""
    try:
        config = json.loads(text[:_MAX_JSON_CHARS])
    except (ValueError, RecursionError):
        return
    for name, value in config.items() if isinstance(config, dict) else ():
        if name.rpartition(".")[2] == "base_model_name_or_path" and isinstance(value, str):
            yield value


@cache
def _table() -> _Table:
    contents = json.loads(FILE.read_text())
    nothing = frozenset(map(comparable_words, contents.pop(SAYS_NOTHING)))
    words: dict[str, str] = {}
    names: dict[str, str] = {}
    for base_model, sources in contents.items():
        words[comparable_words(base_model)] = base_model
        for source, months in sources.items():
            known = {comparable_words(text): base_model for texts in months.values() for text in texts}
            words |= known
            if source == BY_NAME:
                names |= known
    return _Table(words, names, nothing)


def comparable_words(words: str) -> str:
    """Return words without what people write in different ways: case, spaces, dashes, underscores and dots.

    "Pony Diffusion V6-XL" and "pony_diffusion_v6.xl" are the same; `core.comparable_words` in SQL.
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", words).casefold())

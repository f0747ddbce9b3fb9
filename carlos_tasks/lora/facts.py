"""What a LoRA file says of itself beside its layout: alpha, kinds of modules, and its author's claims in the header.

Alphas are the only weights that are read here: scalars, read by their offset from a file whose header has passed.
Texts of the header are claims by a stranger; they are cleaned and cut, and JSON in them is parsed with limits.
"""

import json
import math
import os
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import orjson

from carlos_tasks.lora.backbones.claims import claim_in_metadata
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.container.tensor_table import Tensor
from carlos_tasks.lora.layout.styles import Style
from carlos_tasks.untrusted.text import clean_line

MAX_TAGS = 20
MAX_TAG_CHARS = 100
_ALPHAS = 100  # so many say which is the most common: a read for each of thousands would take longer than all else
_MAX_JSON_CHARS = 4_000_000
_SCALAR_FORMATS = {"F16": "<e", "F32": "<f", "F64": "<d", "I64": "<q", "I32": "<i"}
_COMPONENTS = (
    ("text_encoder_3", re.compile(r"lora_te3_|text_encoder_3\W")),
    ("text_encoder_2", re.compile(r"lora_te2_|text_encoder_2\W")),
    ("text_encoder", re.compile(r"lora_te1?_|text_encoder[.:]|.*text_model[._]")),
    ("transformer", re.compile(r"lora_transformer_|transformer\.|.*(?:joint|double|single)_blocks[._]")),
    ("transformer", re.compile(r"(?:lora_unet_|diffusion_model\.)?(?:single_)?(?:transformer_)?blocks[._]")),
    ("unet", re.compile("")),
)
_KINDS = (
    ("feed_forward", re.compile(r"[._](?:ff|mlp|fc[12]|linear[12])(?:[._]|$)|[._](?:img|txt)_mlp|_context_net|Dense")),
    ("attention", re.compile(r"attn|attention_|SelfAttention|to_[qkv]\b|[._]qkv|[qkv]_proj")),
    ("convolution", re.compile(r"conv|in_layers|out_layers|skip_connection|samplers|_op\b")),
    ("projection", re.compile(r"proj_?(?:in|out)|text_projection|_projection")),
    ("modulation", re.compile(r"norm|mod[._]|_mod|modulation|emb")),
)


@dataclass(frozen=True)
class FileFacts:
    """What one file says of itself. `modules` counts modules by component and kind, such as `unet.attention`."""

    alpha: float | None
    modules: Mapping[str, int]
    trigger_words: tuple[str, ...]
    frequent_tags: tuple[str, ...]
    license: str
    base_model_in_metadata: str
    base_model_in_metadata_named: str | None


def tell_facts(header: Header, path: Path) -> FileFacts:
    """Tell a file's facts.

    Args:
        header: of the file at `path`, checked.
    """
    metadata = header.metadata
    phrase = clean_line(metadata.get("modelspec.trigger_phrase"), 2000)
    return FileFacts(
        alpha=_most_common_alpha(header, path),
        modules=dict(sorted(Counter(map(_component_and_kind, header.layout.modules)).items())),
        trigger_words=(phrase,) if phrase else (),
        frequent_tags=frequent_tags(metadata.get("ss_tag_frequency", "")),
        license=clean_line(metadata.get("modelspec.license"), 200),
        base_model_in_metadata=clean_line(
            metadata.get("ss_base_model_version") or metadata.get("modelspec.architecture"), 200
        ),
        base_model_in_metadata_named=claim_in_metadata(metadata),
    )


def frequent_tags(text: str) -> tuple[str, ...]:
    """Return the most frequent tags of kohya's `ss_tag_frequency`, over all folders of training pictures.

    They say what the pictures show, and are never used as trigger words: the most frequent tag of a style's captions
    ("1girl") would change the very image that is measured. What is not of the expected form counts as absent.
    """
    if not text or len(text) > _MAX_JSON_CHARS:
        return ()
    try:
        folders = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return ()
    counts: Counter[str] = Counter()
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and 0 < count < 2**53:  # True is an int too
                counts[tag] += count
    names = (clean_line(tag, MAX_TAG_CHARS) for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)))
    return tuple(islice((name for name in names if name), MAX_TAGS))


def read_alphas(header: Header, path: Path, at_most: int | None = None) -> dict[str, float]:
    """Read the alpha of every module that has one, by the module's name in the file.

    An alpha that is no number of one element is left out: a file with such a tensor is refused by other checks.

    Args:
        at_most: read so many or a few more, spread over the file.
    """
    alphas = {}
    start = 8 + header.header_bytes
    modules = header.layout.modules
    step = 1 if at_most is None else max(1, len(modules) // at_most)
    with path.open("rb", buffering=0) as file:
        for name, module in islice(modules.items(), 0, None, step):
            if "alpha" not in module.shapes or math.prod(module.shapes["alpha"]) != 1:
                continue
            tensor = header.tensors[f"{name}.alpha"]
            value = _number(tensor, os.pread(file.fileno(), tensor.end - tensor.start, start + tensor.start))
            if value is not None and math.isfinite(value):
                alphas[name] = value
    return alphas


def adapter_configs(metadata: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Return the LoraConfig of each component that diffusers writes into a header (`lora_adapter_metadata`)."""
    try:
        entries = json.loads(metadata.get("lora_adapter_metadata", "")[:_MAX_JSON_CHARS])
    except (ValueError, RecursionError):
        return {}
    configs: dict[str, dict[str, object]] = {}
    for name, value in entries.items() if isinstance(entries, dict) else ():
        component, _, key = name.partition(".")
        configs.setdefault(component, {})[key] = value
    return configs


def _most_common_alpha(header: Header, path: Path) -> float | None:
    counts = Counter(
        read_alphas(header, path, _ALPHAS).values() if Style.ALPHA in header.layout.styles else _stated(header)
    )
    return max(counts, key=lambda alpha: (counts[alpha], alpha)) if counts else None


def _stated(header: Header) -> Iterator[float]:
    for config in adapter_configs(header.metadata).values():
        alpha = config.get("lora_alpha")
        if isinstance(alpha, int | float) and not isinstance(alpha, bool) and abs(alpha) < 2**53:
            yield float(alpha)


def _number(tensor: Tensor, raw: bytes) -> float | None:
    if tensor.dtype == "BF16":  # the upper half of a float32
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    form = _SCALAR_FORMATS.get(tensor.dtype)
    return float(struct.unpack(form, raw)[0]) if form else None


@lru_cache(maxsize=2**13)  # all files of a trainer share their names
def _component_and_kind(name: str) -> str:
    component = next(component for component, pattern in _COMPONENTS if pattern.match(name))
    kind = next((kind for kind, pattern in _KINDS if pattern.search(name)), "other")
    return f"{component}.{kind}"

"""What a LoRA file says of itself beside its layout: kinds of modules, and its author's claims in the header.

Texts of the header are claims by a stranger; they are cleaned and cut, and JSON in them is parsed with limits.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import orjson

from carlos_tasks.lora.backbones.claims import claim_in_metadata
from carlos_tasks.lora.container.header import Header
from carlos_tasks.untrusted.text import clean_line

MAX_TAGS = 20
MAX_TAG_CHARS = 100
_MAX_JSON_CHARS = 4_000_000
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

    modules: Mapping[str, int]
    trigger_words: tuple[str, ...]
    frequent_tags: tuple[str, ...]
    license: str
    base_model_in_metadata: str
    base_model_in_metadata_named: str | None


def tell_facts(header: Header) -> FileFacts:
    """Tell the facts of a file whose header is checked."""
    metadata = header.metadata
    phrase = clean_line(metadata.get("modelspec.trigger_phrase"), 2000)
    return FileFacts(
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


@lru_cache(maxsize=2**13)  # all files of a trainer share their names
def component_of(name: str) -> str:
    """Tell from its name in a file which component of a backbone a module is of."""
    return next(component for component, pattern in _COMPONENTS if pattern.match(name))


@lru_cache(maxsize=2**13)
def _component_and_kind(name: str) -> str:
    component = component_of(name)
    kind = next((kind for kind, pattern in _KINDS if pattern.search(name)), "other")
    return f"{component}.{kind}"

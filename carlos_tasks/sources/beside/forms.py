"""The sidecars that are known, by what follows a file's name, in the order in which they count.

For `x.safetensors` each is looked for as `x.civitai.info` and as `x.safetensors.civitai.info`. What a sidecar holds is
told from its fields, not from its name: five programs write an `x.json`.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

MAX_BYTES = 4 * 2**20  # of one sidecar: Civitai's answer for a model of a hundred versions has two megabytes


class Form(NamedTuple):
    """What follows the file's name, who writes it, and what it holds."""

    ending: str
    writers: str
    holds: str


FORMS = (
    Form(".civitai.info", "Civitai Helper", "Civitai's answer for the version"),
    Form(".metadata.json", "ComfyUI LoRA Manager", "its own fields, and Civitai's answer under `civitai`"),
    Form(".cm-info.json", "Stability Matrix", "`ModelName`, `TrainedWords`, `BaseModel` …"),
    Form(".api_info.json", "Civitai Browser+", "Civitai's answer for the version or the model"),
    Form(
        ".json",
        "A1111, Forge, Civitai Browser+; SD.Next; SwarmUI",
        "`activation text`, `sd version` …; Civitai's answer for the model; `trigger_phrase` …",
    ),
    Form(".swarm.json", "SwarmUI", "`modelspec.trigger_phrase`, `modelspec.title` …"),
    Form(".rgthree-info.json", "rgthree-comfy", "`trainedWords` as objects, Civitai's answer under `raw.civitai`"),
)


def stem_of(key: str) -> str:
    """Return a file's key without its ending."""
    return str(PurePosixPath(key).with_suffix(""))


def sidecar_keys(key: str) -> Iterator[str]:
    """Return where the sidecars of a file may lie, in the order in which they count."""
    stem = stem_of(key)
    for form in FORMS:
        yield stem + form.ending
        yield key + form.ending

"""A profile: everything that fixes an image and its embedding, as data, and the id that follows from it.

A profile is a JSON file (`profiles/<name>.json`). Its `identity` is hashed into the `profile_id`, so any change of
backbone, sampler, prompts, seeds or encoder is another profile; representations compare within one profile only.
What stands beside the identity (retrieval prompts, thresholds, policy, pairs per shard) may change without a new index.
"""

import hashlib
import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from carlos_tasks.errors import NotFound, ProfileMismatch, SettingsError
from carlos_tasks.profiles.resources import PACKAGE_FOLDER, read_file

PROFILES_FOLDER = PACKAGE_FOLDER / "profiles"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Backbone(_Frozen):
    """The text-to-image model. `base_model` is what `lora.backbones.base_model` calls the LoRAs made for it."""

    uri: str
    revision: str
    base_model: str
    dtype: Literal["float32", "float16", "bfloat16"]
    variant: str | None = None


class Sampler(_Frozen):
    """How an image is drawn; `scheduler_config` overrides the backbone's own scheduler configuration."""

    scheduler: str
    scheduler_config: dict[str, Any] = {}
    steps: int = Field(ge=1)
    guidance_scale: float = Field(ge=0)
    width_px: int = Field(ge=8)
    height_px: int = Field(ge=8)


class LoraUse(_Frozen):
    """How a LoRA is applied: `append` adds its trigger words to the LoRA image's prompt only (paper, section 3)."""

    scale: float
    trigger_words: Literal["append", "ignore"]
    separator: str = ", "


class Encoder(_Frozen):
    """The open_clip model whose unnormalised features are e and u; its own preprocessing is used.

    Either a folder (`package:…` or a path, with the `revision` of its files) or an architecture of open_clip with
    the tag of its `pretrained` weights, which open_clip itself pins.
    """

    model: str
    revision: str | None = None
    pretrained: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Encoder":
        if (self.revision is None) == (self.pretrained is None):
            raise ValueError("an encoder has either a revision (a folder) or a pretrained tag (an architecture)")
        return self


class PromptFile(_Frozen):
    """A prompt set addressed by URI and content."""

    uri: str
    sha256: str


class Identity(_Frozen):
    """The hashed part of a profile."""

    backbone: Backbone
    sampler: Sampler
    lora: LoraUse
    prompts: PromptFile
    seeds: tuple[int, ...] = Field(min_length=1)
    encoder: Encoder


class Threshold(_Frozen):
    """A limit that gives a LoRA its status, and where the number comes from."""

    value: float
    origin: str


class Prompt(_Frozen):
    """One prompt of a set; `prompt_id` is what images and embeddings are keyed by."""

    prompt_id: str
    category: str
    subcategory: str
    text: str


class PromptSet(_Frozen):
    """A named list of prompts with distinct ids."""

    prompt_set: str
    prompts: tuple[Prompt, ...] = Field(min_length=1)


class Profile(_Frozen):
    """One profile file."""

    name: str
    description: str
    # imported: the representations come from elsewhere whole; nothing can be generated under such a profile
    origin: Literal["measured", "imported"] = "measured"
    identity: Identity
    retrieval_prompts: PromptFile
    thresholds: dict[str, Threshold] = {}
    # folder of the policy whose concepts LoRAs are compared with, where the settings name no other
    policy: str = "package:policies/platform"
    pairs_per_shard: int = Field(ge=1)

    @property
    def profile_id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the identity's canonical JSON."""
        canonical = json.dumps(self.identity.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def indexing_prompts(self) -> PromptSet:
        """The prompts that images are made of.

        Raises:
            SettingsError: the profile is imported, so that no image is made under it.
        """
        if self.origin == "imported":
            raise SettingsError(f"profile {self.name} is imported: nothing can be measured under it")
        return load_prompts(self.identity.prompts)

    def search_prompts(self) -> PromptSet:
        """The prompts that query vectors are averaged over (P' of the paper), disjoint from the indexing prompts."""
        return load_prompts(self.retrieval_prompts)

    def pairs(self) -> list[tuple[Prompt, int]]:
        """Every (prompt, seed) in the canonical order that shards are cut from."""
        return list(product(self.indexing_prompts().prompts, self.identity.seeds))

    def shards(self) -> list[list[tuple[Prompt, int]]]:
        """The pairs of each shard; a shard's number and its pairs never depend on how the work is run."""
        pairs = self.pairs()
        return [pairs[start : start + self.pairs_per_shard] for start in range(0, len(pairs), self.pairs_per_shard)]


def load_profile(name: str) -> Profile:
    """Load a profile that ships with the package by its name, or any profile by the path of its file.

    Raises:
        NotFound: there is no such profile; the message lists those that ship.
        SettingsError: the file is no valid profile; the message says which field is wrong.
    """
    is_file = name.endswith(".json")
    path = Path(name) if is_file else PROFILES_FOLDER / f"{name}.json"
    if not path.is_file() or not (is_file or name in shipped_profiles()):
        raise NotFound(f"there is no profile {name!r}; shipped profiles: {', '.join(shipped_profiles())}")
    try:
        return Profile.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise SettingsError(f"{path}: {faults}") from exc


def shipped_profiles() -> list[str]:
    """Names of the profiles inside the package."""
    return sorted(path.stem for path in PROFILES_FOLDER.glob("*.json"))


@cache
def load_prompts(file: PromptFile) -> PromptSet:
    """Read a prompt set, checked against its digest.

    Raises:
        ProfileMismatch: the file is not the one the profile names, is no prompt set, or repeats an id.
    """
    try:
        prompt_set = PromptSet.model_validate_json(read_file(file.uri, file.sha256))
    except ValidationError as exc:
        raise ProfileMismatch(f"{file.uri} is no prompt set: {exc.errors()[0]['msg']}") from exc
    ids = [prompt.prompt_id for prompt in prompt_set.prompts]
    if len(set(ids)) != len(ids):
        raise ProfileMismatch(f"{file.uri} uses a prompt_id twice")
    return prompt_set

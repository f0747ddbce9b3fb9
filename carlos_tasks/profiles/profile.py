"""A profile: everything that fixes an image and its embedding, as data, and the id that follows from it.

A profile is a JSON file (`profiles/<name>.json`). Its `identity` is hashed into the `profile_id`, so any change of
backbone, sampler, prompts, seeds or encoder is another profile; representations compare within one profile only.
All but the encoder fixes the images: profiles that differ in nothing else are drawn once (`same_images`).
What stands beside the identity (retrieval prompts, thresholds, policy, pairs per shard) may change without a new index.
"""

import hashlib
import json
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from carlos_tasks.errors import NotFound, SettingsError
from carlos_tasks.profiles.budget import Budget, Pair, balanced
from carlos_tasks.profiles.prompts import Frozen, PromptFile, PromptSet, load_prompts
from carlos_tasks.profiles.resources import PACKAGE_FOLDER

PROFILES_FOLDER = PACKAGE_FOLDER / "profiles"


class Backbone(Frozen):
    """The text-to-image model. `base_model` is what `lora.backbones.base_model` calls the LoRAs made for it."""

    uri: str
    revision: str
    base_model: str
    dtype: Literal["float32", "float16", "bfloat16"]
    variant: str | None = None


class Sampler(Frozen):
    """How an image is drawn; `scheduler_config` overrides the backbone's own scheduler configuration."""

    scheduler: str
    scheduler_config: dict[str, Any] = Field(default_factory=dict)
    steps: int = Field(ge=1)
    guidance_scale: float = Field(ge=0)
    width_px: int = Field(ge=8)
    height_px: int = Field(ge=8)


class LoraUse(Frozen):
    """How a LoRA is applied: `append` adds its trigger words to the LoRA image's prompt only (paper, section 3)."""

    scale: float
    trigger_words: Literal["append", "ignore"]
    separator: str = ", "


class Encoder(Frozen):
    """The model whose unnormalised features are e and, where it reads text, u; its own preprocessing is used.

    `model` is a folder (`package:…` or a path) or a repository (`hub:owner/name`), `revision` the digest of its files
    or its commit. For open_clip it may be an architecture instead, with the tag of its `pretrained` weights.
    Libraries: `open_clip` (CLIP, SigLIP 2), which alone reads text; `transformers` (DINOv2); `csd` (style, arXiv
    2404.01292).
    """

    model: str
    revision: str | None = None
    pretrained: str | None = None
    # Left out where it is the default: profiles that are older than the field keep their ids.
    library: Literal["open_clip", "transformers", "csd"] = Field(
        "open_clip", exclude_if=lambda name: name == "open_clip"
    )

    @property
    def reads_text(self) -> bool:
        """Whether it gives features of texts too, so that words can be searched for."""
        return self.library == "open_clip"

    @model_validator(mode="after")
    def _one_kind(self) -> "Encoder":
        if (self.revision is None) == (self.pretrained is None):
            raise ValueError("an encoder has either a revision (a folder) or a pretrained tag (an architecture)")
        if self.pretrained is not None and self.library != "open_clip":
            raise ValueError(f"an encoder of {self.library} has a revision: only open_clip knows pretrained tags")
        return self


class Identity(Frozen):
    """The hashed part of a profile."""

    backbone: Backbone
    sampler: Sampler
    lora: LoraUse
    prompts: PromptFile
    seeds: tuple[int, ...] = Field(min_length=1)
    encoder: Encoder


class Threshold(Frozen):
    """A limit that gives a LoRA its status, and where the number comes from."""

    value: float
    origin: str


class Profile(Frozen):
    """One profile file."""

    name: str
    description: str
    # imported: the representations come from elsewhere whole; nothing can be generated under such a profile
    origin: Literal["measured", "imported"] = "measured"
    identity: Identity
    retrieval_prompts: PromptFile
    thresholds: dict[str, Threshold] = Field(default_factory=dict)
    # profiles whose LoRAs its searches rank beside its own, as CARLOS_PROFILE names them (profiles/compared.py)
    compared_with: tuple[str, ...] = ()
    budget: Budget | None = None  # None: all pairs of every LoRA
    # What listings call a relative of the base model ("Pony"): this profile takes those LoRAs alone, and the profiles
    # of the base model in the same deployment leave them to it. Empty: it takes all of its base model.
    relatives: tuple[str, ...] = ()
    # folder of the policy whose concepts LoRAs are compared with, where the settings name no other
    policy: str = "package:policies/platform"
    pairs_per_shard: int = Field(ge=1)

    @property
    def profile_id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the identity's canonical JSON."""
        return _hashed(self.identity.model_dump(mode="json"))

    @property
    def images_id(self) -> str:
        """As `profile_id`, of all but the encoder: profiles that share it have the same images."""
        return _hashed(self.identity.model_dump(mode="json", exclude={"encoder"}))

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

    def pairs(self) -> list[Pair]:
        """Every (prompt, seed), prompt by prompt: what the bare backbone is drawn with."""
        return list(product(self.indexing_prompts().prompts, self.identity.seeds))

    def looks(self) -> tuple[int, ...]:
        """After how many pairs a LoRA may be done, in growing order; without a budget, after all of them.

        Raises:
            SettingsError: the budget looks at more pairs than there are, or cannot balance the prompts.
        """
        prompts, n_pairs = self.indexing_prompts().prompts, len(self.pairs())
        if self.budget is None:
            return (n_pairs,)
        if len({prompt.category for prompt in prompts}) < 2:
            raise SettingsError(f"profile {self.name}: its prompts are of one category, and cannot be balanced")
        if self.budget.most > n_pairs:
            raise SettingsError(
                f"profile {self.name}: a look at {self.budget.most} pairs, of which there are {n_pairs}"
            )
        return self.budget.looks

    def baseline_shards(self) -> list[list[Pair]]:
        """The pairs of each shard of the bare backbone, which has all of them."""
        return _cut(self.pairs(), (len(self.pairs()),), self.pairs_per_shard)

    def shards(self) -> list[list[Pair]]:
        """The pairs of each shard of a LoRA; a shard's number and its pairs never depend on how the work is run.

        No shard holds pairs of two looks, so that one that is stopped early and goes on later has the same shards.
        """
        if self.budget is None:
            return self.baseline_shards()
        return _cut(self.drawn(), self.looks(), self.pairs_per_shard)

    def drawn(self) -> list[Pair]:
        """Every (prompt, seed) in the order in which a LoRA is drawn with them."""
        return balanced(self.indexing_prompts().prompts, self.identity.seeds) if self.budget else self.pairs()


def _cut(pairs: list[Pair], ends: tuple[int, ...], size: int) -> list[list[Pair]]:
    return [
        pairs[start : min(start + size, end)]
        for begin, end in pairwise((0, *ends))
        for start in range(begin, end, size)
    ]


def _hashed(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


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

"""Drawing a LoRA at several scales, with few pairs at each: what `carlos scales` sums up.

The pairs are the first of the profile's balanced order, so any number of them holds each category's share. At each
scale the LoRA is measured as ever (`Worker`), under a profile of its own: its shards and outcomes lie at keys of their
own, so a killed sweep goes on, and no measurement of the profile itself is touched. The baseline is the profile's.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from carlos_tasks.embedding.image_encoder import ImageEncoder, load_image_encoder
from carlos_tasks.errors import SettingsError
from carlos_tasks.generation.backbone import load_backbone
from carlos_tasks.lake.outcomes import OutcomeRecord
from carlos_tasks.profiles.budget import Pair, balanced
from carlos_tasks.profiles.profile import Encoder, Identity, Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import outcome_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.existing import existing_outcome
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.worker import Worker

#: As a multiple of the strength that the LoRA was trained for.
SCALES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
N_PAIRS = 64
# A sweep with more pairs draws none of the full shards again.
_PAIRS_PER_SHARD = 16


class ScaledProfile(Profile):
    """A profile at another scale and with few pairs. `swept_id`: the profile that is swept.

    It has no budget: nothing is looked at before all of its pairs are drawn.
    """

    swept_id: str
    n_pairs: int

    @property
    def profile_id(self) -> str:
        """An id of its own, also at the scale of the profile that is swept."""
        return hashlib.sha256(f"{self.swept_id} swept at {self.identity.lora.scale!r}".encode()).hexdigest()[:16]

    def pairs(self) -> list[Pair]:
        """The first pairs of the balanced order.

        Raises:
            SettingsError: there are fewer.
        """
        pairs = balanced(self.indexing_prompts().prompts, self.identity.seeds)
        if self.n_pairs > len(pairs):
            raise SettingsError(f"profile {self.name} has {len(pairs)} pairs, not {self.n_pairs}: ask for fewer")
        return pairs[: self.n_pairs]


@dataclass(frozen=True)
class DrawnScale:
    """How the measurement of a LoRA at one scale ended."""

    lora_id: str
    scale: float
    outcome: OutcomeRecord


def scaled_profile(profile: Profile, scale: float, n_pairs: int) -> ScaledProfile:
    """The profile at another scale, with the first pairs of its balanced order.

    Raises:
        SettingsError: the profile has fewer pairs.
    """
    document = profile.model_dump()
    document["identity"]["lora"]["scale"] = scale
    few = {"budget": None, "n_pairs": n_pairs, "pairs_per_shard": _PAIRS_PER_SHARD}
    scaled = ScaledProfile.model_validate(document | few | {"swept_id": profile.profile_id})
    scaled.pairs()
    return scaled


def draw_scales(
    settings: Settings,
    profile: Profile,
    store: ObjectStore,
    tasks: Sequence[LoraTask],
    scales: Sequence[float],
    n_pairs: int,
    advance: Callable[[int], None],
    *,
    load_pipeline: Callable[[Identity, str], Any] = load_backbone,
    load_encoder: Callable[[Encoder, str], ImageEncoder] = load_image_encoder,
) -> list[DrawnScale]:
    """Draw LoRAs at scales, and leave shards and outcomes in the store; no catalog is needed.

    Args:
        settings: device, images per step, threads.
        profile: what is swept.
        store: where the files lie, and where shards and outcomes go.
        tasks: the LoRAs.
        scales: the scales, above 0.
        n_pairs: pairs at each.
        advance: is told of pairs that are done.
        load_pipeline: gives the backbone, once.
        load_encoder: gives the encoder.
    """
    few = settings.model_copy(update={"evidence_pairs": 0})

    @cache
    def pipeline_on(device: str) -> Any:
        return load_pipeline(profile.identity, device)

    drawn = []
    for scale in scales:
        scaled = scaled_profile(profile, scale, n_pairs)
        worker = Worker(
            few, [scaled], store, load_pipeline=lambda _, device: pipeline_on(device), load_encoder=load_encoder
        )
        for task in tasks:
            _forget_other(store, scaled.profile_id, task.lora_id, n_pairs)
            (outcome,) = worker.index(task, advance)
            drawn.append(DrawnScale(task.lora_id, scale, outcome))
    return drawn


def _forget_other(store: ObjectStore, profile_id: str, lora_id: str, n_pairs: int) -> None:
    """Remove the outcome of a sweep with another number of pairs, or of one that failed: it is made again."""
    known = existing_outcome(store, profile_id, lora_id)
    if known and (known.status == "failed" or (known.status == "embedded" and known.n_pairs != n_pairs)):
        store.delete(outcome_key(profile_id, lora_id))

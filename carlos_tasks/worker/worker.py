"""The GPU task: from a LoRA file to embedding shards, evidence images and an outcome, with no catalog in reach.

Everything it writes has a deterministic key and appears whole or not at all, in this order: the evidence images of a
shard, the shard, and at the end the LoRA's outcome; the baseline has one too. A worker that is killed loses at most the
shard it was making; the next one makes it again, of the same pairs in the same batches, and so to the same bytes.
"""

import hashlib
import logging
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from carlos_tasks.device.choose import choose_device
from carlos_tasks.embedding.image_encoder import ImageEncoder, load_image_encoder
from carlos_tasks.errors import IndexingFailed, NotFound
from carlos_tasks.generation.attach import attached
from carlos_tasks.generation.backbone import load_backbone
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.lake.shards import ShardFile
from carlos_tasks.profiles.profile import Encoder, Identity, Profile
from carlos_tasks.representation.settled import Look
from carlos_tasks.settings import Settings
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.version import __version__
from carlos_tasks.worker.baseline import make_baseline, share_of
from carlos_tasks.worker.copying import copy_measured
from carlos_tasks.worker.existing import existing_outcome
from carlos_tasks.worker.looks import Looks
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.shard_maker import ShardMaker

log = logging.getLogger(__name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Worker:
    """Holds one backbone and the encoders of some profiles, and measures LoRAs with them one after the other.

    The profiles have the same images (`profiles.same_images`): each image is drawn once for all of them. Backbone and
    encoders are loaded when a LoRA first needs them.

    Args:
        settings: device, images per step, how many evidence images are kept.
        profiles: what is measured: at least one, all with the same images in the same shards.
        store: where the files lie, and where everything that is made goes.
        thresholds: by profile_id: by name, those in force; None, or a profile that is not there: those that ship.
        load_pipeline: gives the backbone for a device.
        load_encoder: gives an image encoder for a device.
    """

    def __init__(
        self,
        settings: Settings,
        profiles: Sequence[Profile],
        store: ObjectStore,
        thresholds: Mapping[str, Mapping[str, float] | None] | None = None,
        *,
        load_pipeline: Callable[[Identity, str], Any] = load_backbone,
        load_encoder: Callable[[Encoder, str], ImageEncoder] = load_image_encoder,
    ) -> None:
        self._settings = settings
        self._profiles = tuple(profiles)
        self._first = self._profiles[0]  # for what is the same in all
        self._store = store
        in_force = thresholds or {}
        self._looks = {p.profile_id: Looks(store, p, in_force.get(p.profile_id)) for p in self._profiles}
        self._device = choose_device(settings.device)
        self._load_pipeline = load_pipeline
        self._load_encoder = load_encoder

    @cached_property
    def _pipeline(self) -> Any:
        return self._load_pipeline(self._first.identity, self._device)

    @cached_property
    def _maker(self) -> ShardMaker:
        return ShardMaker(self._settings, self._store, self._device, lambda: self._pipeline, self._load_encoder)

    def make_baseline(self, advance: Callable[[int], None]) -> int:
        """Make the images of the bare backbone that are missing or damaged, and the outcomes; how many were made."""
        return make_baseline(self._store, self._maker, self._profiles, advance)

    def index(self, task: LoraTask, advance: Callable[[int], None]) -> tuple[OutcomeRecord, ...]:
        """Measure one LoRA under every profile, or copy its measurement, and record how it went.

        Under a profile where it has an outcome already, whole shards and as many pairs as the task asks for, it stays
        as it is.

        Returns:
            The outcome under each profile, in their order.

        Raises:
            PassingError: storage or device failed for now; nothing is recorded, so that a retry goes on from here.
        """
        found: dict[str, OutcomeRecord] = {}
        waiting: list[Profile] = []
        is_copied = False
        for profile in self._profiles:
            known = existing_outcome(self._store, profile.profile_id, task.lora_id)
            if known is not None:
                found[profile.profile_id] = known
                if _has_enough(known, task):
                    continue
            copied = copy_measured(self._store, profile.profile_id, task)
            if copied is not None and _has_enough(copied, task):
                self._record(copied)
                found[profile.profile_id] = copied
                is_copied = True
            else:
                waiting.append(profile)
        if waiting:
            for outcome in self._measure(waiting, task, advance):
                if outcome.status != "embedded" and outcome.profile_id in found:
                    log.warning("%s could not be measured further: %s", task.lora_id[:12], outcome.detail)
                    continue
                self._record(outcome)
                found[outcome.profile_id] = outcome
        elif is_copied:
            advance(self._first.looks()[-1])
        return tuple(found[profile.profile_id] for profile in self._profiles)

    def _record(self, outcome: OutcomeRecord) -> None:
        write_outcome(self._store, outcome)
        log.info("%s: %s%s", outcome.lora_id[:12], outcome.status, f" ({outcome.detail})" if outcome.detail else "")

    def _measure(
        self, profiles: Sequence[Profile], task: LoraTask, advance: Callable[[int], None]
    ) -> list[OutcomeRecord]:
        started = time.monotonic()
        saved = patched = None
        status: Literal["embedded", "unpatched", "failed"] = "embedded"
        reason: str | None = None
        detail: str | None = None
        files: dict[str, list[ShardFile]] = {profile.profile_id: [] for profile in profiles}
        looks: dict[str, Look] = {}
        n_pairs = 0
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{task.lora_id}.safetensors"
                self._store.download(task.file_key, path)
                _check_file(path, task.file_key)
                scale = self._first.identity.lora.scale
                with attached(self._pipeline, path, scale, task.stated_scale) as attachment:
                    saved, patched = attachment.modules_saved, attachment.modules_patched
                    if patched:
                        n_pairs, looks = self._make_shards(files, profiles, task, advance)
                    else:
                        status, reason = "unpatched", "no_layer_patched"
                        detail = f"none of the {saved} modules of the file match the backbone"
        except (IndexingFailed, NotFound) as exc:
            status = "failed"
            reason, detail = (exc.reason, exc.detail) if isinstance(exc, IndexingFailed) else ("file_gone", str(exc))
        is_embedded = status == "embedded"
        seconds = share_of(started, profiles)
        return [
            OutcomeRecord(
                profile_id=profile.profile_id,
                lora_id=task.lora_id,
                status=status,
                reason=reason,
                detail=detail,
                shards=tuple(files[profile.profile_id]) if is_embedded else (),
                n_pairs=n_pairs if is_embedded else 0,
                modules_saved=saved,
                modules_patched=patched,
                seconds=seconds,
                attempted_at=datetime.now(UTC),
                code_version=__version__,
                measure_key=task.measure_key,
                **_said(looks.get(profile.profile_id)),
            )
            for profile in profiles
        ]

    def _suffix(self, task: LoraTask) -> str:
        use = self._first.identity.lora
        if use.trigger_words == "ignore":
            return ""
        return "".join(use.separator + word for word in task.trigger_words)

    def _make_shards(
        self,
        files: dict[str, list[ShardFile]],
        profiles: Sequence[Profile],
        task: LoraTask,
        advance: Callable[[int], None],
    ) -> tuple[int, dict[str, Look]]:
        """Make the shards of a LoRA that are not there whole, until every profile has as many as it needs.

        Returns:
            Number of pairs, and the last look under each profile that has a budget.
        """
        found: dict[str, Look] = {}
        n_pairs, ends = 0, self._first.looks()
        for number, pairs in enumerate(self._first.shards()):
            self._maker.add(files, profiles, task.lora_id, number, pairs, self._suffix(task))
            n_pairs += len(pairs)
            advance(len(pairs))
            if self._first.budget and n_pairs in ends and n_pairs >= min(task.at_least, ends[-1]):
                found = {profile_id: self._looks[profile_id].look(own) for profile_id, own in files.items()}
                is_settled = all(look.is_settled for look in found.values())
                if self._settings.budget == "first look" or (self._settings.budget == "settled" and is_settled):
                    break
        if n_pairs < ends[-1]:
            advance(ends[-1] - n_pairs)
        return n_pairs, found


def _has_enough(outcome: OutcomeRecord, task: LoraTask) -> bool:
    return outcome.status != "embedded" or outcome.n_pairs >= task.at_least


def _said(look: Look | None) -> dict[str, Any]:
    """What an outcome says of the last look."""
    if look is None:
        return {}
    return {"open": look.open, "full_cosine_lower": look.full_cosine_lower, "strength_error": look.strength_error}


def _check_file(path: Path, key: str) -> None:
    """Hold a file's bytes against their hash, which is its key: those of another LoRA would pass for this one's."""
    stated = key.removeprefix("files/").removesuffix(".safetensors")
    if not _SHA256.fullmatch(stated):
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != stated:
        raise IndexingFailed("file_changed", f"{key} holds other bytes than were taken in: their hash is {found}")

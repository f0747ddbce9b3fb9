"""The GPU task: from a LoRA file to embedding shards, evidence images and an outcome, with no catalog in reach.

Everything it writes has a deterministic key and appears whole or not at all, in this order: the evidence images of a
shard, the shard, and at the end the LoRA's outcome; the baseline has one too. A worker that is killed loses at most the
shard it was making; the next one makes it again, of the same pairs in the same batches, and so to the same bytes.
"""

import hashlib
import io
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
from carlos_tasks.device.threads import sharing_cores
from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.errors import IndexingFailed, NotFound
from carlos_tasks.generation.attach import attached
from carlos_tasks.generation.backbone import load_backbone
from carlos_tasks.generation.image_facts import look_at, to_pil
from carlos_tasks.generation.merge import restore_bare
from carlos_tasks.generation.sampling import images_at_once, sample_images
from carlos_tasks.lake.evidence import evidence_pairs
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.lake.shards import ShardFile, write_shard
from carlos_tasks.profiles.profile import Encoder, Identity, Profile
from carlos_tasks.profiles.prompts import Prompt
from carlos_tasks.representation.settled import Look
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import BASELINE, evidence_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.version import __version__
from carlos_tasks.worker.copying import copy_measured
from carlos_tasks.worker.existing import existing_outcome, existing_shard
from carlos_tasks.worker.looks import Looks
from carlos_tasks.worker.plans import LoraTask

log = logging.getLogger(__name__)

Pair = tuple[Prompt, int]
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Worker:
    """Holds one backbone and one encoder, and measures LoRAs with them one after the other.

    Both are loaded when a LoRA first needs them.

    Args:
        settings: device, images per step, how many evidence images are kept.
        profile: what is measured.
        store: where the files lie, and where everything that is made goes.
        thresholds: by name, those in force; None: those that the profile ships with.
        load_pipeline: gives the backbone for a device.
        load_encoder: gives the image encoder for a device.
    """

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        store: ObjectStore,
        thresholds: Mapping[str, float] | None = None,
        *,
        load_pipeline: Callable[[Identity, str], Any] = load_backbone,
        load_encoder: Callable[[Encoder, str], ClipEncoder] = load_encoder,
    ) -> None:
        self._settings = settings
        self._profile = profile
        self._store = store
        self._looks = Looks(store, profile, thresholds)
        self._device = choose_device(settings.device)
        self._load_pipeline = load_pipeline
        self._load_encoder = load_encoder

    @cached_property
    def _pipeline(self) -> Any:
        return self._load_pipeline(self._profile.identity, self._device)

    @cached_property
    def _encoder(self) -> ClipEncoder:
        return self._load_encoder(self._profile.identity.encoder, self._device)

    def make_baseline(self, advance: Callable[[int], None]) -> int:
        """Make the images of the bare backbone that are missing or damaged, and its outcome; how many were made."""
        started = time.monotonic()
        restore_bare()
        profile_id = self._profile.profile_id
        known = existing_outcome(self._store, profile_id, BASELINE)
        if known and known.is_sealed and known.n_pairs == len(self._profile.pairs()):
            return 0  # whole, in whatever way its shards were cut
        shards: tuple[ShardFile, ...] = ()
        made = 0
        for number, pairs in enumerate(self._profile.baseline_shards()):
            file, n_new = self._shard(BASELINE, number, pairs, "")
            shards, made = (*shards, file), made + n_new
            advance(len(pairs))
        if known is None or known.shards != shards:
            outcome = OutcomeRecord(
                profile_id=profile_id,
                lora_id=BASELINE,
                status="embedded",
                shards=shards,
                n_pairs=len(self._profile.pairs()),
                seconds=round(time.monotonic() - started, 3),
                attempted_at=datetime.now(UTC),
                code_version=__version__,
            )
            write_outcome(self._store, outcome)
        return made

    def index(self, task: LoraTask, advance: Callable[[int], None]) -> OutcomeRecord:
        """Measure one LoRA, or copy its measurement, and record how it went.

        A LoRA that has an outcome already, whole shards and as many pairs as the task asks for, is left as it is.

        Raises:
            PassingError: storage or device failed for now; nothing is recorded, so that a retry goes on from here.
        """
        profile_id = self._profile.profile_id
        known = existing_outcome(self._store, profile_id, task.lora_id)
        if known is not None and _has_enough(known, task):
            return known
        outcome = copy_measured(self._store, profile_id, task)
        if outcome is None or not _has_enough(outcome, task):
            outcome = self._measure(task, advance)
            if known is not None and outcome.status != "embedded":
                log.warning("%s could not be measured further: %s", task.lora_id[:12], outcome.detail)
                return known
        else:
            advance(self._profile.looks()[-1])
        write_outcome(self._store, outcome)
        log.info("%s: %s%s", task.lora_id[:12], outcome.status, f" ({outcome.detail})" if outcome.detail else "")
        return outcome

    def _measure(self, task: LoraTask, advance: Callable[[int], None]) -> OutcomeRecord:
        started = time.monotonic()
        saved = patched = None
        status: Literal["embedded", "unpatched", "failed"] = "embedded"
        reason: str | None = None
        detail: str | None = None
        shards: tuple[ShardFile, ...] = ()
        n_pairs, look = 0, None
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{task.lora_id}.safetensors"
                self._store.download(task.file_key, path)
                _check_file(path, task.file_key)
                scale = self._profile.identity.lora.scale
                with attached(self._pipeline, path, scale, task.stated_scale) as attachment:
                    saved, patched = attachment.modules_saved, attachment.modules_patched
                    if patched:
                        shards, n_pairs, look = self._make_shards(task, advance)
                    else:
                        status, reason = "unpatched", "no_layer_patched"
                        detail = f"none of the {saved} modules of the file match the backbone"
        except (IndexingFailed, NotFound) as exc:
            status = "failed"
            reason, detail = (exc.reason, exc.detail) if isinstance(exc, IndexingFailed) else ("file_gone", str(exc))
        is_embedded = status == "embedded"
        return OutcomeRecord(
            profile_id=self._profile.profile_id,
            lora_id=task.lora_id,
            status=status,
            reason=reason,
            detail=detail,
            shards=shards if is_embedded else (),
            n_pairs=n_pairs if is_embedded else 0,
            modules_saved=saved,
            modules_patched=patched,
            seconds=round(time.monotonic() - started, 3),
            attempted_at=datetime.now(UTC),
            code_version=__version__,
            measure_key=task.measure_key,
            open=look.open if look else (),
            full_cosine_lower=look.full_cosine_lower if look else None,
            strength_error=look.strength_error if look else None,
        )

    def _suffix(self, task: LoraTask) -> str:
        use = self._profile.identity.lora
        if use.trigger_words == "ignore":
            return ""
        return "".join(use.separator + word for word in task.trigger_words)

    def _key(self, lora_id: str, number: int) -> str:
        return shard_key(self._profile.profile_id, lora_id, number)

    def _make_shards(
        self, task: LoraTask, advance: Callable[[int], None]
    ) -> tuple[tuple[ShardFile, ...], int, Look | None]:
        """Make the shards of a LoRA that are not there whole, as many as it needs; their pairs, and the last look."""
        files: list[ShardFile] = []
        n_pairs, look = 0, None
        looks = self._profile.looks()
        for number, pairs in enumerate(self._profile.shards()):
            files.append(self._shard(task.lora_id, number, pairs, self._suffix(task))[0])
            n_pairs += len(pairs)
            advance(len(pairs))
            if self._profile.budget and n_pairs in looks and n_pairs >= min(task.at_least, looks[-1]):
                look = self._looks.look(files)
                if self._settings.budget == "first look" or (self._settings.budget == "settled" and look.is_settled):
                    break
        if n_pairs < looks[-1]:
            advance(looks[-1] - n_pairs)
        return tuple(files), n_pairs, look

    def _shard(self, lora_id: str, number: int, pairs: Sequence[Pair], suffix: str) -> tuple[ShardFile, int]:
        """A shard that is there whole, or else is made; and how many images that took."""
        key = self._key(lora_id, number)
        file = existing_shard(self._store, key, [(prompt.prompt_id, seed) for prompt, seed in pairs])
        if file is not None:
            return file, 0
        return write_shard(self._store, key, self._rows(lora_id, pairs, suffix)), len(pairs)

    def _rows(self, lora_id: str, pairs: Sequence[Pair], suffix: str) -> list[dict[str, Any]]:
        sampler = self._profile.identity.sampler
        together = self._settings.images_per_step or images_at_once(sampler, self._device)
        with sharing_cores(self._device, self._settings.threads):
            images = sample_images(self._pipeline, sampler, pairs, suffix, together)
            facts = [look_at(image) for image in images]
            pictures = [to_pil(image) for image in images]
            features = self._encoder.embed_images(pictures)
        kept = set(evidence_pairs(self._profile, self._settings.evidence_pairs))
        for (prompt, seed), picture in zip(pairs, pictures, strict=True):
            if (prompt.prompt_id, seed) in kept:
                key = evidence_key(self._profile.profile_id, lora_id, prompt.prompt_id, seed)
                self._store.write(key, _webp(picture))
        return [
            {
                "prompt_id": prompt.prompt_id,
                "seed": seed,
                "embedding": None if fact.flag == "nan" else feature,
                "image_mean": fact.mean,
                "image_std": fact.std,
                "flag": fact.flag,
            }
            for (prompt, seed), feature, fact in zip(pairs, features, facts, strict=True)
        ]


def _has_enough(outcome: OutcomeRecord, task: LoraTask) -> bool:
    return outcome.status != "embedded" or outcome.n_pairs >= task.at_least


def _check_file(path: Path, key: str) -> None:
    """Hold a file's bytes against their hash, which is its key: those of another LoRA would pass for this one's."""
    stated = key.removeprefix("files/").removesuffix(".safetensors")
    if not _SHA256.fullmatch(stated):
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != stated:
        raise IndexingFailed("file_changed", f"{key} holds other bytes than were taken in: their hash is {found}")


def _webp(picture: Any) -> bytes:
    buffer = io.BytesIO()
    # Small pictures are kept exactly; a megapixel photograph loses nothing that an analyst would see at quality 90.
    picture.save(buffer, "WEBP", lossless=picture.width * picture.height <= 256 * 256, quality=90)
    return buffer.getvalue()

"""Judging one listed file: fetched, examined, kept in the store or quarantined, and remembered by a receipt.

A verdict on bytes is remembered. What a live source refuses or answers in place of a file is no verdict on bytes: it
gets no receipt, so that the file is asked for again when its shard is (`raw.awaited`).
"""

import json
import logging
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from carlos_tasks.errors import NotFound, PermanentError, RejectedFile
from carlos_tasks.intake.receipts import Verdict, read_receipt, receipt_key, write_receipt
from carlos_tasks.lora.check import Examined, examine_file
from carlos_tasks.lora.scale.config import MAX_BYTES, state_config, state_fault
from carlos_tasks.lora.sketch.kept import keep_sketch
from carlos_tasks.sources.back_off import NoAnswer
from carlos_tasks.sources.listing import FetchesConfigs, Listing, Source
from carlos_tasks.sources.live import LiveSource
from carlos_tasks.store.keys import file_key, quarantine_prefix
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason

# What a source said of a file without giving its bytes.
_NOT_GIVEN = frozenset({Reason.NOT_PUBLIC, Reason.MISSING_FILE})
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileIntake:
    """Judges one file after the other, each through the same local file."""

    source: Source
    store: ObjectStore
    accepted_base_models: Collection[str] | None
    max_bytes: int
    path: Path

    def judge(self, listing: Listing) -> tuple[Verdict, bool]:
        """Return the verdict on a listed file, and whether the store had its bytes before.

        A verdict without a file and a reason: something else answered in the source's place.
        """
        try:
            state = self.source.fingerprint(listing)
            receipt = receipt_key(self.source.uri, listing, state, self.accepted_base_models, self.max_bytes)
            verdict = read_receipt(self.store, receipt)
            if verdict is not None and self._is_remembered(verdict) and self._is_kept(verdict):
                return verdict, True
            self.source.fetch(listing, self.path, self.max_bytes)
        except NoAnswer as exc:
            log.warning("file %s of model %s is asked for again: %s", listing.file_id, listing.model_id, exc)
            return Verdict(None), False
        except NotFound:
            return Verdict(None, Reason.MISSING_FILE, "the source lists it and has no bytes for it"), False
        except RejectedFile as exc:
            verdict, is_known = Verdict(None, Reason(exc.reason), exc.detail), False
        else:
            verdict, is_known = self._examine(listing)
        if self._is_remembered(verdict):
            write_receipt(self.store, receipt, verdict)
        return verdict, is_known

    def _is_remembered(self, verdict: Verdict) -> bool:
        is_page = verdict.reason is Reason.WEB_PAGE and isinstance(self.source, LiveSource)
        return verdict.reason not in _NOT_GIVEN and not is_page

    def _is_kept(self, verdict: Verdict) -> bool:
        """Tell whether the bytes of a verdict are still where it put them, as many as there were."""
        if verdict.file is None:
            return True
        return self._holds(verdict.quarantine_key or file_key(verdict.file.lora_id), verdict.file.size_bytes)

    def _examine(self, listing: Listing) -> tuple[Verdict, bool]:
        unpack_to = self.path.with_name(f"{self.path.name}-unpacked")
        try:
            examined = examine_file(
                self.path,
                sha256_claimed=listing.sha256_claimed,
                size_claimed=listing.size_bytes,
                accepted_base_models=self.accepted_base_models,
                unpack_to=unpack_to,
                max_bytes=self.max_bytes,
                stated_scale=self._stated_scale(listing),
            )
            path = examined.unpacked or self.path  # of a zip, what was in it is the LoRA
            file = examined.file
            if examined.reason is None:
                keep_sketch(self.store, path, file.lora_id, file.base_model, file.stated_scale)
                return Verdict(file), self._keep(path, file_key(file.lora_id))
            quarantine_key = self._quarantine(path, listing, examined)
        finally:
            self.path.unlink(missing_ok=True)
            unpack_to.unlink(missing_ok=True)
        return Verdict(examined.file, examined.reason, examined.detail, quarantine_key), False

    def _stated_scale(self, listing: Listing) -> str | None:
        """Return what the configuration beside the file states; a live source fetches it now."""
        if listing.config_path is None or not isinstance(self.source, FetchesConfigs):
            return listing.stated_scale
        try:
            return state_config(self.source.fetch_config(listing, MAX_BYTES))
        except NotFound:
            return state_fault("is listed, and cannot be fetched")
        except RejectedFile as exc:
            return state_fault(f"cannot be read: {exc.detail}")
        except ValueError as exc:
            return state_fault(f"is {exc}")

    def _keep(self, path: Path, key: str) -> bool:
        """Store a local file under a key that its hash gives, unless it is there whole; tell whether it was."""
        is_known = self._holds(key, path.stat().st_size)
        if not is_known:
            self.store.upload(path, key)
        return is_known

    def _holds(self, key: str, n_bytes: int) -> bool:
        try:
            return self.store.info(key).size == n_bytes
        except NotFound:
            return False

    def _quarantine(self, path: Path, listing: Listing, examined: Examined) -> str:
        """Keep a refused file with what its source says of it; the first listing of the same bytes stays."""
        prefix = quarantine_prefix(examined.file.lora_id)
        self._keep(path, f"{prefix}file")
        if not self._is_whole(f"{prefix}rejection.json"):
            story = {
                "source_uri": self.source.uri,
                "listing": asdict(listing) | {"payload": json.loads(listing.payload)},
                "file": asdict(examined.file),
                "reason": examined.reason,
                "detail": examined.detail,
            }
            write_sealed(self.store, f"{prefix}rejection.json", json.loads(canonical_json(story)))
        return f"{prefix}file"

    def _is_whole(self, key: str) -> bool:
        try:
            read_sealed(self.store, key)
        except (NotFound, PermanentError):
            return False
        return True

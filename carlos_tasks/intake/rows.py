"""Rows of the intake parquet (`carlos_tasks.intake.schema`): one per listing, one per rejection."""

import hashlib
from typing import Any

from carlos_tasks.lora.backbones.claims import read_claim
from carlos_tasks.lora.check import CHECKS_VERSION, LoraFile
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.keys import file_key
from carlos_tasks.store.objects import ObjectInfo
from carlos_tasks.untrusted.json_values import canonical_json


def listing_row(
    listing: Listing, shard: ObjectInfo, file: LoraFile | None, sha256: str | None = None
) -> dict[str, Any]:
    """Return the row of a listing.

    Args:
        file: None where its bytes were not taken in.
        sha256: of its bytes, where they were read.
    """
    return {
        "kind": "listing",
        "source": listing.source,
        "model_id": listing.model_id,
        "version_id": listing.version_id,
        "file_id": listing.file_id,
        "shard_key": shard.key,
        "seen_at": shard.last_modified,
        "lora_id": file.lora_id if file else None,
        "payload_sha256": hashlib.sha256(listing.payload).hexdigest(),
        "name": listing.name,
        "version_name": listing.version_name,
        "description": listing.description,
        "creator": listing.creator,
        "tags": listing.tags,
        "base_model_claimed": listing.base_model_claimed,
        "base_model_named": read_claim(listing.base_model_claimed),
        "trained_words": listing.trained_words,
        "nsfw_level": listing.nsfw_level,
        "file_name": listing.file_name,
        "file_format": listing.file_format,
        "size_bytes": listing.size_bytes,
        "sha256_claimed": listing.sha256_claimed,
        "published_at": listing.published_at,
        "license": canonical_json(listing.license),
        "payload": listing.payload,
        "notes": listing.notes + notes_on_hashes(listing, sha256),
        "lora": lora_facts(listing, file) if file else None,
    }


def notes_on_hashes(listing: Listing, sha256: str | None) -> tuple[str, ...]:
    """Return a note for each sidecar whose SHA-256 is not the file's: one of the two was changed since."""
    if sha256 is None:
        return ()
    return tuple(
        f"{name}: its SHA-256 is not the file's, which is {sha256}"
        for name, stated in listing.sha256s_beside.items()
        if sha256 not in stated
    )


def lora_facts(listing: Listing, file: LoraFile) -> dict[str, Any]:
    """Return the facts of `core.lora`: trigger words as the listing gives them, else as the file does."""
    return {
        "family": file.family,
        "base_model": file.base_model,
        "base_model_evidence": file.base_model_evidence,
        "rank": file.rank,
        "alpha": file.alpha,
        "n_modules": file.n_modules,
        "n_modules_matched": file.n_modules_matched,
        "modules": canonical_json(file.modules),
        "tensors_sha256": file.tensors_sha256,
        "base_model_in_metadata": file.base_model_in_metadata,
        "base_model_in_metadata_named": file.base_model_in_metadata_named,
        "license": file.license,
        "trigger_words": list(listing.trained_words or file.trigger_words),
        "frequent_tags": list(file.frequent_tags),
        "size_bytes": file.size_bytes,
        "metadata": canonical_json(file.metadata),
        "file_key": file_key(file.lora_id),
        "checks_version": CHECKS_VERSION,
        "scale_told_by": file.scale_told_by,
        "is_scale_known": file.is_scale_known,
        "scale_detail": file.scale_detail,
        "stated_scale": file.stated_scale,
        "scale_key": file.scale_key,
    }


def rejection_row(
    rejection: Rejection, shard: ObjectInfo, quarantine_key: str | None, is_listed: bool = False
) -> dict[str, Any]:
    """Return the row of a record or file that is refused; `is_listed`: it has a listing row as well."""
    return {
        "kind": "rejection",
        "source": rejection.source,
        "model_id": rejection.model_id,
        "version_id": rejection.version_id,
        "file_id": rejection.file_id,
        "shard_key": shard.key,
        "seen_at": shard.last_modified,
        "lora_id": rejection.lora_id,
        "rejection": {
            "reason": rejection.reason.value,
            "detail": rejection.detail,
            "quarantine_key": quarantine_key,
            "is_listed": is_listed,
        },
    }

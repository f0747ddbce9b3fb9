"""A dump in Civitai's shape in object storage: `models/*.json` (pages of models), `files/<file id>` (their bytes)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lake.objects import ObjectInfo, ObjectStore
from carlos_tasks.lora.reasons import Reason
from carlos_tasks.sources.civitai import read_model
from carlos_tasks.sources.listing import Listing, Rejection

SOURCE = "civitai-dump"


class CivitaiDump:
    """Pages of models, each page a shard, and the files beside them."""

    def __init__(self, store: ObjectStore) -> None:
        self.uri = f"{SOURCE}:{store.uri}"
        self._store = store

    def shards(self) -> Iterator[ObjectInfo]:
        """List the pages in the order of their keys."""
        return (info for info in self._store.list("models/") if info.key.endswith(".json"))

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one page up."""
        return self._store.info(shard_key)

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """Read one page; a page that is not JSON is one Rejection."""
        models = _models_of(self._store.read(shard_key))
        if models is None:
            detail = "not JSON with a list of models"
            yield Rejection(SOURCE, shard_key, "", "", lora_id=None, reason=Reason.RECORD_INVALID, detail=detail)
            return
        for number, model in enumerate(models):
            yield from read_model(SOURCE, model, f"{shard_key}#{number}")

    def fingerprint(self, listing: Listing) -> str:
        """Return the size and etag of the stored bytes."""
        info = self._store.info(_file_key(listing))
        return f"{info.size}-{info.etag}"

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Copy the bytes, after a look at their size."""
        fetch_object(self._store, _file_key(listing), path, max_bytes)


def fetch_object(store: ObjectStore, key: str, path: Path, max_bytes: int) -> None:
    """Download one object of a source unless it is too large.

    Raises:
        RejectedFile: it is larger than max_bytes; nothing is downloaded.
    """
    size = store.info(key).size
    if size > max_bytes:
        raise RejectedFile(Reason.FILE_TOO_LARGE, f"{size} bytes, at most {max_bytes} are taken in")
    store.download(key, path)


def _file_key(listing: Listing) -> str:
    return f"files/{listing.file_id}"  # digits only, checked when the record was read


def _models_of(page: bytes) -> list[Any] | None:
    try:
        parsed = json.loads(page)
    except (ValueError, RecursionError):
        return None
    models = parsed.get("items") if isinstance(parsed, dict) else parsed
    return models if isinstance(models, list) else None

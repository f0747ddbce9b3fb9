"""A dump in Civitai's shape in object storage: `models/*` (shards of models), `files/<file id>` (their bytes).

A shard is a page of the API, a list of models or JSON lines, plain, gzip or zstd (`shard_file.ENDINGS`). A dump
without any file is metadata alone: its listings have no bytes that could be missing.
"""

import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from carlos_tasks.errors import NotFound, RejectedFile
from carlos_tasks.sources.civitai import SOURCE, read_model
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.shard_file import ENDINGS, Fault, read_shard_file
from carlos_tasks.store.objects import ObjectInfo, ObjectStore
from carlos_tasks.untrusted.reasons import Reason

KIND = "civitai-dump"
_FILES = "files/"


class CivitaiDump:
    """Shards of models, and the files beside them, which are listed once for all shards that are read."""

    def __init__(self, store: ObjectStore) -> None:
        self.uri = f"{KIND}:{store.uri}"
        self._store = store

    def shards(self) -> Iterator[ObjectInfo]:
        """List the shards in the order of their keys."""
        return (info for info in self._store.list("models/") if info.key.endswith(ENDINGS) and not info.is_link)

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one shard up."""
        return self._store.info(shard_key)

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """Read one shard; where it cannot be read any further, that is its last Rejection."""
        has_bytes = bool(self._files)
        with tempfile.TemporaryDirectory(prefix="carlos-shard-") as room:
            path = Path(room) / "shard"
            self._store.download(shard_key, path)
            for number, model in enumerate(read_shard_file(path, shard_key)):
                where = f"{shard_key}#{number}"
                if isinstance(model, Fault):
                    yield Rejection(SOURCE, where, "", "", lora_id=None, reason=model.reason, detail=model.detail)
                else:
                    yield from read_model(SOURCE, model, where, has_bytes=has_bytes)

    def fingerprint(self, listing: Listing) -> str:
        """Return the size and etag of the stored bytes, as they were when the files were listed."""
        try:
            return self._files[int(listing.file_id)]
        except KeyError as exc:
            raise NotFound(f"no object {_file_key(listing)}") from exc

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Copy the bytes, after a look at their size."""
        fetch_object(self._store, _file_key(listing), path, max_bytes)

    @cached_property
    def _files(self) -> dict[int, str]:
        """One listing in place of one question for each record: about 200 bytes of memory a file."""
        found = ((info.key.removeprefix(_FILES), info) for info in self._store.list(_FILES))
        return {int(name): f"{info.size}-{info.etag}" for name, info in found if name.isascii() and name.isdigit()}


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
    return f"{_FILES}{listing.file_id}"  # digits only, checked when the record was read

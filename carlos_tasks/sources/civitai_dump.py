"""A dump in Civitai's shape in object storage: `models/*` (shards of models), `files/<file id>` (their bytes).

A shard is a page of the API, a list of models or JSON lines, plain, gzip or zstd (`shard_file.ENDINGS`). A dump
without any file is metadata alone: its listings have no bytes that could be missing. Shards whose names nobody could
open again are refused together, as a shard of their own.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from carlos_tasks.errors import NotFound, RejectedFile
from carlos_tasks.sources.civitai import SOURCE, read_model
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.shard_file import ENDINGS, Fault, read_shard_file
from carlos_tasks.store.objects import ObjectInfo, ObjectStore, checked_key
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line

KIND = "civitai-dump"
MAX_KEY_CHARS = 1024
_FILES = "files/"
_MODELS = "models/"
UNUSABLE = "shards with unusable names"  # a key of ours: those of the dump begin with models/


class CivitaiDump:
    """Shards of models, and the files beside them, which are listed once for all shards that are read."""

    def __init__(self, store: ObjectStore) -> None:
        self.uri = f"{KIND}:{store.uri}"
        self._store = store

    def shards(self) -> Iterator[ObjectInfo]:
        """List the shards in the order of their keys, those that cannot be opened last and as one."""
        unusable = []
        for info in self._listed():
            if _is_usable(info.key):
                yield info
            else:
                unusable.append(info)
        if unusable:
            yield _as_one(unusable)

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one shard up."""
        if shard_key != UNUSABLE:
            return self._store.info(shard_key)
        if unusable := self._unusable():
            return _as_one(unusable)
        raise NotFound(f"{self.uri} has no shard with an unusable name")

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """Read one shard; where it cannot be read any further, that is its last Rejection."""
        if shard_key == UNUSABLE:
            yield from map(_refuse, self._unusable())
            return
        has_bytes = self.has_files
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
        if state := self._files.get(int(listing.file_id)):
            return state
        raise NotFound(f"no object {_file_key(listing)}")

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Copy the bytes, after a look at their size."""
        fetch_object(self._store, _file_key(listing), path, max_bytes)

    def gives_now(self, file_id: str) -> bool:
        """Tell whether a file that was missing is there; an empty id asks for any file at all."""
        return bool(self._files.get(int(file_id))) if file_id else self.has_files

    @property
    def has_files(self) -> bool:
        """Whether the dump has any file; one without is metadata alone."""
        return bool(self._files)

    def _listed(self) -> Iterator[ObjectInfo]:
        return (info for info in self._store.list(_MODELS) if info.key.endswith(ENDINGS) and not info.is_link)

    def _unusable(self) -> list[ObjectInfo]:
        return [info for info in self._listed() if not _is_usable(info.key)]

    @cached_property
    def _files(self) -> dict[int, str]:
        """One listing in place of one question for each record: about 200 bytes of memory a file.

        A link has an empty state: it is a file of the dump, and cannot be fetched.
        """
        found = ((info.key.removeprefix(_FILES), info) for info in self._store.list(_FILES))
        return {
            int(name): "" if info.is_link else f"{info.size}-{info.etag}" for name, info in found if _is_file_id(name)
        }


def fetch_object(store: ObjectStore, key: str, path: Path, max_bytes: int) -> None:
    """Download one object of a source unless it is too large.

    Raises:
        RejectedFile: it is larger than max_bytes; nothing is downloaded.
    """
    size = store.info(key).size
    if size > max_bytes:
        raise RejectedFile(Reason.FILE_TOO_LARGE, f"{size} bytes, at most {max_bytes} are taken in")
    store.download(key, path)


def _is_file_id(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 20 and name == str(int(name))


def _is_usable(key: str) -> bool:
    try:
        return len(checked_key(key)) <= MAX_KEY_CHARS
    except ValueError:
        return False


def _as_one(shards: list[ObjectInfo]) -> ObjectInfo:
    """Sum shards up that cannot be opened: the etag changes when any of them does."""
    state = "\n".join(f"{info.key!a}\t{info.size}\t{info.etag}" for info in shards)
    etag = hashlib.sha256(state.encode()).hexdigest()[:32]
    return ObjectInfo(UNUSABLE, sum(i.size for i in shards), max(i.last_modified for i in shards), etag)


def _refuse(shard: ObjectInfo) -> Rejection:
    """Refuse a shard for its name; two that look alike once they are cleaned stay two by a digest."""
    name = shard.key.encode(errors="surrogatepass")
    shown = f"{clean_line(shard.key)} ({hashlib.sha256(name).hexdigest()[:8]})"
    detail = "a shard whose name is too long or has odd characters: rename it"
    return Rejection(SOURCE, shown, "", "", lora_id=None, reason=Reason.SHARD_UNREADABLE, detail=detail)


def _file_key(listing: Listing) -> str:
    return f"{_FILES}{listing.file_id}"  # digits only, checked when the record was read

"""A folder of LoRA files, local or a prefix in a bucket, with the sidecars that LoRA managers write.

A shard is one directory (the top is "."), so that a folder that did not change costs one listing of it. A
file's id is its path below the folder, as the store lists it: the store checks it again when the bytes are
fetched. Symbolic links are not followed; each is refused, so that it is seen. What lies in a directory whose name
nobody could open again is refused with the top.
"""

import hashlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from carlos_tasks.errors import NotFound
from carlos_tasks.sources.civitai_dump import fetch_object
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.sidecar import ENDINGS, MAX_BYTES, read_sidecar
from carlos_tasks.store.objects import ObjectInfo, ObjectStore, checked_key
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line

# Pickles and archives are listed too: the checks refuse them by their bytes, and so they are seen.
MODEL_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".zip")
MAX_PATH_CHARS = 1024
TOP = "."


class Folder:
    """Every directory with model files in it is a shard."""

    def __init__(self, store: ObjectStore) -> None:
        self.uri = f"folder:{store.uri}"
        self._store = store

    def shards(self) -> Iterator[ObjectInfo]:
        """List the directories that hold model files or links."""
        objects = sorted(self._store.list(), key=lambda info: (_directory(info), info.key))
        for directory, group in groupby(objects, key=_directory):
            members = list(group)
            if any(_is_record(info) for info in members):
                yield _shard_of(directory, members)

    def shard(self, shard_key: str) -> ObjectInfo:
        """Look one directory up."""
        members = self._members(shard_key)
        if not members:
            raise NotFound(f"no files in {shard_key!r} of {self.uri}")
        return _shard_of(shard_key, members)

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """List the model files and links of one directory."""
        members = {info.key: info for info in self._members(shard_key)}
        for info in members.values():
            if _is_record(info):
                yield self._listing(info, members)

    def gives_now(self, file_id: str) -> bool:
        """Say no: a file that comes back is a change of its directory."""
        return False

    def fingerprint(self, listing: Listing) -> str:
        """Return the size and etag of the file."""
        info = self._store.info(listing.file_id)
        return f"{info.size}-{info.etag}"

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Copy the file, after a look at its size."""
        fetch_object(self._store, listing.file_id, path, max_bytes)

    def _members(self, shard_key: str) -> list[ObjectInfo]:
        prefix = "" if shard_key == TOP else f"{shard_key}/"
        return [info for info in self._store.list(prefix) if _directory(info) == shard_key]

    def _listing(self, info: ObjectInfo, members: dict[str, ObjectInfo]) -> Listing | Rejection:
        if info.is_link:
            return self._refuse(info, Reason.LINK, "a symbolic link, which is not followed")
        if not _is_usable(info.key):
            return self._refuse(
                info, Reason.RECORD_INVALID, "a path that is too long, leads away or has odd characters"
            )
        stem = str(PurePosixPath(info.key).with_suffix(""))
        facts = {
            "source": self.uri,
            "model_id": stem,
            "version_id": "",
            "file_id": info.key,
            "file_name": clean_line(PurePosixPath(info.key).name),
            "file_format": PurePosixPath(info.key).suffix.removeprefix("."),
            "size_bytes": info.size,
        }
        told = self._sidecar(stem, members)
        return Listing(**told | facts | {"name": told.get("name") or clean_line(PurePosixPath(stem).name)})

    def _refuse(self, info: ObjectInfo, reason: Reason, detail: str) -> Rejection:
        shown = clean_line(info.key)
        return Rejection(self.uri, shown, "", shown, lora_id=None, reason=reason, detail=detail)

    def _sidecar(self, stem: str, members: dict[str, ObjectInfo]) -> dict[str, Any]:
        for key in (stem + ending for ending in ENDINGS):
            if key not in members or members[key].is_link:
                continue
            if members[key].size > MAX_BYTES:
                return {"payload": {"sidecar_fault": f"larger than {MAX_BYTES} bytes"}}
            try:
                return read_sidecar(self._store.read(key))
            except NotFound:
                continue  # removed since the listing
            except ValueError:
                return {"payload": {"sidecar_fault": "not a JSON object"}}
        return {}


def _directory(info: ObjectInfo) -> str:
    directory = info.key.rpartition("/")[0]
    return directory if directory and _is_usable(directory) else TOP


def _is_usable(key: str) -> bool:
    try:
        return len(checked_key(key)) <= MAX_PATH_CHARS
    except ValueError:
        return False


def _is_record(info: ObjectInfo) -> bool:
    return info.is_link or info.key.lower().endswith(MODEL_ENDINGS)


def _shard_of(directory: str, members: list[ObjectInfo]) -> ObjectInfo:
    """Sum a directory up: its etag changes when any file of it does."""
    state = "\n".join(f"{info.key}\t{info.size}\t{info.etag}" for info in sorted(members, key=lambda i: i.key))
    etag = hashlib.sha256(state.encode(errors="surrogateescape")).hexdigest()[:32]
    return ObjectInfo(directory, sum(i.size for i in members), max(i.last_modified for i in members), etag)

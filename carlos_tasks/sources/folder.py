"""A folder of LoRA files, local or a prefix in a bucket, with what lies beside them (`beside`).

A shard is one directory (the top is "."), so that a folder that did not change costs one listing of it. A
file's id is its path below the folder, as the store lists it: the store checks it again when the bytes are
fetched. Symbolic links are not followed; each is refused, so that it is seen. What lies in a directory whose name
nobody could open again is refused with the top.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from carlos_tasks.errors import NotFound
from carlos_tasks.lora.scale.config import MAX_BYTES as MAX_CONFIG_BYTES
from carlos_tasks.sources.beside.adapter_config import SHARED, config_key, is_config_of, read_stated
from carlos_tasks.sources.beside.forms import MAX_BYTES, sidecar_keys, stem_of
from carlos_tasks.sources.beside.merge import Beside, merge_sidecars
from carlos_tasks.sources.beside.versions import Clues, Digests, digests_of
from carlos_tasks.sources.civitai_dump import fetch_object
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.objects import ObjectInfo, ObjectStore, checked_key
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line

# Pickles and archives are listed too: the checks refuse them by their bytes, and so they are seen.
MODEL_ENDINGS = (".safetensors", ".sft", ".pt", ".pth", ".ckpt", ".bin", ".zip")
MAX_PATH_CHARS = 1024
MAX_HASHED_BYTES = 4 * 2**30  # of a file that is hashed to tell its version
_SAFETENSORS = "safetensors"
FORMATS = {"sft": _SAFETENSORS}  # the same under a shorter name
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
        stem, ending = stem_of(info.key), PurePosixPath(info.key).suffix.removeprefix(".")
        facts = {
            "source": self.uri,
            "model_id": stem,
            "version_id": "",
            "file_id": info.key,
            "file_name": clean_line(PurePosixPath(info.key).name),
            "file_format": FORMATS.get(ending.lower(), ending),
            "size_bytes": info.size,
        }
        beside = self._sidecars(info, members)
        stated_scale = self._stated_scale(info, members, beside)
        return Listing(
            **{"name": clean_line(PurePosixPath(stem).name)} | _for_listing(beside) | facts,
            stated_scale=stated_scale,
            sha256s_beside=beside.sha256s if ending.lower() != "zip" else {},  # of the zip, or of what is in it
            notes=tuple(beside.notes),
        )

    def _refuse(self, info: ObjectInfo, reason: Reason, detail: str) -> Rejection:
        shown = clean_line(info.key)
        return Rejection(self.uri, shown, "", shown, lora_id=None, reason=reason, detail=detail)

    def _sidecars(self, info: ObjectInfo, members: dict[str, ObjectInfo]) -> Beside:
        keys = [key for key in sidecar_keys(info.key) if key in members and not members[key].is_link]
        clues = Clues(PurePosixPath(info.key).name, partial(self._digests, info))
        readers = {PurePosixPath(key).name: partial(self._read_small, members[key], MAX_BYTES) for key in keys}
        return merge_sidecars(readers, clues)

    def _stated_scale(self, info: ObjectInfo, members: dict[str, ObjectInfo], beside: Beside) -> str | None:
        """Read the configuration in the file's folder, if it is for the file; adds a base model that it names."""
        key = config_key(info.key)
        if key not in members or (is_its := is_config_of(info.key, members)) is False:
            return None
        if is_its is None:
            beside.notes.append(f"{PurePosixPath(key).name}: lies beside several files, passed over")
            return SHARED
        stated, base_model, note = read_stated(partial(self._read_small, members[key], MAX_CONFIG_BYTES))
        if base_model:
            beside.fields.setdefault("base_model_claimed", base_model)
        beside.payload["adapter_config"] = stated
        beside.notes += [note] if note else []
        return stated

    def _read_small(self, info: ObjectInfo, max_bytes: int) -> bytes:
        if info.is_link:
            raise ValueError("a link, which is not followed")
        if info.size > max_bytes:
            raise ValueError(f"larger than {max_bytes} bytes")
        try:
            return self._store.read(info.key)
        except NotFound as exc:
            raise ValueError("removed while the folder was read") from exc

    def _digests(self, info: ObjectInfo) -> Digests | None:
        if info.size > MAX_HASHED_BYTES:
            return None
        with tempfile.TemporaryDirectory(prefix="carlos-hash-") as room:
            path = Path(room) / "file"
            try:
                self._store.download(info.key, path)
            except NotFound:
                return None
            return digests_of(path)


def _for_listing(beside: Beside) -> dict[str, Any]:
    lists = {name: tuple(beside.fields[name]) for name in ("tags", "trained_words") if name in beside.fields}
    return beside.fields | lists | {"payload": canonical_json(beside.payload)}


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

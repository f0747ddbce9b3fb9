"""Seals: the hashes of the files that DuckLake writes, one object per commit, each naming the hash of the one before.

DuckLake keeps no hash of its files, so a flipped bit in one is read as it stands. A seal is written right after a
commit, beside the lake and not in it: a commit stays one snapshot. Where the process dies in between, the next commit
seals what is not yet. Only files that came since the last seal are read.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.data_files import DataFile, data_files
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.place import store_of
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import SEALS_PREFIX, seal_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once

log = logging.getLogger(__name__)

_NEXT_FILE = "select max(next_file_id) from __ducklake_metadata_carlos.ducklake_snapshot"
# Seals of so many snapshots back are looked through for the newest one before all are.
_RECENT = 500
# Files of more bytes are not held in memory.
_HELD_BYTES = 16 * 2**20


class SealedFile(BaseModel):
    """A file as it was when it was sealed; `key` is its key in the store."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    size_bytes: int


class Seal(BaseModel):
    """The files that came after snapshot `after`, up to `snapshot_id`; `previous_sha256` is of the seal of `after`.

    `next_file_id`: the number that the catalog gives the next file: a file that was merged from others has rows of
    earlier snapshots, and a later number. Seals of an older version, which merged nothing, have none.
    """

    model_config = ConfigDict(frozen=True)

    snapshot_id: int
    after: int
    previous_sha256: str | None
    next_file_id: int | None = None
    files: tuple[SealedFile, ...]


def seal_commit(con: duckdb.DuckDBPyConnection) -> None:
    """Seal what the lake has written since the last seal; what cannot be sealed now, the next commit seals."""
    try:
        with lake_errors():
            seal(con, open_store(store_of(con)))
    except CarlosError as exc:
        log.warning("the commit is not sealed yet; the next one does that: %s", exc)


def seal(con: duckdb.DuckDBPyConnection, store: ObjectStore) -> Seal | None:
    """Write the seal of the newest snapshot; None where it has one."""
    ((newest,),) = con.execute("select id from carlos.current_snapshot()").fetchall()
    last = _newest_key(store, newest)
    after = -1 if last is None else int(last.removeprefix(SEALS_PREFIX).removesuffix(".json"))
    if after >= newest:
        return None
    before = None if last is None else store.read(last)
    previous = None if before is None else hashlib.sha256(before).hexdigest()
    own = [file for file in _since(con, store, after, before) if file.is_own]
    with at_once() as each:
        files = tuple(filter(None, each(lambda file: _sealed(store, file), own)))
    ((next_file_id,),) = con.execute(_NEXT_FILE).fetchall()
    made = Seal(snapshot_id=newest, after=after, previous_sha256=previous, next_file_id=next_file_id, files=files)
    store.write(seal_key(newest), made.model_dump_json().encode())
    return made


def _since(con: duckdb.DuckDBPyConnection, store: ObjectStore, after: int, before: bytes | None) -> list[DataFile]:
    """The files that no seal names yet; one that is named keeps the hash that it had then."""
    try:
        from_file = None if before is None else Seal.model_validate_json(before).next_file_id
    except ValidationError:
        from_file = None
    if before is None or from_file is not None:
        return data_files(con, after=after, from_file=from_file)
    named, _ = read_seals(store)
    return [file for file in data_files(con) if file.key not in named]


def _sealed(store: ObjectStore, file: DataFile) -> SealedFile | None:
    try:
        sha256, size = _hash(store, file) if file.size_bytes > _HELD_BYTES else _hash_held(store.read(file.key))
    except NotFound:
        sha256, size = _hash_held(b"")
    if size != file.size_bytes:
        log.warning("%s is not sealed: it has %d bytes, and was written with %d", file.key, size, file.size_bytes)
        return None
    return SealedFile(key=file.key, sha256=sha256, size_bytes=size)


def _hash_held(data: bytes) -> tuple[str, int]:
    return hashlib.sha256(data).hexdigest(), len(data)


def _hash(store: ObjectStore, file: DataFile) -> tuple[str, int]:
    """Hash a large file from disk: the listings of one commit can have hundreds of megabytes."""
    with tempfile.TemporaryDirectory(prefix="carlos-seal-") as room:
        path = Path(room) / "file"
        store.download(file.key, path)
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size


def _newest_key(store: ObjectStore, newest: int) -> str | None:
    recent = seal_key(max(newest - _RECENT, 0))
    for start_after in (recent, ""):
        keys = [item.key for item in store.list(SEALS_PREFIX, start_after)]
        if keys:
            return keys[-1]
    return None


def read_seals(store: ObjectStore) -> tuple[dict[str, SealedFile], list[Damage]]:
    """Every sealed file by its key, and what is wrong with the chain of the seals."""
    files: dict[str, SealedFile] = {}
    damages: list[Damage] = []
    hashes: dict[int, str | None] = {-1: None}
    for key, data in _seals(store):
        try:
            found = Seal.model_validate(json.loads(data))
            if seal_key(found.snapshot_id) != key:
                raise ValueError(f"it is the seal of snapshot {found.snapshot_id}")
        except (ValidationError, ValueError, RecursionError) as exc:
            damages.append(_broken(key, f"not a seal: {str(exc).splitlines()[0][:200]}"))
            continue
        if found.after not in hashes or hashes[found.after] != found.previous_sha256:
            damages.append(_broken(key, f"it does not follow from the seal of snapshot {found.after}"))
        hashes[found.snapshot_id] = hashlib.sha256(data).hexdigest()
        files |= {file.key: file for file in found.files}
    return files, damages


def _seals(store: ObjectStore) -> Iterator[tuple[str, bytes]]:
    keys = [item.key for item in store.list(SEALS_PREFIX) if item.key.endswith(".json")]
    with at_once() as each:
        yield from zip(keys, each(store.read, keys), strict=True)


def _broken(key: str, detail: str) -> Damage:
    return Damage("", "", key, Fault.SEAL_BROKEN, detail)

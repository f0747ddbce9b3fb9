"""What a backup is: its objects, and for each backup a catalog, a list of the objects, and `backup.json`, written last.

| key | what lies there |
|---|---|
| `objects/<key in the store>/<version>-<sha256>` | the bytes of an object; all backups share them |
| `backups/<id>/catalog.duckdb` | the catalog's tables, as of one moment |
| `backups/<id>/objects.parquet` | the objects of that backup: key, size_bytes, sha256, path |
| `backups/<id>/backup.json` | when and of what it was made, with which versions; hashes of these two |

A version follows from what the store's listing says of an object, so that a listing of both tells what is still to be
copied, and nothing has to be read twice. Nothing is ever changed in a backup.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.store.objects import ObjectInfo, ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed

FORMAT = 1
OBJECTS, BACKUPS = "objects/", "backups/"
#: Objects up to this size pass through memory, larger ones over a temporary file.
_IN_MEMORY = 32 * 2**20

KEPT = pa.schema([("key", pa.string()), ("size_bytes", pa.int64()), ("sha256", pa.string()), ("path", pa.string())])


class Kept(NamedTuple):
    """An object of a backup: its key in the store, and where its bytes lie in the backup (`path`)."""

    key: str
    size_bytes: int
    sha256: str
    path: str


class File(BaseModel):
    """A file beside `backup.json`."""

    model_config = ConfigDict(frozen=True)

    path: str
    sha256: str
    size_bytes: int


class Backup(BaseModel):
    """A whole backup. `faults`: keys of objects that the lake names, and that were missing or damaged then."""

    model_config = ConfigDict(frozen=True)

    format: int
    backup_id: str
    created_at: AwareDatetime
    snapshot_id: int
    store: str
    catalog: File
    objects: File
    n_objects: int
    n_bytes: int
    faults: tuple[str, ...]
    versions: dict[str, str]


def folder_of(backup_id: str) -> str:
    """What the keys of one backup's own files begin with."""
    return f"{BACKUPS}{backup_id}/"


def version_of(item: ObjectInfo) -> str:
    """Where the bytes of an object lie as it is listed now, without their hash."""
    version = hashlib.sha256(f"{item.size} {item.etag}".encode()).hexdigest()[:16]
    return f"{OBJECTS}{item.key}/{version}-"


def kept_objects(place: ObjectStore) -> dict[str, str]:
    """What a backup's place has already: the paths by `version_of`."""
    paths = (item.key for item in place.list(OBJECTS))
    return {path[: path.rindex("-") + 1]: path for path in paths if "-" in path}


def keep(source: ObjectStore, item: ObjectInfo, place: ObjectStore) -> Kept:
    """Copy an object into a backup's place.

    Raises:
        NotFound: it is not in the store any more.
    """
    with tempfile.TemporaryDirectory(prefix="carlos-backup-") as folder:
        if item.size <= _IN_MEMORY:
            data = source.read(item.key)
            sha256, size = hashlib.sha256(data).hexdigest(), len(data)
            place.write(path := version_of(item) + sha256, data)
        else:
            local = Path(folder) / "object"
            source.download(item.key, local)
            sha256, size = sha256_of(local), local.stat().st_size
            place.upload(local, path := version_of(item) + sha256)
    return Kept(item.key, size, sha256, path)


def give_back(place: ObjectStore, kept: Kept, target: ObjectStore) -> bool:
    """Copy an object from a backup to a store; False where the backup's bytes are not those that it kept."""
    try:
        if kept.size_bytes <= _IN_MEMORY:
            data = place.read(kept.path)
            if is_whole := hashlib.sha256(data).hexdigest() == kept.sha256:
                target.write(kept.key, data)
            return is_whole
        with tempfile.TemporaryDirectory(prefix="carlos-restore-") as folder:
            local = Path(folder) / "object"
            place.download(kept.path, local)
            if is_whole := sha256_of(local) == kept.sha256:
                target.upload(local, kept.key)
            return is_whole
    except NotFound:
        return False


def keep_file(place: ObjectStore, backup_id: str, local: Path) -> File:
    """Upload one of a backup's own files."""
    path = folder_of(backup_id) + local.name
    place.upload(local, path)
    return File(path=path, sha256=sha256_of(local), size_bytes=local.stat().st_size)


def fetch_file(place: ObjectStore, file: File, folder: Path) -> Path:
    """Download one of a backup's own files.

    Raises:
        PermanentError: it is not what was written.
    """
    local = folder / Path(file.path).name
    try:
        place.download(file.path, local)
    except NotFound as exc:
        raise PermanentError(f"the backup at {place.uri} is damaged: {file.path} is missing") from exc
    if sha256_of(local) != file.sha256:
        raise PermanentError(f"the backup at {place.uri} is damaged: {file.path} has not the bytes that were written")
    return local


def write_backup(place: ObjectStore, backup: Backup) -> None:
    """Make a backup whole."""
    write_sealed(place, f"{folder_of(backup.backup_id)}backup.json", backup.model_dump(mode="json"))


def backup_ids(place: ObjectStore) -> list[str]:
    """The backups that are whole, oldest first."""
    return [item.key.split("/")[1] for item in place.list(BACKUPS) if item.key.endswith("/backup.json")]


def open_backup(place: ObjectStore, backup_id: str | None = None) -> Backup:
    """Read a backup; None: the newest that is whole.

    Raises:
        NotFound: there is none, or none of that id.
        PermanentError: it is damaged, or of a later version of CARLoS.
    """
    ids = backup_ids(place)
    if not ids:
        raise NotFound(f"there is no whole backup at {place.uri}: carlos lake backup makes one")
    if backup_id is not None and backup_id not in ids:
        raise NotFound(f"there is no backup {backup_id} at {place.uri}, only {', '.join(ids[-10:])}")
    key = f"{folder_of(backup_id or ids[-1])}backup.json"
    told = read_sealed(place, key)
    if told.get("format") != FORMAT:
        raise PermanentError(f"{key} has the format {told.get('format')}: its versions were {told.get('versions')}")
    try:
        return Backup.model_validate(told)
    except ValidationError as exc:
        raise PermanentError(f"{key} is broken: {exc.errors()[0]['msg']}") from exc


def sha256_of(path: Path) -> str:
    """SHA-256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_chunks(items: list[ObjectInfo], size: int) -> Iterator[list[ObjectInfo]]:
    """Cut a list."""
    for start in range(0, len(items), size):
        yield items[start : start + size]

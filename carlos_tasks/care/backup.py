"""Backing the lake up: the catalog as of one moment, then every object of the store, and `backup.json` at the end.

Commits and care may go on meanwhile. What the catalog names is never changed, and what it no longer needs is removed a
day after (`clean_up`): the lake's own files are copied first, right after the catalog. A backup that was killed is
none; the next one copies what is not there yet.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.care.archive import (
    FORMAT,
    KEPT,
    Backup,
    Kept,
    in_chunks,
    keep,
    keep_file,
    kept_objects,
    version_of,
    write_backup,
)
from carlos_tasks.errors import NotFound, PassingError, SettingsError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.catalog_copy import copy_catalog, ducklake_format, newest_snapshot, read_copy
from carlos_tasks.lake.data_files import data_files
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.place import store_of
from carlos_tasks.lake.statements import statement
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import COPIES, LAKE, RESTORING_KEY, SHARDS, VERIFICATIONS
from carlos_tasks.store.objects import ObjectInfo, ObjectStore
from carlos_tasks.threads import at_once
from carlos_tasks.version import __version__

#: What is not copied: work that is under way, and begins anew elsewhere, and what a night makes anew.
_UNDER_WAY = (VERIFICATIONS, RESTORING_KEY, COPIES)
_CHUNK = 500


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds and how much of it was copied now, or would be. `backup_id`: None where nothing was written.

    `faults`: keys of objects that the lake names and that are missing, or are not as they were committed.
    """

    backup_id: str | None
    snapshot_id: int
    n_objects: int
    n_bytes: int
    n_copied: int
    n_bytes_copied: int
    faults: tuple[str, ...] = ()


def backup(settings: Settings, place_uri: str, *, dry_run: bool = False) -> BackupReport:
    """Back the lake up to a folder or to S3; what earlier backups have copied there is not copied again.

    Args:
        settings: where the lake lies.
        place_uri: where the backups lie.
        dry_run: copy nothing, and tell how much would be copied.

    Raises:
        NotFound: there is no lake.
        SettingsError: the place is in the store, or the store in it.
        PassingError: catalog or storage did not answer; run it again, and it goes on.
    """
    store, place = open_store(settings.store), open_store(place_uri)
    _refuse_within(store.uri, place.uri)
    with tempfile.TemporaryDirectory(prefix="carlos-backup-") as folder:
        catalog, listed = Path(folder) / "catalog.duckdb", Path(folder) / "objects.parquet"
        created_at = datetime.now(UTC)
        copy_catalog(settings, catalog)
        with read_copy(catalog) as con:
            snapshot, was_at, ducklake = newest_snapshot(con), store_of(con), ducklake_format(con)
            # Shards that an older version registered count where the newest snapshot has them: some were made again.
            named = {file.key: file.size_bytes for file in data_files(con) if file.is_own or file.is_current}
        items = list(_objects(store, named))
        there = kept_objects(place)
        new = [item for item in items if version_of(item) not in there]
        size, new_size = (sum(item.size for item in some) for some in (items, new))
        if dry_run:
            return BackupReport(None, snapshot, len(items), size, len(new), new_size)
        sizes = _keep_all(store, items, there, place, listed, len(new))
        faults = {key for key, n_bytes in named.items() if sizes.get(key) != n_bytes}
        faults.update(_shards_not_kept(settings, snapshot, listed))
        backup_id = f"{created_at:%Y%m%dT%H%M%S.%fZ}-{snapshot}"
        made = Backup(
            format=FORMAT,
            backup_id=backup_id,
            created_at=created_at,
            snapshot_id=snapshot,
            store=was_at,
            catalog=keep_file(place, backup_id, catalog),
            objects=keep_file(place, backup_id, listed),
            n_objects=len(items),
            n_bytes=size,
            faults=tuple(sorted(faults)),
            versions={"carlos": __version__, "duckdb": duckdb.__version__, "ducklake_format": ducklake},
        )
        write_backup(place, made)
    return BackupReport(backup_id, snapshot, len(items), size, len(new), new_size, made.faults)


def _refuse_within(store: str, place: str) -> None:
    one, other = (f"{uri.rstrip('/')}/" for uri in (store, place))
    if one.startswith(other) or other.startswith(one):
        raise SettingsError(f"{place} is no place for a backup of {store}: name one that lies outside of it")


def _objects(store: ObjectStore, named: dict[str, int]) -> Iterator[ObjectInfo]:
    """What a backup has of a store: of the lake's own files those that the catalog names, and they come first."""
    yield from (item for item in store.list(LAKE) if item.key in named)
    yield from (item for item in store.list() if not item.is_link and not item.key.startswith((LAKE, *_UNDER_WAY)))


def _keep_all(
    store: ObjectStore,
    items: list[ObjectInfo],
    there: dict[str, str],
    place: ObjectStore,
    listed: Path,
    n_new: int,
) -> dict[str, int]:
    """Copy what is not there yet and list all; returns the sizes of files that a catalog may name."""

    def kept(item: ObjectInfo) -> Kept | None:
        if path := there.get(version_of(item)):
            return Kept(item.key, item.size, path.rpartition("-")[2], path)
        try:
            return keep(store, item, place)
        except NotFound:
            if item.key.startswith(LAKE):
                raise PassingError(f"{item.key} was removed while it was backed up: run it again") from None
            return None  # moved aside, or written over in a folder: the catalog's manifest says whether it is missed

    sizes: dict[str, int] = {}
    with progress("back up", max(n_new, 1), "objects") as advance, pq.ParquetWriter(listed, KEPT) as writer:
        for chunk in in_chunks(items, _CHUNK):
            with at_once() as each:
                found = [one for one in each(kept, chunk) if one is not None]
            writer.write_table(pa.Table.from_pylist([one._asdict() for one in found], schema=KEPT))
            sizes |= {one.key: one.size_bytes for one in found if one.key.startswith((LAKE, SHARDS))}
            advance(sum(version_of(item) not in there for item in chunk))
    return sizes


def _shards_not_kept(settings: Settings, snapshot: int, listed: Path) -> Sequence[str]:
    """Shards that the lake has at the backup's snapshot, and the backup has not as they were committed."""
    with connect(settings, snapshot=snapshot) as con, lake_errors():
        try:
            found = con.execute(statement("ask/care/shards_not_kept"), {"objects": str(listed)}).fetchall()
        except duckdb.CatalogException:
            return []  # an older version has no manifest, and its catalog names the shards
    return [key for (key,) in found]

"""Restoring a backup at a place where nothing is: objects first, then the catalog, which then names the new place.

A mark in the store says which backup is being restored there, so that a restore that was killed goes on. It is taken
away at the end.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from carlos_tasks.care.archive import Backup, Kept, fetch_file, give_back, open_backup
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake.catalog import connect, connect_to_catalog
from carlos_tasks.lake.catalog_copy import newest_snapshot, put_catalog
from carlos_tasks.lake.catalog_indexes import add_indexes
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.relocation import relocate
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import RESTORING_KEY
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed
from carlos_tasks.threads import at_once

_CHUNK = 500


@dataclass(frozen=True)
class Restored:
    """What was restored, or would be. `n_copied`: objects that were copied now; the others were there already.

    `damaged`: keys of objects whose bytes in the backup are not those that it kept; they were left out.
    """

    backup: Backup
    n_copied: int
    damaged: tuple[str, ...] = ()


def restore(settings: Settings, place_uri: str, backup_id: str | None = None, *, dry_run: bool = False) -> Restored:
    """Restore a backup into an empty store and an empty catalog, or go on with a restore that was killed.

    Args:
        settings: where the lake is to lie.
        place_uri: where the backups lie.
        backup_id: which; None: the newest that is whole.
        dry_run: copy nothing, and tell how much would be copied.

    Raises:
        NotFound: there is no such backup.
        PermanentError: store or catalog have something else; or catalog or list of the backup are damaged.
        PassingError: catalog or storage did not answer; run it again, and it goes on.
    """
    store, place = open_store(settings.store), open_store(place_uri)
    chosen = open_backup(place, backup_id)
    is_begun = _begun(store, chosen)
    catalog_at = _newest_in(settings)
    if not is_begun and catalog_at:
        raise PermanentError(f"the catalog has a lake already, of {catalog_at} snapshots: restore to an empty one")
    with tempfile.TemporaryDirectory(prefix="carlos-restore-") as folder:
        catalog, listed = (fetch_file(place, file, Path(folder)) for file in (chosen.catalog, chosen.objects))
        there = {item.key: item.size for item in store.list()}
        n_new = sum(len(missing) for missing in _missing(listed, there))
        if dry_run:
            return Restored(chosen, n_new)
        if not is_begun:
            write_sealed(store, RESTORING_KEY, {"backup_id": chosen.backup_id})
        damaged: list[str] = []
        with progress("restore", max(n_new, 1), "objects") as advance, at_once() as each:
            for missing in _missing(listed, there):
                whole = each(lambda kept: give_back(place, kept, store), missing)
                damaged += [kept.key for kept, is_whole in zip(missing, whole, strict=True) if not is_whole]
                advance(len(missing))
        _put_catalog(settings, store, catalog, catalog_at)
    store.delete(RESTORING_KEY)
    return Restored(chosen, n_new - len(damaged), tuple(damaged))


def _begun(store: ObjectStore, chosen: Backup) -> bool:
    """Whether a restore of this backup was begun there; PermanentError where something else is."""
    try:
        told = read_sealed(store, RESTORING_KEY).get("backup_id")
    except NotFound:
        if first := next(iter(store.list()), None):
            raise PermanentError(
                f"{store.uri} is not empty, {first.key} lies there: restore to an empty place"
            ) from None
        return False
    if told != chosen.backup_id:
        raise PermanentError(f"the backup {told} is being restored to {store.uri}: go on with --backup {told}")
    return True


def _newest_in(settings: Settings) -> int:
    """The newest snapshot of the catalog that is to be filled; 0: there is none, or nothing was committed to it."""
    try:
        with connect_to_catalog(settings) as con, lake_errors():
            return newest_snapshot(con)
    except NotFound:
        return 0


def _missing(listed: Path, there: dict[str, int]) -> Iterator[list[Kept]]:
    """The objects of a backup that are not there, or not whole, some at a time."""
    for batch in pq.ParquetFile(listed).iter_batches(_CHUNK):
        yield [kept for row in batch.to_pylist() if there.get((kept := Kept(**row)).key) != kept.size_bytes]


def _put_catalog(settings: Settings, store: ObjectStore, copy: Path, catalog_at: int) -> None:
    """Fill the catalog in one transaction, unless it is filled, and make it name the store's place in another one."""
    if not catalog_at:
        with connect(settings, read_only=False):  # it makes DuckLake's tables
            pass
        with connect_to_catalog(settings) as con:
            put_catalog(con, copy)
    with connect_to_catalog(settings) as con, lake_errors():
        relocate(con, store, incomplete=True)
        add_indexes(con)

"""Expiring old snapshots, but none that anything names: a decision, the ledger, a report, an evaluation, a threshold.

An expired snapshot cannot be read any more. What no other snapshot has of its files is put on DuckLake's list of files
to delete, and `clean_up` removes it a day later. `core.expired_snapshot` keeps what each was.
"""

from dataclasses import dataclass
from datetime import timedelta

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import OF_SNAPSHOTS, snapshot_folder
from carlos_tasks.store.objects import ObjectStore

#: A year and a month: who asks in a year's report what the lake said a year ago still gets an answer.
OLDER_THAN = timedelta(days=400)
#: A lake in which little happens keeps so many snapshots, however old.
KEEP_LAST = 100


@dataclass(frozen=True)
class Expiry:
    """Snapshots that were expired, or would be: rows of snapshot_id, committed_at, message; and how many old ones stay.

    `n_named`: those that are old as well, and that something names.
    """

    expired: tuple[Row, ...]
    n_named: int


def expire(
    settings: Settings, older_than: timedelta = OLDER_THAN, keep_last: int = KEEP_LAST, *, dry_run: bool = False
) -> Expiry:
    """Expire the snapshots that are old and that nothing names, all in one commit.

    Args:
        settings: where the lake lies.
        older_than: age of the snapshots; younger ones stay.
        keep_last: the newest snapshots, of any age, that stay.
        dry_run: change nothing, and tell which would be expired.

    Raises:
        NotFound: there is no lake.
        PassingError: a commit came in between, or catalog or storage did not answer; run it again.
    """
    store = open_store(settings.store)
    with connect(settings, read_only=dry_run, create=False) as con, lake_errors():
        if dry_run:
            return _found(con, store, older_than, keep_last)
        migrate(con)
        facts: Row = {}
        # What names a snapshot is read where it expires: a decision that is committed meanwhile is a conflict.
        with transaction(con, "expire", facts):
            found = _found(con, store, older_than, keep_last)
            ids = [row["snapshot_id"] for row in found.expired]
            if ids:
                facts["n_snapshots"] = run_statement(con, "add_expired_snapshots", {"snapshot_ids": ids})
                con.execute("call ducklake_expire_snapshots('carlos', versions => $ids::ubigint[])", {"ids": ids})
    return found


def needed_snapshots(con: duckdb.DuckDBPyConnection, store: ObjectStore) -> dict[int, tuple[str, ...]]:
    """The snapshots that may not be expired: by number, what names each."""
    kept = dict(filter(None, (snapshot_folder(item.key) for prefix in OF_SNAPSHOTS for item in store.list(prefix))))
    needed: dict[int, tuple[str, ...]] = {}
    asked = {"keys": list(kept), "key_snapshots": list(kept.values())}
    for row in rows(con, statement("ask/care/needed_snapshots"), asked):
        needed[row["snapshot_id"]] = (*needed.get(row["snapshot_id"], ()), row["reason"])
    return needed


def _found(con: duckdb.DuckDBPyConnection, store: ObjectStore, older_than: timedelta, keep_last: int) -> Expiry:
    needed = needed_snapshots(con, store)
    old = rows(
        con, statement("ask/care/old_snapshots"), {"seconds": older_than.total_seconds(), "keep_last": keep_last}
    )
    expired = tuple(row for row in old if row["snapshot_id"] not in needed)
    return Expiry(expired, len(old) - len(expired))

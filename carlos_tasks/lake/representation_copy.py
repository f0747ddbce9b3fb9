"""The copy that rankings in SQL read: Directions and names in DuckDB's own format, several times as fast as parquet.

A night writes one where there are many LoRAs, and another once a twentieth of them came after it; those are read from
the lake. The row of `core.representation_copy` names the copy that agrees with the lake: whoever replaces a
representation takes that row away (`void_copy`), and without it, as at a snapshot before it, a copy is never used.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb

from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.place import urls_of
from carlos_tasks.lake.quoting import literal
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import COPIES, copy_key
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)

#: LoRAs below which parquet answers in a tenth of a second, and a copy brings nothing.
WORTH_A_COPY = 20_000
#: A copy is made anew when this share of the LoRAs came after it.
_SHARE_NEW = 0.05
# So many rows lie together: each core takes some of them, and a name is looked for in few of them.
_ROWS_TOGETHER = 16_384
# A copy that is not named any more may still be read, and one that is not named yet may be about to be.
_KEPT = timedelta(days=1)
_HINT = f"searches in SQL take longer. The next night makes another; if that does not help, empty {COPIES}"


def attach_copy(con: duckdb.DuckDBPyConnection) -> bool:
    """Attach the copy, where the lake has one; tells whether questions use it.

    A copy that cannot be used is said in the log, and questions are answered without it.
    """
    try:
        copy_id = _named(con)
    except duckdb.CatalogException:  # a lake, or a snapshot, of before there were copies
        return False
    if copy_id is None:
        return False
    is_used = _n_new(con, copy_id) is not None
    if not is_used:
        log.warning("the copy for rankings cannot be read, or is of another state of the lake: %s", _HINT)
    return is_used


def detach_copy(con: duckdb.DuckDBPyConnection) -> None:
    """Let go of the copy: from now on questions are answered from the lake alone."""
    con.execute("reset variable carlos_copy")
    con.execute("detach database if exists carlos_copy")


def give_up_copy(con: duckdb.DuckDBPyConnection, exc: duckdb.Error) -> bool:
    """After an error of a question: whether it may be the copy's. Then the copy is let go of: ask again."""
    if not isinstance(exc, duckdb.IOException):
        return False
    ((name,),) = con.execute("select getvariable('carlos_copy')").fetchall()
    if name is None:
        return False
    log.warning("the copy for rankings is gone or damaged, and is not used any more: %s", _HINT)
    detach_copy(con)
    return True


def void_copy(con: duckdb.DuckDBPyConnection) -> None:
    """Within the transaction that replaces or deletes measured representations: the copy does not agree any more."""
    con.execute("delete from core.representation_copy")


def renew_copy(settings: Settings, *, worth: int = WORTH_A_COPY) -> bool:
    """Write a new copy where that is worth it; tells whether it did.

    Killed in between, the lake says that there is no copy, or that the one of before is it. That a copy could not be
    written is said in the log and is no error: the lake is whole without it.
    """
    store = open_store(settings.store)
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        try:
            n_loras = int(
                con.execute("select count(*) from core.representation where measured = 'measured'").fetchall()[0][0]
            )
            is_due = n_loras >= worth and not _is_fresh(con, n_loras)
            if is_due:
                _write(con, store)
            if n_loras >= worth:
                _remove_old(store, _named(con))
        except (duckdb.Error, CarlosError, OSError) as exc:
            log.warning("no copy for rankings was made (%s): %s", type(exc).__name__, _HINT)
            return False
    return is_due


def _named(con: duckdb.DuckDBPyConnection) -> str | None:
    """The copy that agrees with the lake."""
    found = con.execute("select copy_id from core.representation_copy").fetchall()
    return str(found[0][0]) if found else None


def _is_fresh(con: duckdb.DuckDBPyConnection, n_loras: int) -> bool:
    copy_id = _named(con)
    n_new = None if copy_id is None else _n_new(con, copy_id)
    detach_copy(con)
    return n_new is not None and n_new <= n_loras * _SHARE_NEW


def _n_new(con: duckdb.DuckDBPyConnection, copy_id: str) -> int | None:
    """Attach a copy and tell how many representations came after it; None, and not attached: it cannot be used."""
    (url,) = urls_of(con, [copy_key(copy_id)])
    try:
        con.execute(f"attach {literal(url)} as carlos_copy (read_only)")
        con.execute("set variable carlos_copy = 'carlos_copy'")
        (state,) = rows(con, statement("ask/lake/representation_copy"))
        if state["is_right"]:
            return int(state["n_new"])
    except duckdb.Error as exc:
        log.info("%s: %s", url, exc)
    detach_copy(con)
    return None


def _write(con: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    copied_at = snapshot_id(con)
    copy_id = f"{copied_at:020d}-{uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="carlos-copy-") as folder:
        path = Path(folder) / "copy.duckdb"
        with _new_file(con, path):
            con.execute("set variable carlos_copy_id = $copy_id", {"copy_id": copy_id})
            con.execute("begin")
            for name in ("copy_representations", "copy_listings", "copy_row"):
                con.execute(statement(f"commit/{name}"))
            con.execute("commit")
            row = con.execute("from carlos_new_copy.core.representation_copy").fetchall()[0]
        store.upload(path, copy_key(copy_id))
    with transaction(con, "copy", {"copy_id": copy_id}):
        if snapshot_id(con) == copied_at:  # otherwise a commit came in between, and may have replaced what was copied
            void_copy(con)
            con.execute("insert into core.representation_copy values (?, ?, ?, ?)", row)


def _remove_old(store: ObjectStore, named: str | None) -> None:
    kept = copy_key(named) if named else None
    for info in list(store.list(COPIES)):
        if info.key != kept and info.last_modified < datetime.now(UTC) - _KEPT:
            store.delete(info.key)


@contextmanager
def _new_file(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """Attach a new DuckDB file. Floats of Directions do not compress; read as they lie, they take half the time."""
    con.execute("set force_compression = 'uncompressed'")
    con.execute(f"attach {literal(str(path))} as carlos_new_copy (row_group_size {_ROWS_TOGETHER})")
    try:
        con.execute("create schema carlos_new_copy.core; create schema carlos_new_copy.raw")
        yield
    finally:
        con.execute("detach carlos_new_copy")
        con.execute("set force_compression = 'auto'")

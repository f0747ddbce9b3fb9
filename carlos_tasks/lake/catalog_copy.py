"""A copy of the catalog's own tables in one DuckDB file: taken at one moment, read as a catalog, put into another one.

SQLite and PostgreSQL give the same file, so that a lake can also move from the one to the other.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from carlos_tasks.errors import PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.quoting import literal
from carlos_tasks.settings import Settings

# Seconds that SQLite waits for whoever writes.
_PATIENCE_S = 30
_CATALOG = "__ducklake_metadata_carlos"
_TABLES = (
    "select schema_name, table_name from duckdb_tables() "
    "where database_name = $database and regexp_full_match(table_name, 'ducklake_[a-z0-9_]+') order by all"
)


def copy_catalog(settings: Settings, path: Path) -> None:
    """Copy the catalog as it is at one moment to a new DuckDB file; commits may go on.

    Raises:
        NotFound: there is no lake.
        PassingError: the catalog did not answer.
    """
    with connect(settings) as con, lake_errors(), _standing_still(settings.catalog) as (kind, place):
        con.execute(f"attach {literal(place)} as source (type {kind}, read_only)")
        con.execute(f"attach {literal(str(path))} as copy")
        con.execute("begin")
        for schema, table in con.execute(_TABLES, {"database": "source"}).fetchall():
            con.execute(f'create table copy.{table} as from source."{schema}".{table}')
        con.execute("delete from copy.ducklake_files_scheduled_for_deletion")  # they are not copied
        con.execute("commit")
        con.execute("detach copy")


@contextmanager
def read_copy(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a copy under the name that a catalog has beside its lake: what asks the catalog alone can ask it."""
    with duckdb.connect() as con, lake_errors():
        con.execute(f"attach {literal(str(path))} as {_CATALOG} (read_only)")
        yield con


def put_catalog(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Put a copy into a catalog in place of what it has, in one transaction.

    Args:
        con: that catalog (`carlos_tasks.lake.catalog.connect_to_catalog`).
        path: the copy.

    Raises:
        PermanentError: DuckLake keeps its catalog in another format now.
    """
    with lake_errors():
        con.execute(f"attach {literal(str(path))} as copied (read_only)")
        its, ours = (ducklake_format(con, database) for database in ("copied", _CATALOG))
        if its != ours:
            raise PermanentError(f"the catalog has DuckLake's format {its}, and duckdb {duckdb.__version__} has {ours}")
        con.execute("begin")
        try:
            for _, table in con.execute(_TABLES, {"database": "copied"}).fetchall():
                con.execute(f"delete from {_CATALOG}.{table}")  # noqa: S608
                con.execute(f"insert into {_CATALOG}.{table} by name from copied.{table}")
            con.execute("commit")
        except BaseException:
            con.execute("rollback")
            raise
        con.execute("detach copied")


def ducklake_format(con: duckdb.DuckDBPyConnection, database: str = _CATALOG) -> str:
    """The version of DuckLake's format that a catalog has."""
    asked = f"select value from {database}.ducklake_metadata where key = 'version'"  # noqa: S608
    ((found,),) = con.execute(asked).fetchall()
    return str(found)


def newest_snapshot(con: duckdb.DuckDBPyConnection) -> int:
    """The newest snapshot that a catalog has; 0 where nothing was ever committed."""
    ((found,),) = con.execute(f"select max(snapshot_id) from {_CATALOG}.ducklake_snapshot").fetchall()  # noqa: S608
    return int(found)


@contextmanager
def _standing_still(catalog: str) -> Iterator[tuple[str, str]]:
    """The database of a catalog, as DuckDB attaches it, in which a transaction reads one state.

    Transactions of PostgreSQL do. DuckDB reads SQLite in several connections, each of its own moment, so that of an
    SQLite catalog SQLite itself makes a copy first.
    """
    kind, _, place = catalog.partition(":")
    if kind == "postgres":
        yield kind, place
        return
    with tempfile.TemporaryDirectory(prefix="carlos-catalog-") as folder:
        copy = f"{folder}/catalog.sqlite"
        try:
            with closing(sqlite3.connect(f"{Path(place).as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S)) as con:
                con.execute("vacuum into ?", [copy])
        except sqlite3.OperationalError as exc:
            raise PassingError(f"the catalog at {place} cannot be copied now: {exc}") from exc
        except sqlite3.DatabaseError as exc:
            raise PermanentError(f"the catalog at {place} is damaged: {exc}") from exc
        yield kind, copy

"""Lakes for tests: a copy of one that was migrated once in this process.

`migrate` applies more than a hundred files of SQL; a copy is the catalog's file and a few small parquet files. Each
test has a lake of its own all the same, and it is one that DuckLake made.
"""

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import duckdb

from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.manifest import record_shards
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, check_shards
from carlos_tasks.lake.shards import ShardFile
from carlos_tasks.settings import Settings
from carlos_tasks.store.objects import ObjectStore
from tests.sql.lake_rows import DEFAULTS, fill


def settings_of(folder: Path) -> Settings:
    """Settings of a lake in a folder, with an SQLite catalog; nothing is made."""
    return Settings(store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}")


def migrated_lake(settings: Settings, *, used: bool = True) -> None:
    """Make the lake of `settings`, whose store is a folder: migrated, without rows.

    Args:
        settings: where it is to lie; there is none yet.
        used: every table has held a row before, as in a lake that is some nights old. Of a table that never has,
            DuckLake asks the catalog again for each column of each query (duckdb/ducklake#1313): a view of all signals
            then takes ten times as long. Such a lake has two snapshots more.
    """
    template = _template(used)
    catalog, data = Path(settings.catalog.removeprefix("sqlite:")), Path(settings.store) / "lake"
    catalog.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(template / "store", settings.store, dirs_exist_ok=True)
    with closing(sqlite3.connect(template / "catalog.sqlite")) as made, closing(sqlite3.connect(catalog)) as copy:
        made.backup(copy)
        with copy:
            copy.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{data}/"])


@cache
def _template(used: bool) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="carlos-lake-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = settings_of(folder)
    if not used:
        with connect(settings, read_only=False) as con:
            migrate(con)
        return folder
    migrated_lake(settings, used=False)
    with connect(settings, read_only=False) as con:
        con.execute("begin")
        fill(con, {table: [{}] for table in DEFAULTS})
        con.execute("commit")
        con.execute("begin")
        for table in DEFAULTS:
            con.execute(f"delete from {table}")  # noqa: S608
        con.execute("commit")
    return folder


def put_shards(con: duckdb.DuckDBPyConnection, store: ObjectStore, keys: Sequence[str]) -> None:
    """Put shards that were written into the lake, without a commit."""
    checked = check_shards(store, [ShardFile(key=key) for key in keys], ProfilePairs([]))
    record_shards(con, [found for found in checked if isinstance(found, CheckedShard)], 1)

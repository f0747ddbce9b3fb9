"""Where the lake's store lies, as its catalog spells it.

A catalog names the store in two ways: as the folder of what DuckLake writes (`data_path`), and in the path of each
shard, which stands whole since DuckLake did not write it. So a lake is read and written where its catalog says, under
any spelling of that place, and nowhere else: a copy whose catalog still names the original would read the original,
and add to it.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from carlos_tasks.errors import PermanentError, SettingsError
from carlos_tasks.store.keys import LAKE

_DATA_PATH = "select value from __ducklake_metadata_carlos.ducklake_metadata where key = 'data_path'"


def data_path(store_uri: str) -> str:
    """Where DuckLake writes in a store, as the catalog keeps it."""
    return f"{store_uri}/{LAKE}"


def store_of(con: duckdb.DuckDBPyConnection) -> str:
    """Return the store's place as the catalog of the attached lake spells it; registered paths begin with it.

    Raises:
        PermanentError: the catalog is of a lake that is none of ours.
    """
    ((path,),) = con.execute(_DATA_PATH).fetchall()
    if not str(path).endswith(f"/{LAKE}"):
        raise PermanentError(f"the catalog is of another lake: its data lie at {path}, not in a folder {LAKE}")
    return str(path).removesuffix(f"/{LAKE}")


def urls_of(con: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> list[str]:
    """Return what the catalog calls objects of the store: it may have been opened under another spelling."""
    place = store_of(con)
    return [f"{place}/{key}" for key in keys]


def is_same_place(one: str, other: str) -> bool:
    """Tell whether two places are the same, spelled differently: a link, a relative path, a slash more."""
    if "://" in one or "://" in other:
        return one.rstrip("/") == other.rstrip("/")
    return Path(one).resolve() == Path(other).resolve()


def elsewhere(was: str, asked: str) -> SettingsError:
    """What to say to whoever opens a lake at a place that its catalog does not name."""
    return SettingsError(
        f"the catalog's lake lies at {was}, not at {asked}: set CARLOS_STORE to where it lies; "
        "or, if the store was moved or copied, run carlos relocate, which makes this catalog name the new place"
    )

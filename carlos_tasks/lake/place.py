"""Where the lake's store lies: as its catalog spells it, and after it was moved, copied or restored elsewhere.

A catalog names the store in two ways: as the folder of what DuckLake writes (`data_path`), and in the path of each
shard, which stands whole since DuckLake did not write it. So a lake is read and written where its catalog says, under
any spelling of that place, and nowhere else: a copy whose catalog still names the original would read the original,
and add to it.
`relocate` makes the catalog name another place, in one transaction, once the lake's objects are there.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import duckdb

from carlos_tasks.errors import PassingError, PermanentError, SettingsError
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.store.keys import LAKE, SHARDS
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)

_RELOCATE = "commit/relocate"
_NAMED = "ask/lake/named_objects"
_DATA_PATH = "select value from __ducklake_metadata_carlos.ducklake_metadata where key = 'data_path'"
_SHOWN = 5


@dataclass(frozen=True)
class Relocation:
    """What became of a lake's place.

    Args:
        was: where the catalog said that the store lies.
        is_at: where it says so now.
        n_objects: how many objects the catalog names, of all its snapshots.
        missing: keys of those that are not at `is_at`, or have another size there.
    """

    was: str
    is_at: str
    n_objects: int
    missing: tuple[str, ...]


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


def relocate(con: duckdb.DuckDBPyConnection, store: ObjectStore, *, incomplete: bool = False) -> Relocation:
    """Make the catalog name the store's place, in one transaction; where it does already, only look what is missing.

    Args:
        con: the lake's catalog (`carlos_tasks.lake.catalog.connect_to_catalog`).
        store: where the lake's objects are now. No byte of them is read.
        incomplete: relocate also where objects are missing.

    Raises:
        PermanentError: objects are missing, or lie outside the store.
        SettingsError: no object of the lake is there.
        PassingError: catalog or storage did not answer, or the lake was relocated meanwhile.
    """
    with lake_errors():
        was = store_of(con)
        sizes = dict(con.execute(statement(_NAMED), {"data_path": data_path(was)}).fetchall())
    if outside := [url for url in sizes if not url.startswith(f"{was}/")]:
        raise PermanentError(
            f"the catalog names {len(outside)} files outside of {was}, e.g. {outside[0]}: such a lake cannot be moved"
        )
    named = {url.removeprefix(f"{was}/"): n_bytes for url, n_bytes in sizes.items()}
    there = {item.key: item.size for prefix in (LAKE, SHARDS) for item in store.list(prefix) if not item.is_link}
    missing = tuple(key for key, n_bytes in named.items() if there.get(key) != n_bytes)
    if is_same_place(was, store.uri):
        return Relocation(was, was, len(named), missing)
    _refuse(store.uri, len(named), missing, incomplete)
    with lake_errors():
        _rewrite(con, was, store.uri)
    log.warning("The lake lies at %s now; it lay at %s.", store.uri, was)
    return Relocation(was, store.uri, len(named), missing)


def _refuse(place: str, n_objects: int, missing: tuple[str, ...], incomplete: bool) -> None:
    if n_objects and len(missing) == n_objects:
        raise SettingsError(
            f"no object of the lake is at {place}: copy the whole store there first, or set CARLOS_STORE"
        )
    if missing and not incomplete:
        raise PermanentError(f"{told_missing(n_objects, missing, place)} (--incomplete relocates all the same)")


def told_missing(n_objects: int, missing: tuple[str, ...], place: str) -> str:
    """Say which objects are missing, the first by name, and what to do."""
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return (
        f"{len(missing)} of the {n_objects} objects that the catalog names are not whole at {place}: "
        f"{', '.join(missing[:_SHOWN])}{more}. Copy them there, or restore a catalog that is older than the store"
    )


def _rewrite(con: duckdb.DuckDBPyConnection, was: str, now: str) -> None:
    """Write the new place into the catalog."""
    places = {"was": f"{was}/", "now": f"{now}/"}
    con.execute("begin")
    try:
        counts = [con.execute(part, places).fetchall()[0][0] for part in con.extract_statements(statement(_RELOCATE))]
        if counts[0] != 1:
            raise PassingError("the lake was relocated by somebody else meanwhile; nothing was changed, look again")
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise

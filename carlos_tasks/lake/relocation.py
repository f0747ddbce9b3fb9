"""Making a catalog name another place, after its store was moved, copied or restored elsewhere.

One transaction of the catalog, once the lake's objects are there.
"""

import logging
from dataclasses import dataclass

import duckdb

from carlos_tasks.errors import PassingError, PermanentError, SettingsError
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.place import data_path, is_same_place, store_of
from carlos_tasks.lake.shards import no_rows
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.store.keys import LAKE, NO_SHARDS_KEY, SHARDS
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)

_RELOCATE = "commit/relocate"
_FILES = "ask/lake/data_files"
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
        found = rows(con, statement(_FILES), {"data_path": data_path(was), "after": -1, "from_file": None})
    sizes: dict[str, int] = {row["url"]: row["n_bytes"] for row in found}
    if outside := [url for url in sizes if not url.startswith(f"{was}/")]:
        raise PermanentError(
            f"the catalog names {len(outside)} files outside of {was}, e.g. {outside[0]}: such a lake cannot be moved"
        )
    named = {url.removeprefix(f"{was}/"): n_bytes for url, n_bytes in sizes.items()}
    there = {item.key: item.size for prefix in (LAKE, SHARDS) for item in store.list(prefix) if not item.is_link}
    missing = _missing(named, there)
    if not missing:  # then the manifest can be read, which names the shards
        named |= _manifest(con)
        missing = _missing(named, there)
    if is_same_place(was, store.uri):
        return Relocation(was, was, len(named), missing)
    _refuse(store.uri, len(named), missing, incomplete)
    store.write(NO_SHARDS_KEY, no_rows())
    with lake_errors():
        _rewrite(con, was, store.uri)
    log.info("The lake lies at %s now; it lay at %s.", store.uri, was)
    return Relocation(was, store.uri, len(named), missing)


def _missing(named: dict[str, int], there: dict[str, int]) -> tuple[str, ...]:
    return tuple(key for key, n_bytes in named.items() if there.get(key) != n_bytes)


def _manifest(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Sizes of the shards in the lake, by key; an older version has no manifest, and its catalog named the shards."""
    with lake_errors():
        try:
            return dict(con.execute("select key, size_bytes from core.embedding_shard").fetchall())
        except duckdb.CatalogException:
            return {}


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

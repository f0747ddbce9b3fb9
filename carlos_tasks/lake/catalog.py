"""The DuckLake catalog: connecting to it, and bringing its schema, macros and views up to date."""

import os
from pathlib import Path

import duckdb

from carlos_tasks.errors import NotFound, SettingsError
from carlos_tasks.interruption import stop_at_interruption
from carlos_tasks.lake.extensions import binary, load, open_duckdb
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.migrate import migrate
from carlos_tasks.lake.place import data_path, elsewhere, is_same_place, store_of
from carlos_tasks.lake.quoting import literal
from carlos_tasks.settings import Settings
from carlos_tasks.store import store_uri
from carlos_tasks.store.access import storage_access

__all__ = ["connect", "migrate"]

# No download of extensions, no query that reads the variables of the Python program around it, and no kept secrets.
_NOTHING_FROM_OUTSIDE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    # No secret is read from the home folder, or written there. To forbid them would break the PostgreSQL extension.
    "secret_directory": "/dev/null/secrets",
}
# A server that hangs is given up: object storage after three tries of so many seconds without a byte, PostgreSQL after
# so many for a connection (docs/operations.md says how long that is in all).
_STORAGE_PATIENCE_S, _STORAGE_RETRIES, _CATALOG_PATIENCE_S = 15, 2, 10
_SCANNER = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


def connect(
    settings: Settings, *, read_only: bool = True, create: bool = True, snapshot: int | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the lake: a DuckDB connection with the catalog attached as `carlos` and in use.

    Args:
        settings: `catalog` and `store` say where the lake lies; credentials come from boto3's and libpq's own chains.
        read_only: nothing can be written through the connection.
        create: make a catalog that is not there yet, unless it is only to be read.
        snapshot: read the lake as it was then, tables and views alike (`mart.commit_log` has the numbers); None: as it
            is. Only to read.

    Raises:
        NotFound: there is no catalog yet, and none is to be made; or no such snapshot.
        SettingsError: an extension's wheel is absent, there are no credentials, or the lake's catalog says that it lies
            elsewhere.
        PassingError: catalog or storage did not answer.
    """
    if snapshot is not None and not read_only:
        raise ValueError("what was cannot be written to: a connection to a snapshot is read-only")
    if snapshot is not None and not 0 <= snapshot < 2**63:
        raise _no_snapshot(snapshot)
    create &= not read_only
    kind, _, catalog = settings.catalog.partition(":")
    if kind == "sqlite":
        _prepare_file(Path(catalog), create)
    place = store_uri(settings.store)
    on_s3 = place.startswith("s3://")
    con = _connect_with("ducklake", _SCANNER[kind], *(["httpfs"] if on_s3 else []))
    try:
        with lake_errors():
            con.execute("SET TimeZone = 'UTC'")
            if on_s3:
                con.execute(f"SET http_timeout = {_STORAGE_PATIENCE_S}")
                con.execute(f"SET http_retries = {_STORAGE_RETRIES}")
                _create_secret(con, place)
            _attach_at(con, _with_patience(settings.catalog), place, read_only, create, snapshot)
            con.execute(f"set variable carlos_store = {literal(place)}")  # for core.shard_files
    except BaseException:
        con.close()
        raise
    return con


def connect_to_catalog(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the lake's catalog to write, whatever it says of where the lake lies: for `relocate` alone.

    Raises:
        NotFound: there is no catalog.
        PassingError: it did not answer.
    """
    kind, _, catalog = settings.catalog.partition(":")
    if kind == "sqlite":
        _prepare_file(Path(catalog), create=False)
    place = store_uri(settings.store)
    con = _connect_with("ducklake", _SCANNER[kind], "httpfs")
    try:
        with lake_errors():
            if place.startswith("s3://"):
                _create_secret(con, place)
            # The tables are read where the store is now, whatever the catalog says; it goes on saying that.
            there = data_path(place)
            _attach(con, _with_patience(settings.catalog), there, read_only=False, create=False, override=True)
    except BaseException:
        con.close()
        raise
    return con


def _no_snapshot(snapshot: int | None) -> NotFound:
    return NotFound(f"there is no snapshot {snapshot} of the lake: mart.commit_log lists them")


def _prepare_file(path: Path, create: bool) -> None:
    if path.is_dir():
        raise SettingsError(f"CARLOS_CATALOG names a folder, {path}: name a file in it")
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise NotFound(f"there is no catalog at {path} yet (`carlos index` makes one)")


def _connect_with(*names: str) -> duckdb.DuckDBPyConnection:
    con = open_duckdb(names, _NOTHING_FROM_OUTSIDE)
    stop_at_interruption(con.interrupt)
    return con


def _create_secret(con: duckdb.DuckDBPyConnection, uri: str) -> None:
    """Hand boto3's credentials and endpoint to DuckDB, as parameters: no statement holds them."""
    access = storage_access()
    scheme, _, host = access.endpoint.partition("://")
    bucket = uri.removeprefix("s3://").partition("/")[0]
    con.execute(
        "CREATE OR REPLACE SECRET carlos_store (TYPE s3, KEY_ID $key, SECRET $secret, SESSION_TOKEN $token, "
        "REGION $region, ENDPOINT $endpoint, USE_SSL $ssl, URL_STYLE 'path', SCOPE $scope)",
        {
            "key": access.key,
            "secret": access.secret,
            "token": access.token,
            "region": access.region,
            "endpoint": host,
            "ssl": scheme == "https",
            "scope": f"s3://{bucket}",
        },
    )


def _attach_at(
    con: duckdb.DuckDBPyConnection, catalog: str, store_uri: str, read_only: bool, create: bool, snapshot: int | None
) -> None:
    """Attach the lake whose store lies there; as its catalog spells that place, where there is a lake already."""
    try:
        _attach(con, catalog, data_path(store_uri), read_only, create, snapshot)
    except duckdb.Error as exc:
        if "DATA_PATH" not in str(exc):
            raise
        load(con, binary("httpfs"))  # DuckLake asks for it where the catalog names S3, and reads nothing yet
        _attach(con, catalog, None, read_only, False, snapshot)
        if not is_same_place(was := store_of(con), store_uri):
            raise elsewhere(was, store_uri) from None


def _with_patience(catalog: str) -> str:
    """Let a PostgreSQL server that does not answer be given up, unless the string or PGCONNECT_TIMEOUT says when."""
    kind, _, place = catalog.partition(":")
    if kind != "postgres" or "connect_timeout" in place or "PGCONNECT_TIMEOUT" in os.environ:
        return catalog
    if not place.startswith(("postgres://", "postgresql://")):
        return f"{catalog} connect_timeout={_CATALOG_PATIENCE_S}"
    return f"{catalog}{'&' if '?' in place else '?'}connect_timeout={_CATALOG_PATIENCE_S}"


def _attach(
    con: duckdb.DuckDBPyConnection,
    catalog: str,
    data_path: str | None,
    read_only: bool,
    create: bool,
    snapshot: int | None = None,
    override: bool = False,
) -> None:
    # Inlining off: a small insert would be kept as text in the catalog database, and floats are facts here.
    options = ["DATA_INLINING_ROW_LIMIT 0"]
    if data_path is not None:
        options.append(f"DATA_PATH {literal(data_path)}")
    if override:
        options.append("OVERRIDE_DATA_PATH true")
    if read_only:
        options.append("READ_ONLY")
    if not create:
        options.append("CREATE_IF_NOT_EXISTS false")
    if catalog.startswith("sqlite:"):
        # Readers go on while the one committer writes; the busy time-out is in milliseconds.
        options += ["META_BUSY_TIMEOUT 5000"] + ([] if read_only else ["META_JOURNAL_MODE 'WAL'"])
    if snapshot is not None:
        options.append(f"SNAPSHOT_VERSION {snapshot:d}")
    try:
        con.execute(f"ATTACH {literal(f'ducklake:{catalog}')} AS carlos ({', '.join(options)})")
    except duckdb.InvalidInputException as exc:
        if "No snapshot found" in str(exc):
            raise _no_snapshot(snapshot) from None
        raise
    con.execute("USE carlos")
    # One committer: when another commit came in between, fail and be run again, instead of appending twice.
    con.execute("SET ducklake_max_retry_count = 0")

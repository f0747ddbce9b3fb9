"""DuckDB with its extensions, which come as wheels (`duckdb-extension-<name>`): nothing is downloaded at run time.

DuckDB checks the signature of each binary by hashing it, 35 MB in 0.15 s. It does so once for each file: a mark beside
the binary then says which file it was (docs/decisions/0037).
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import duckdb

from carlos_tasks.errors import SettingsError
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.quoting import literal

ALL = ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs")

# Binaries whose signature was checked in this process, where no mark can be left beside them.
_CHECKED: set[Path] = set()


def open_duckdb(
    names: tuple[str, ...], config: Mapping[str, str | bool | int | float | list[str]]
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory with these extensions.

    No later statement can load an unsigned extension: DuckDB lets a running database forbid that, never allow it.

    Raises:
        SettingsError: an extension's wheel is absent, or is one for another version.
        PermanentError: a binary has not the signature of DuckDB.
    """
    binaries = [binary(name) for name in names]
    is_checked = all(map(_is_checked, binaries))
    con = duckdb.connect(config={**config, "allow_unsigned_extensions": is_checked})
    try:
        with lake_errors():
            for path in binaries:
                load(con, path)
            con.execute("SET allow_unsigned_extensions = false")
    except BaseException:
        con.close()
        raise
    if not is_checked:
        for path in binaries:
            _remember(path)
    return con


def load(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Load an extension into a connection."""
    con.execute(f"LOAD {literal(str(path))}")


def binary(name: str) -> Path:
    """The extension's file in its wheel.

    Raises:
        SettingsError: the wheel is absent, or is one for another version of DuckDB.
    """
    wheel = f"duckdb-extension-{name.replace('_', '-')}"
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or not package.submodule_search_locations:
        raise SettingsError(f"{wheel} is not installed (pip install {wheel}=={duckdb.__version__})")
    folder = Path(package.submodule_search_locations[0])
    path = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise SettingsError(f"{wheel} is not the one for duckdb {duckdb.__version__}")
    return path


def check_all() -> None:
    """Check every extension and leave the marks: for whoever installs into a folder that commands cannot write to."""
    open_duckdb(ALL, {}).close()


def _is_checked(path: Path) -> bool:
    if path in _CHECKED:
        return True
    with suppress(OSError, UnicodeDecodeError):
        return _mark(path).read_text(encoding="utf-8") == _told_of(path)
    return False


def _remember(path: Path) -> None:
    _CHECKED.add(path)
    # Whole or not at all is not needed: half of a mark is none. Where the folder is not ours, the next process checks.
    with suppress(OSError):
        _mark(path).write_text(_told_of(path), encoding="utf-8")


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.checked")


def _told_of(path: Path) -> str:
    """What tells a binary from another one that was put in its place, as Python tells the source of its bytecode."""
    stat = path.stat()
    return f"{stat.st_size} bytes, written at {int(stat.st_mtime)}\n"

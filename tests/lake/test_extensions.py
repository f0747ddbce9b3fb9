"""DuckDB's extensions: a signature is checked once for each file, and anew for whatever is put in its place."""

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from carlos_tasks.errors import CarlosError, SettingsError
from carlos_tasks.lake import extensions
from carlos_tasks.lake.extensions import ALL, binary, check_all, open_duckdb


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the smallest extension's wheel that Python finds first, and a process that has checked nothing."""
    original = binary("httpfs")
    copy = tmp_path / "duckdb_extension_httpfs" / "extensions" / original.parent.name / original.name
    copy.parent.mkdir(parents=True)
    (tmp_path / "duckdb_extension_httpfs" / "__init__.py").touch()
    shutil.copy(original, copy)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(extensions, "_CHECKED", set())
    assert binary("httpfs") == copy
    return copy


def with_wrong_signature(path: Path) -> None:
    """Put one with another last byte, of its signature, in a binary's place; size and times are those of before."""
    stat, other = path.stat(), path.with_suffix(".new")  # a file of its own: the old one is mapped into this process
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)


def test_the_next_process_relies_on_the_mark_of_the_first(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_duckdb(("httpfs",), {}).close()
    assert installed.with_name(f"{installed.name}.checked").is_file()
    with_wrong_signature(installed)
    monkeypatch.setattr(extensions, "_CHECKED", set())
    with open_duckdb(("httpfs",), {}) as con:  # no check: whoever writes here may put anything in DuckDB's own place
        loaded = con.execute("select loaded from duckdb_extensions() where extension_name = 'httpfs'").fetchall()
        assert loaded == [(True,)]
        other = shutil.copy(installed, installed.with_name("other.duckdb_extension"))
        with pytest.raises(duckdb.IOException, match="signature is either missing or invalid"):
            con.execute(f"load '{other}'")
        with pytest.raises(duckdb.InvalidInputException, match="Cannot change"):
            con.execute("set allow_unsigned_extensions = true")


@pytest.mark.parametrize("change", ["written later", "no mark", "mark of another file"])
def test_what_is_not_the_file_of_the_mark_is_checked(
    installed: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    open_duckdb(("httpfs",), {}).close()
    mark = installed.with_name(f"{installed.name}.checked")
    with_wrong_signature(installed)
    if change == "written later":
        later = installed.stat().st_mtime + 1  # a mark has whole seconds, as the layers of an image have
        os.utime(installed, (later, later))
    elif change == "no mark":
        mark.unlink()
    else:
        mark.write_bytes(b"\xff 12 bytes, written at 5\n")
    monkeypatch.setattr(extensions, "_CHECKED", set())
    with pytest.raises(CarlosError, match="signature"):
        open_duckdb(("httpfs",), {})


def test_where_no_mark_can_be_left_the_process_remembers(installed: Path) -> None:
    installed.with_name(f"{installed.name}.checked").mkdir()
    open_duckdb(("httpfs",), {}).close()
    with_wrong_signature(installed)
    open_duckdb(("httpfs",), {}).close()


def test_an_installation_can_be_checked_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    for name in ALL:
        original = binary(name)
        folder = tmp_path / f"duckdb_extension_{name}" / "extensions" / original.parent.name
        folder.mkdir(parents=True)
        (tmp_path / f"duckdb_extension_{name}" / "__init__.py").touch()
        (folder / original.name).symlink_to(original)
        copies.append(folder / original.name)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(extensions, "_CHECKED", set())
    check_all()
    assert all(copy.with_name(f"{copy.name}.checked").is_file() for copy in copies)


def test_a_wheel_that_is_not_there_or_of_another_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"duckdb-extension-no-such is not installed \(pip install"):
        binary("no_such")
    (tmp_path / "duckdb_extension_other").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SettingsError, match="duckdb-extension-other is not the one for duckdb"):
        binary("other")

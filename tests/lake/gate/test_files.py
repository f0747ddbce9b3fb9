"""With files asked for, one's own are read and written, and those of the lake are not."""

import json
from pathlib import Path

import duckdb
import pytest

from carlos_tasks.errors import StatementRefused
from carlos_tasks.lake.gate import GuardedConnection
from carlos_tasks.lake.gate.files import copy_of, own_file
from tests.lake.gate.places import Place


def test_files_of_ones_own_are_read(with_files: GuardedConnection, place: Place) -> None:
    for question in (
        "from 'own.csv'",
        f"from '{place.mine}/own.csv'",
        "from read_csv('own.csv', delim := ',')",
        "from read_csv('*.csv')",
        "select a, b from 'own.csv', core.lora",
        "with own as (from 'own.csv') from own",
    ):
        assert with_files.execute(question).fetchone()[:2] == (1, 2), question
    assert with_files.execute("from 'own.json'").fetchall() == [(1,)]
    assert with_files.execute("select content from read_text('~/.profile')").fetchall() == [("mine\n",)]
    assert len(with_files.execute("from glob('*')").fetchall()) >= 2
    assert with_files.execute("describe 'own.csv'").fetchall()


@pytest.mark.parametrize(
    ("statement", "name", "expected"),
    [
        ("copy (select 1 as a, 'x' as b) to 'one.csv'", "one.csv", "a,b\n1,x\n"),
        ("COPY (select 1 as a) TO 'two.csv' (HEADER false, DELIMITER ';');", "two.csv", "1\n"),
        ("copy (select 1 as a -- more\n) to '3.json' with (format json, array true)", "3.json", '[\n\t{"a":1}\n]\n'),
        ("copy (with t as (values (1)) from t) to 'it''s.csv' (format 'csv', header)", "it's.csv", "col0\n1\n"),
        ("copy core.lora to 'five.csv' (format csv)", "five.csv", ...),
        ("copy mart.lora to 'six.parquet' (format parquet, compression zstd)", "six.parquet", ...),
        ("copy (pivot core.lora on lora_id using count(*)) to 'seven.csv'", "seven.csv", ...),
        ("copy (from 'own.csv') to './own2.csv' (force_quote (a, b))", "own2.csv", '"a","b"\n"1","2"\n'),
    ],
)  # fmt: skip
def test_an_answer_is_written_to_a_file(
    statement: str, name: str, expected: object, with_files: GuardedConnection, place: Place
) -> None:
    before = place.state()
    ((n_rows,),) = with_files.execute(statement).fetchall()
    written = place.mine / name
    try:
        assert n_rows == 1
        assert expected is ... or written.read_text() == expected
        assert place.state().keys() - before.keys() == {str(written)}
    finally:
        written.unlink()
    assert place.state() == before


REFUSED = [
    "copy (select 1 as a) to '{data_file}'",
    "copy (select 1 as a) to '{store}/lake/mine.csv'",
    "copy (select 1 as a) to '{store}/mine.csv'",
    "copy (select 1 as a) to '{store}'",
    "copy (select 1 as a) to '{catalog}'",
    "copy (select 1 as a) to '{catalog}-wal'",
    "copy (select 1 as a) to '{mine}/../lake/catalog.sqlite'",
    "copy (select 1 as a) to '{mine}/../link/catalog.sqlite'",
    "copy (select 1 as a) to '{mine}/..'",
    "copy (select 1 as a) to 's3://carlos-tests/mine.csv'",
    "copy (select 1 as a) to 'http://127.0.0.1:1/mine.csv'",
    "copy (select 1 as a) to 'file://{mine}/mine.csv'",
    "copy (delete from core.lora) to 'mine.csv'",
    "copy (from duckdb_secrets()) to 'mine.csv'",
    "copy (select 1; delete from core.lora) to 'mine.csv'",
    "copy (select 1) to 'a.csv' (format csv)) to 'mine.csv'",
    "copy __ducklake_metadata_carlos.ducklake_metadata to 'mine.csv'",
    "copy duckdb_secrets() to 'mine.csv'",
    "copy core.threshold from 'own.csv'",
    "copy core.lora (lora_id) to 'mine.csv'",
    "copy (select 1 as a) to mine",
    "copy (select 1 as a) to $1",
    "copy (select 1 as a) to e'mine.csv'",
    "copy (select 1 as a) to ('mine' || '.csv')",
    "copy (select 1 as a) to 'mine' (partition_by a)",
    "copy (select 1 as a) to 'mine.csv' (overwrite true)",
    "copy (select 1 as a) to 'mine.csv' (per_thread_output true)",
    "copy (select 1 as a) to 'mine.csv' (filename_pattern '../x')",
    "copy (select 1 as a) to 'mine.csv' (format sqlite)",
    "copy (select 1 as a) to 'mine.csv' (format csv, format postgres)",
    "copy (select 1 as a) to 'mine.csv' (format csv, delimiter (from duckdb_secrets()))",
    "copy (select 1 as a) to 'mine.csv' (delimiter getenv('HOME'))",
    "copy (select 1 as a) to 'mine.csv' csv header",
    "copy (select 1 as a)",
    "copy",
    "explain analyze copy (select 1) to 'mine.csv'",
    "from 'http://127.0.0.1:1/own.csv'",
    "from read_csv('s3://carlos-tests/other/own.csv')",
    "from read_duckdb('own.db')",
    "from 'own.db'",
    "from sqlite_scan('{catalog}', 'ducklake_metadata')",
    "attach '{mine}/own.db' as own",
]  # fmt: skip


def test_the_lake_is_none_of_ones_own_files(with_files: GuardedConnection, place: Place) -> None:
    outside = place.folder / "link"  # into the folder of the lake, from without
    outside.symlink_to(place.folder / "lake")
    before, passed = place.state(), []
    try:
        for attempt in REFUSED:
            statement = attempt.format(**place.names())
            try:
                passed.append((statement, with_files.execute(statement).fetchall()))
            except (StatementRefused, duckdb.Error):
                continue
    finally:
        outside.unlink()
    assert passed == []
    assert {name: was for name, was in before.items() if "/link/" not in name} == place.state()


def test_a_copy_is_written_anew_from_its_parts() -> None:
    copied = copy_of("copy /* to 'a' */ (select ')' -- to\n) to 'it''s.csv' with (header /* (x) */ true)")
    assert copied.query == "select ')' -- to\n"
    assert copied.path == "it's.csv"
    assert copied.options == "(header /* (x) */ true)"


def test_a_path_beside_the_lake_is_ones_own(tmp_path: Path) -> None:
    lake = [tmp_path / "store", tmp_path / "catalog.sqlite"]
    for name in ("result.csv", "store.csv", "catalog.csv", "mine/catalog.sqlite"):
        assert own_file(str(tmp_path / name), lake) == tmp_path / name
    for name in ("", "store", "store/x", "catalog.sqlite", "catalog.sqlite-journal", "mine/../store/x"):
        with pytest.raises(StatementRefused, match="belongs to the lake"):
            own_file(str(tmp_path / name), lake)


def test_the_answer_of_a_copy_in_the_shell_is_a_count(
    folder_place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from carlos_tasks.cli import main
    from carlos_tasks.settings import load_settings

    monkeypatch.setenv("CARLOS_STORE", folder_place.settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", folder_place.settings.catalog)
    monkeypatch.chdir(folder_place.mine)
    load_settings.cache_clear()
    assert main(["sql", "copy core.lora to 'eight.csv'", "--with-files", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"Count": 1}]
    (folder_place.mine / "eight.csv").unlink()

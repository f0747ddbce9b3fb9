"""Nothing that somebody tries changes the lake, the house or other files, and each attempt gets one line."""

import re

import duckdb
import pytest

from carlos_tasks.cli import main
from carlos_tasks.errors import StatementRefused
from carlos_tasks.lake.gate import GuardedConnection
from carlos_tasks.settings import load_settings
from tests.lake.gate.attempts import FILES, NAMES, SEVERAL, STATEMENTS
from tests.lake.gate.places import Place

# No SQL at all, and said so by DuckDB.
_NO_SQL = (".read", ".shell", "explain explain", "update extensions", "(delete", "with mine as (select 1) delete")


def try_all(con: GuardedConnection, place: Place, attempts: list[str]) -> list[str]:
    """Run each attempt; those that were not refused in one line, or changed something."""
    names, passed, before = place.names(), [], place.state()
    is_local = not place.settings.store.startswith("s3://")
    for attempt in attempts:
        statement = attempt.format(**names)
        try:
            rows = con.execute(statement).fetchall()
        except StatementRefused as exc:
            if "\n" in str(exc) or ("refused" not in str(exc) and attempt not in SEVERAL):
                passed.append(f"{statement}: {exc}")
        except duckdb.ParserException as exc:
            if not attempt.startswith(_NO_SQL):
                passed.append(f"{statement}: {exc}")
        else:
            passed.append(f"{statement}: {rows}")
        if is_local and place.state() != before:
            return [*passed, f"{statement}: changed something"]
    return passed if place.state() == before else [*passed, "something is changed"]


def test_there_are_many() -> None:
    attempts = STATEMENTS + SEVERAL + NAMES + FILES
    assert len(attempts) == len(set(attempts)) >= 200


@pytest.mark.parametrize(
    "attempts", [STATEMENTS, SEVERAL, NAMES, FILES], ids=["statements", "several", "names", "files"]
)
def test_an_attempt_is_refused_in_one_line_and_changes_nothing(
    attempts: list[str], lake: GuardedConnection, place: Place
) -> None:
    assert try_all(lake, place, attempts) == []


@pytest.mark.parametrize("attempts", [STATEMENTS, SEVERAL, NAMES], ids=["statements", "several", "names"])
def test_files_of_ones_own_open_no_other_way(attempts: list[str], with_files: GuardedConnection, place: Place) -> None:
    assert try_all(with_files, place, attempts) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("", "the SQL holds no statement"),
        ("select 1; select 2", "several statements: ask one at a time"),
        ("insert into core.lora select 1", "INSERT is refused: allowed is one SELECT, FROM, WITH, VALUES, PIVOT"),
        ("from duckdb_secrets()", "the table function duckdb_secrets is refused: allowed are range"),
        ("from memory.main.x", "the table memory.main.x is refused: allowed are those of raw, core and mart"),
        ("select getenv('x')", "the function getenv is refused: allowed are functions that read nothing but"),
        ("from 'own.csv'", "own.csv is refused: to read and write files of your own, ask with --with-files"),
        ("copy core.lora to 'x.csv'", "COPY is refused: .*--with-files"),
        ("select " + "[" * 999 + "]" * 999, "Max expression depth limit of 1000"),
        ("select " + " + ".join("1" * 900), "nested too deeply"),
    ],
)
def test_the_line_says_what_is_refused_and_what_is_allowed(
    statement: str, said: str, folder_place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARLOS_STORE", folder_place.settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", folder_place.settings.catalog)
    load_settings.cache_clear()
    assert main(["sql", statement, "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("carlos: ") and err.count("\n") == 1
    assert re.search(said, err)


def test_a_question_after_an_attempt_is_answered(lake: GuardedConnection) -> None:
    with pytest.raises(StatementRefused):
        lake.execute("delete from core.lora")
    assert lake.execute("select count(*) from core.lora").fetchall() == [(1,)]


def test_behind_the_gate_the_configuration_is_locked(lake: GuardedConnection, place: Place) -> None:
    """What passes the gate by a fault of it still finds DuckDB's own lock."""
    con: duckdb.DuckDBPyConnection = lake._con
    before = place.state()
    for statement in (
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "reset lock_configuration",
        "from read_text('/etc/passwd')",
        "from 's3://carlos-tests/other/own.csv'",
        "from 'http://127.0.0.1:1/own.csv'",
        "copy (select 1) to 'result.csv'",
        "install spatial",
        "load spatial",
        "create persistent secret mine (type s3, key_id 'a', secret 'b')",
        "delete from core.lora",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(statement)
    assert place.state() == before


def test_nothing_but_questions_is_offered(lake: GuardedConnection) -> None:
    for name in (
        "begin",
        "cursor",
        "executemany",
        "from_csv_auto",
        "install_extension",
        "read_csv",
        "register",
    ):
        with pytest.raises(AttributeError, match="asks past the gate"):
            getattr(lake, name)

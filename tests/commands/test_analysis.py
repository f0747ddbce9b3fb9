"""`carlos sql`: what it prints, and what it says to SQL that asks nothing or is none."""

from collections.abc import Callable

import pytest

from carlos_tasks.cli import main
from carlos_tasks.commands import analysis
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.settings import Settings


@pytest.fixture
def sql(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `carlos sql …` over an empty lake; returns the exit code."""
    with connect(settings, read_only=False) as con:
        migrate(con)
    monkeypatch.setattr(analysis, "load_settings", lambda: settings)
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    return lambda *arguments: main(["sql", *arguments])


def test_sql_that_begins_with_a_comment_is_answered(
    sql: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sql("-- how many?\nselect 1 as n", "--json") == 0
    assert capsys.readouterr().out == '[{"n": 1}]\n'


def test_a_session_asks_the_profile_of_the_settings(
    sql: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sql("select getvariable('carlos_profile') ~ '[0-9a-f]{16}' as is_id", "--json") == 0
    assert capsys.readouterr().out == '[{"is_id": true}]\n'


@pytest.mark.parametrize(
    ("statement", "said"), [("", "holds no statement"), ("-- nothing", "holds no statement"), ("selec 1", "selec")]
)
def test_sql_that_asks_nothing_or_is_none_is_one_line(
    statement: str, said: str, sql: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sql(statement) == 1
    err = capsys.readouterr().err
    assert err.startswith("carlos: ") and said in err and err.count("\n") == 1

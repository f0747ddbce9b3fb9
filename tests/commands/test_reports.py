"""`carlos report`: what it prints, and what it does with wrong options."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.cli import main
from carlos_tasks.commands import reports
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `carlos report …` over an empty lake; returns the exit code."""
    migrated_lake(settings)
    monkeypatch.setattr(reports, "load_settings", lambda: settings)
    monkeypatch.setenv("CARLOS_STORE", settings.store)

    def run_report(*arguments: str) -> int:
        return main(["report", *arguments])

    return run_report


def test_people_are_told_what_to_read(run: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    assert run("moderation", "--out", str(tmp_path / "out"), "--since", "2026-01-31") == 0
    out = capsys.readouterr().out
    assert f"read {tmp_path / 'out' / 'moderation.html'}" in out and "n_overdue" in out
    told = json.loads((tmp_path / "out" / "moderation.json").read_text())
    assert told["since"] == "2026-01-31T00:00:00+00:00"


def test_programs_get_the_manifest_and_nothing_else(run: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    assert run("transparency", "--out", str(tmp_path), "--month", "2026-01", "--json") == 0
    (manifest,) = json.loads(capsys.readouterr().out)
    assert (manifest["report"], manifest["month"]) == ("transparency", "2026-01")
    assert (tmp_path / "transparency.html").is_file()


def test_a_report_is_checked_where_it_lies(run: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert run("transparency", "--out", str(out), "--month", "2026-01") == 0
    assert "entered in the ledger of the lake at position 1; recorded, not signed" in capsys.readouterr().out
    assert run("check", str(out)) == 0
    told = capsys.readouterr().out
    assert "report transparency is what was written" in told and "by: entry 1 of the ledger" in told
    assert "gives the same tables and the same page" in told and "not checked" not in told
    (out / "transparency.html").write_text("another page")
    assert run("check", str(out)) == 1
    assert "is not what was written" in capsys.readouterr().out
    assert run("check", str(out), "--offline", "--json") == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert told["faults"] == [{"path": "transparency.html", "fault": "is not what was written"}]


def test_without_lake_and_key_a_check_does_not_say_that_all_is_well(
    run: Callable[..., int], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out"
    assert run("transparency", "--out", str(out), "--month", "2026-01") == 0
    capsys.readouterr()
    assert run("check", str(out), "--offline") == 0
    told = capsys.readouterr().out
    assert "the files match the manifest" in told and "nobody vouches for the manifest" in told
    assert "is what was written" not in told and "not checked: the ledger of the lake" in told
    assert run("check", str(out), "--offline", "--json") == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["vouched_by"] == [] and len(verdict["not_checked"]) == 2


def test_where_there_is_no_lake_a_check_says_what_to_do(
    run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run("transparency", "--out", str(tmp_path / "out"), "--month", "2026-01") == 0
    nowhere = Settings(store=str(tmp_path / "no-store"), catalog=f"sqlite:{tmp_path / 'none.sqlite'}")
    monkeypatch.setattr(reports, "load_settings", lambda: nowhere)
    capsys.readouterr()
    assert run("check", str(tmp_path / "out")) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "--offline checks a report without the lake" in err
    assert run("check", str(tmp_path / "out"), "--offline", "--key", str(tmp_path / "none.pub")) == 1
    assert "there is no key file" in capsys.readouterr().err


def test_a_month_that_is_none_is_one_clear_line(run: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    assert run("transparency", "--out", str(tmp_path), "--month", "May") == 1
    err = capsys.readouterr().err
    assert err.startswith("carlos: not a month: 'May'") and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["moderation"], ["moderation", "--out", "x", "--since", "soon"], ["everything", "--out", "x"]]
)
def test_wrong_usage_is_exit_2(run: Callable[..., int], arguments: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2 and "usage: carlos report" in capsys.readouterr().err


def test_an_attribution_without_a_reference_says_what_to_give(
    run: Callable[..., int], tmp_path: Path, capsys: Any
) -> None:
    assert run("attribution", "--out", str(tmp_path)) == 1
    assert capsys.readouterr().err.startswith("carlos: the reference set is empty")

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
    assert run("check", str(out)) == 0
    assert "report transparency is what was written" in capsys.readouterr().out
    (out / "transparency.html").write_text("another page")
    assert run("check", str(out)) == 1
    assert "is not what was written" in capsys.readouterr().out
    assert run("check", str(out), "--json") == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert told["faults"] == [{"path": "transparency.html", "fault": "is not what was written"}]


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

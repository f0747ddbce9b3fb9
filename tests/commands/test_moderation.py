"""`carlos concepts` lists and checks policies; what is wrong is told in one table, and by the exit code."""

import json
from pathlib import Path

import pytest

from carlos_tasks.cli import main
from tests.moderation.policies import STRIPES, write_policy


@pytest.fixture(autouse=True)
def _own_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the commands needs it; without it they might start the local stack's."""
    monkeypatch.setenv("CARLOS_STORE", str(tmp_path / "store"))


def run(*arguments: str) -> int:
    return main(arguments)


def test_the_concepts_in_force_are_listed_with_their_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("concepts", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"star-emblem", "striped", "other-effects"} <= {row["concept_id"] for row in listed}
    assert all(len(row["version"]) == 12 and row["policy"] == "micro" for row in listed)


def test_a_sound_policy_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("concepts", "--check", write_policy(tmp_path)) == 0
    assert capsys.readouterr().out == "policy house is sound: 3 concepts, 46 neutral texts\n"


def test_every_fault_is_a_row_and_the_command_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_policy(tmp_path, night="x = 1", stripes=STRIPES.replace("0.5", "2"))
    assert run("concepts", "--check", folder, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [(row["file"], row["field"]) for row in told] == [
        ("night.toml", "concept_id"),
        ("night.toml", "title"),
        ("night.toml", "texts"),
        ("night.toml", "severity"),
        ("night.toml", "x"),
        ("stripes.toml", "severity"),
    ]


def test_a_text_that_the_encoder_refuses_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_policy(tmp_path, stripes=STRIPES.replace('"striped"', f'"{"stripes " * 40}"'))
    assert run("concepts", "--check", folder) == 1
    assert "too long" in capsys.readouterr().out

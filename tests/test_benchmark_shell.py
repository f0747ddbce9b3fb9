"""A short run of the benchmark of the shell, and what its commands import and ask for, which no clock need tell."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.shell import COMMANDS, NOTHING, TARGETS, alternating, lake, of_command

HEAVY = ("boto3", "botocore", "numpy", "pandas", "pyarrow", "torch")
#: Runs a command, and tells at its end what it imported.
TELLING = """
import sys
sys.argv = ["carlos", *sys.argv[1:]]
from carlos_tasks.start import run_command
code = run_command()
print(code, *sorted(sys.modules), file=sys.stderr)
"""


@pytest.fixture(scope="module", params=["folder", "s3"])
def where(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    """The benchmark's lake of a few LoRAs, once in a folder and once in S3, and the environment that leads to it."""
    with lake(tmp_path_factory.mktemp("lake"), request.param, 8) as variables:
        yield request.param, variables


def told(variables: dict[str, str], *arguments: str) -> tuple[list[dict[str, Any]], set[str]]:
    """Rows of a command, and the modules that it imported."""
    command = [sys.executable, "-c", TELLING, *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    return json.loads(done.stdout), set(modules)


def test_a_statement_imports_nothing_that_it_has_no_use_for(where: tuple[str, dict[str, str]]) -> None:
    rows, modules = told(where[1], "sql", "select 1 as one", "--json")
    assert rows == [{"one": 1}]
    assert modules.isdisjoint(HEAVY)


def test_a_search_imports_no_more_than_it_needs(where: tuple[str, dict[str, str]]) -> None:
    rows, modules = told(where[1], "search", "pencil sketch", "--json")
    assert len(rows) == 8 and rows[0]["score_se"] is not None
    unwanted = {"boto3", "botocore", "numpy.ma", "pandas", "torch", "pyarrow.compute", "pyarrow.dataset", "rich"}
    assert modules.isdisjoint(unwanted)
    assert [len(row["evidence"]) for row in rows] == [6] * 8


def test_both_commands_are_timed_against_an_empty_program(where: tuple[str, dict[str, str]]) -> None:
    kind, variables = where
    for name, command in COMMANDS.items():
        row = of_command(name, kind, alternating([NOTHING, command], variables, 1))
        assert 0 < row["python_s"] < row["seconds"] and row["times_python"] > 1 and row["processor_s"] > 0


def test_a_missed_target_is_seen() -> None:
    target = TARGETS["carlos sql", "folder"]
    reached = of_command("carlos sql", "folder", [(0.01, 0.01), (target, 0.2)])
    assert reached["ok"] and reached["times_python"] == 35.0
    assert not of_command("carlos sql", "folder", [(0.01, 0.01), (target + 0.01, 0.2)])["ok"]


def test_its_lake_is_made_once(tmp_path: Path) -> None:
    with lake(tmp_path, "folder", 4):
        before = (tmp_path / "catalog.sqlite").stat().st_mtime_ns
    with lake(tmp_path, "folder", 4) as variables:
        assert (tmp_path / "catalog.sqlite").stat().st_mtime_ns == before
        assert told(variables, "sql", "select count(*) as n from core.representation", "--json")[0] == [{"n": 4}]

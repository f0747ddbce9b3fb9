"""Standard output that is full, closed, read no further or ASCII: one line or none, and never a traceback."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.commands.streams import PlainFormatter
from tests.lakes import migrated_lake, settings_of

Ran = subprocess.CompletedProcess[bytes]
Run = Callable[..., Ran]

COMMANDS = [
    ["--help"],
    ["--version"],
    ["sql", "from mart.guide"],
    ["sql", "from mart.guide", "--json"],
    ["sql", "from range(200000)", "--json"],
    ["queries", "--json"],
    ["index", "--help"],
]
#: An output of more than a line, of a command that needs a lake with a name that no ASCII holds.
NAMED = "select 'Ä夜█' || chr(27) || chr(8238) || chr(155) as \"größe\""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run `carlos …` over an empty lake as a process of its own."""
    folder = tmp_path_factory.mktemp("streams")
    settings = settings_of(folder)
    migrated_lake(settings)
    lake = {"CARLOS_STORE": settings.store, "CARLOS_CATALOG": settings.catalog}

    def carlos(*arguments: str, env: dict[str, str] | None = None, redirected: str = "", **options: Any) -> Ran:
        command = [sys.executable, "-m", "carlos_tasks.cli", *arguments]
        if redirected:
            command = ["bash", "-c", f'set -o pipefail; "$@" {redirected}', "carlos", *command]
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        environment = kept | lake | (env or {})
        ran: Any = subprocess.run(command, env=environment, cwd=folder, check=False, timeout=120, **streams)
        return ran

    return carlos


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_output_is_one_line(arguments: list[str], unbuffered: str, run: Run) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = run(*arguments, stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
    assert ran.returncode == 1
    assert ran.stderr.decode().startswith("carlos: standard output took no more, and the answer is not whole: No space")
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_whoever_reads_no_further_ends_the_command_without_a_word(arguments: list[str], run: Run) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        ran = run(*arguments, stdout=nobody)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_the_beginning_of_a_long_answer_is_read(run: Run) -> None:
    ran = run("sql", "from range(200000)", "--json", redirected="| head -c 14")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, b'[{"range": 0},', b"")


@pytest.mark.parametrize("arguments", [["--version"], ["sql", "select 1"]], ids=" ".join)
def test_without_an_output_nothing_is_done(arguments: list[str], run: Run) -> None:
    ran = run(*arguments, redirected=">&-")
    said = b"carlos: standard output is closed: leave it open, or send it to a file\n"
    assert (ran.returncode, ran.stderr) == (1, said)


def test_without_an_output_for_errors_they_do_not_join_the_answer(run: Run) -> None:
    ran = run("sql", "delete from core.lora", "--json", redirected="2>&-")
    assert (ran.returncode, ran.stdout) == (1, b"")


ASCII = [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]


@pytest.mark.parametrize("env", ASCII, ids=["PYTHONIOENCODING", "LC_ALL"])
def test_what_ascii_does_not_hold_is_replaced_for_people_and_kept_for_programs(env: dict[str, str], run: Run) -> None:
    question = "select chr(196) || chr(22812) as n, 0.5 as score"  # the argument itself is ASCII
    table = run("sql", question, env=env)
    assert (table.returncode, table.stderr) == (0, b"")
    assert table.stdout.splitlines()[1].startswith(b"??")
    as_json = run("sql", question, "--json", env=env)
    assert json.loads(as_json.stdout.decode("ascii")) == [{"n": "Ä夜", "score": 0.5}]
    for command in (["--help"], ["search", "--help"], ["sql", "explain select 1"], ["sql", "from mart.guide"]):
        ran = run(*command, env=env)
        assert (ran.returncode, ran.stderr) == (0, b"") and ran.stdout.isascii()


def test_no_name_drives_the_terminal(run: Run) -> None:
    table = run("sql", NAMED, env={"PYTHONIOENCODING": "utf-8"})
    shown = table.stdout.decode()
    assert "größe" in shown and "Ä夜█\\x1b\\u202e\\x9b" in shown
    as_json = run("sql", NAMED, "--json", env={"PYTHONIOENCODING": "utf-8"})
    assert as_json.stdout.decode() == '[{"größe": "Ä夜█\\u001b\\u202e\\u009b"}]\n'
    headed = run("sql", 'select 1 as "a\x1b]0;b"').stdout
    assert b"\x1b" not in headed and b"a\\x1b]0;b" in headed
    wrong = run("sql", 'select 1 as "a\x1b]0;b" from').stderr
    assert b"\x1b" not in wrong
    usage = run("sql", "--no\x1b]0;b").stderr
    assert b"\x1b" not in usage


def test_a_line_of_the_log_is_one_line_and_drives_no_terminal() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "%s is done", ("\x1b[2Jx\nforged",), None)
    assert PlainFormatter("%(message)s").format(record) == "\\x1b[2Jx\\nforged is done"
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        record.exc_info = sys.exc_info()
    lines = PlainFormatter("%(message)s").format(record).splitlines()
    assert len(lines) > 3 and lines[-1] == "ValueError: \\x1b[2J"

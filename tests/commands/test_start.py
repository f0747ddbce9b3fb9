"""How the command `carlos` begins and ends: its exit codes are those of `main`, and an error in it is one line."""

import subprocess
import sys

import pytest

OF_OURS = """
import sys
import carlos_tasks.cli
def main():
    {body}
carlos_tasks.cli.main = main
sys.argv = ["carlos", *{given}]
from carlos_tasks.start import main
main()
"""


def started(body: str, given: str = "[]") -> subprocess.CompletedProcess[str]:
    """What comes of a command that does this."""
    code = OF_OURS.format(body=body, given=given)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("form", [["-m", "carlos_tasks"], ["-m", "carlos_tasks.cli"], ["-m", "carlos_tasks.start"]])
def test_there_are_three_ways_to_start_it(form: list[str]) -> None:
    for arguments, code in ((["--version"], 0), (["show"], 2), (["report", "check", "/nonexistent"], 1)):
        done = subprocess.run([sys.executable, *form, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("body", "code"),
    [("return 1", 1), ("raise SystemExit(2)", 2), ("raise SystemExit", 0), ("raise SystemExit('x')", 1)],
)
def test_its_exit_code_is_that_of_the_command(body: str, code: int) -> None:
    done = started(body)
    assert (done.returncode, done.stderr) == (code, "")


def test_an_error_that_nobody_thought_of_is_one_line() -> None:
    done = started("raise ValueError('a\\nb \\x1b[31m')")
    line = "carlos: internal error: ValueError: a b \\x1b[31m (carlos -v shows where)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
    verbose = started("raise ValueError('a')", '["-v", "show"]')
    assert verbose.returncode == 1 and "Traceback" in verbose.stderr


def test_what_was_printed_and_what_is_due_at_the_end_comes_out() -> None:
    done = started("import atexit; atexit.register(print, 'the end'); print('begun'); return 0")
    assert (done.returncode, done.stdout) == (0, "begun\nthe end\n")

"""Ctrl-C and SIGTERM end every command at any moment: in seconds, with one line, exit code 130, and no harm done."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from carlos_tasks.interruption import LINE, PATIENCE_S
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.settings import Settings
from tests.reports.conftest import filled_lake

# Python's own start, before the first line of ours, cannot be watched; SIGTERM is caught from then on.
CAUGHT = 1 << (signal.SIGTERM - 1)
ENDLESS = "select count(*) from range(100_000_000_000) t(i) where i % 7 = 3 and sqrt(i) > 3"
COMMANDS = {
    "help": ["--help"],
    "endless": ["sql", ENDLESS],
    "search": ["search", "striped"],
    "report": ["report", "moderation", "--out", "{out}"],
    "decide": ["decide", "no_action", "a" * 64, "--by", "ann@example.org", "--reasons", "none"],
    "validate": ["validate", "{folder}"],
}
SEED = 20_251_127


@pytest.fixture(autouse=True, scope="module")
def _signals_reach_children() -> Iterator[None]:
    """Tests that a shell has started in the background ignore SIGINT, under nohup SIGHUP, and so would the commands."""
    kinds = [kind for kind in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(kind) is signal.SIG_IGN]
    for kind in kinds:
        signal.signal(kind, signal.SIG_DFL)
    yield
    for kind in kinds:
        signal.signal(kind, signal.SIG_IGN)


def start(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start `carlos` in a process and wait until it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "carlos_tasks.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    while process.poll() is None and not caught_signals(process.pid) & CAUGHT:
        time.sleep(0.002)
    return process


def caught_signals(pid: int) -> int:
    """The signals that a process has handlers for, as a mask."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("SigCgt:")[2].split()[0], 16)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and standard error of a process that was told to end, which it does in bounded time."""
    try:
        _, err = process.communicate(timeout=PATIENCE_S + 10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, err


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, profile_id: str) -> Settings:
    """A lake of its own: one of the commands writes."""
    return filled_lake(tmp_path_factory.mktemp("interrupted"), profile_id)


@pytest.fixture
def environment(filled: Settings, tmp_path: Path) -> dict[str, str]:
    """That of a shell with the filled lake, and a folder of its own for temporary files."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {
        **os.environ,
        "CARLOS_STORE": filled.store,
        "CARLOS_CATALOG": filled.catalog,
        "TMPDIR": str(scratch),
        "OMP_NUM_THREADS": "1",
    }


def wait_for_watch(process: subprocess.Popen[str]) -> None:
    """Wait until a command watches its signals, or has ended: before that, Python's own start does as it likes."""
    status, watched = Path(f"/proc/{process.pid}/status"), 1 << (signal.SIGTERM - 1)
    while process.poll() is None:
        caught = next((line for line in status.read_text().splitlines() if line.startswith("SigCgt:")), None)
        if caught and int(caught.split()[1], 16) & watched:
            return
        time.sleep(0.005)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_interrupted_at_any_moment(
    filled: Settings, environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    places = {"out": str(tmp_path / "out"), "folder": str(Path(__file__).parents[1])}
    arguments = [argument.format(**places) for argument in COMMANDS[name]]
    with connect(filled) as con:
        before = run_checks(con)
    dice = random.Random(f"{SEED} {name}")
    longest = 3.0
    if name != "endless":
        begun = time.monotonic()
        start(environment, *arguments).communicate()
        longest = min(longest, time.monotonic() - begun)
    interrupted = 0
    for number in range(4):
        # The first one comes in any case while the program still imports.
        delay = dice.uniform(0, longest if number else 0.1)
        kind = dice.choice([signal.SIGINT, signal.SIGTERM])
        moment = f"seed {SEED}, {name} {number}: {kind.name} after {delay:.3f} s"
        process = start(environment, *arguments)
        time.sleep(delay)
        wait_for_watch(process)
        process.send_signal(kind)
        code, err = ended(process)
        print(moment, code)
        assert "Traceback" not in err and "Error" not in err, f"{moment}\n{err}"
        if code == 130:
            interrupted += 1
            assert err.splitlines()[-1] == LINE and err.count("\n") == 1, f"{moment}\n{err}"
        else:  # its last words were said
            assert code in {0, 1}, f"{moment}: exit {code}\n{err}"
        if (tmp_path / "out").exists():
            (tmp_path / "out").rename(tmp_path / f"out-{number}")
    assert interrupted
    with connect(filled) as con:
        assert run_checks(con) == before
    left = [path.name for path in (tmp_path / "scratch").iterdir()]
    assert not [name for name in left if not name.startswith("torchinductor")]  # which torch makes and keeps


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_running_query_is_ended(environment: dict[str, str], kind: signal.Signals) -> None:
    process = start(environment, "sql", ENDLESS)
    time.sleep(3)
    process.send_signal(kind)
    asked = time.monotonic()
    assert ended(process) == (130, LINE + "\n")
    assert time.monotonic() - asked < PATIENCE_S / 2


DEAF = """
import threading, time
from carlos_tasks.interruption import ending_on_signals
def run():
    print("begun", flush=True)
    while True:
        try: {wait}
        except BaseException: pass
ending_on_signals(run)
"""


@pytest.mark.parametrize("wait", ["time.sleep(60)", "threading.Event().wait(60)"])
def test_who_swallows_the_first_ctrl_c_ends_at_the_second_at_once(wait: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF.format(wait=wait)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    assert ended(process) == (130, LINE + "\n")
    assert time.monotonic() - asked < 2


def test_who_swallows_ctrl_c_is_ended_all_the_same() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF.format(wait="time.sleep(60)")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, LINE + "\n")


SWALLOWED = """
import time
from carlos_tasks.interruption import ending_on_signals
class Callback:
    def __del__(self): time.sleep(1)
def run():
    print("begun", flush=True)
    callback = Callback(); del callback
    return 0
ending_on_signals(run)
"""


def test_an_interrupt_that_python_drops_is_none_of_success() -> None:
    """An exception in a destructor is printed and forgotten: the command would end with 0."""
    process = subprocess.Popen(
        [sys.executable, "-c", SWALLOWED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, LINE + "\n")


FORKED = """
import os, signal, sys, time
from carlos_tasks.interruption import ending_on_signals
def run():
    child = os.fork()
    if not child:
        time.sleep(60)
    time.sleep(0.5)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    time.sleep(0.5)
    return os.waitstatus_to_exitcode(status) + 20
ending_on_signals(run)
"""


def test_a_signal_to_a_forked_child_is_the_childs() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (20 - signal.SIGTERM, "")


def test_a_job_that_ignores_ctrl_c_goes_on_ignoring_it(environment: dict[str, str]) -> None:
    """As a shell's job in the background, or under nohup."""
    process = subprocess.Popen(
        [sys.executable, "-m", "carlos_tasks.cli", "sql", "select 42 as answer"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while process.poll() is None and not caught_signals(process.pid) & CAUGHT:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "") and "42" in out

"""A lake of a few nights, what it says at each snapshot, and commands over it that are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from carlos_tasks.aliases import Row
from carlos_tasks.commit.index import commit_index
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.data_files import data_files
from carlos_tasks.lake.statements import rows
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.commit.small_index import baseline, embedded, with_effect, write_shards
from tests.commit.test_damaged import known_loras

TABLES = ("core.representation", "core.prompt_difference", "core.embedding_shard", "core.outcome", "core.compared")

_KILLED = """
import os, signal, sys
from importlib import import_module

module, name, nth, *arguments = sys.argv[1:]
target = import_module(module)
real, calls = getattr(target, name), []

def ends(*given, **named):
    calls.append(name)
    if len(calls) == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **named)

setattr(target, name, ends)
from carlos_tasks.cli import main
sys.exit(main(arguments))
"""


def grow(settings: Settings, profile: Profile, names: str) -> None:
    """Make a lake with a night for each LoRA."""
    base = baseline(profile)
    write_shards(open_store(settings.store), profile, "base", base)
    commit_index(settings, profile, [])
    known_loras(settings, *names)
    for name in names:
        night(settings, profile, name)


def night(settings: Settings, profile: Profile, name: str) -> None:
    """Measure a LoRA and commit it."""
    shown = with_effect(baseline(profile), ord(name))
    commit_index(settings, profile, [embedded(open_store(settings.store), profile, name, shown)])


def killed(settings: Settings, module: str, name: str, nth: int, *arguments: str) -> None:
    """Run a command in a process that kill -9 ends where it calls a function of a module for the nth time."""
    variables = {"CARLOS_STORE": settings.store, "CARLOS_CATALOG": settings.catalog}
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, module, name, str(nth), *arguments],
        env=os.environ | variables,
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def files_of(settings: Settings) -> dict[str, int]:
    """How many files of the newest snapshot each table has."""
    with connect(settings) as con:
        current = [file.table for file in data_files(con) if file.is_current]
    return {table: current.count(table) for table in TABLES}


def history(settings: Settings) -> dict[tuple[int, str], list[Row]]:
    """The rows of the tables at each snapshot that has them."""
    with connect(settings) as con:
        ((first, last),) = con.execute(
            "select min(snapshot_id) filter (message = 'index'), max(snapshot_id) from mart.commit_log"
        ).fetchall()
        return {
            (at, table): rows(con, f"from {table} at (version => {at}) order by all")
            for at in range(first, last + 1)
            for table in TABLES
        }

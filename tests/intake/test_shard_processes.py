"""Shards that several processes read: the same as one after the other, and one that dies costs its shard alone."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from carlos_tasks.errors import PermanentError, RejectedFile
from carlos_tasks.intake import shard_processes, source_intake
from carlos_tasks.intake.shard_processes import BYTES_WORTH_A_PROCESS, how_many_processes, read_shards
from carlos_tasks.intake.source_intake import ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings
from carlos_tasks.sources import open_source
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import intake_key
from tests.intake.test_source_intake import Dump, model

MUCH = 100 * BYTES_WORTH_A_PROCESS


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    made = Dump(tmp_path / "dump")
    for number in range(1, 4):
        made.put(f"models/{number}.jsonl", model(number * 2), model(number * 2 + 1), "broken")
    return made


@pytest.fixture
def uri(dump: Dump) -> str:
    return f"civitai-dump:{dump.uri}"


def test_processes_are_worth_it_for_large_shards_of_metadata_alone(
    dump: Dump, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_processes, "usable_cores", lambda: 4)
    assert how_many_processes(open_source(uri), 3, MUCH) == 3
    assert how_many_processes(open_source(uri), 9, MUCH) == 4
    assert how_many_processes(open_source(uri), 9, 2 * BYTES_WORTH_A_PROCESS) == 2
    assert how_many_processes(open_source(uri), 9, BYTES_WORTH_A_PROCESS // 2) == 1
    assert how_many_processes(open_source(f"folder:{dump.uri}"), 9, MUCH) == 1
    dump.write("files/10", b"bytes of a file")
    assert how_many_processes(open_source(uri), 9, MUCH) == 1


def test_several_processes_write_what_one_does(uri: str, made: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = ingest_source(made, uri)
    store = open_store(made.store)
    keys = [intake_key(uri, f"models/{number}.jsonl") for number in range(1, 4)]
    files = [store.read(key) for key in keys]
    for key in keys:
        store.delete(key)
    monkeypatch.setattr(source_intake, "how_many_processes", lambda *_: 2)
    together = ingest_source(made, uri, again=True)
    assert [store.read(key) for key in keys] == files
    assert together == replace(alone, n_new_listings=0, n_new_rejections=0)


def test_a_process_that_is_killed_costs_its_shard_alone(dump: Dump, uri: str, made: Settings) -> None:
    dump.write("models/2.jsonl", b"1\n" * 300_000)  # seconds of work
    outcomes = read_shards(made, uri, [f"models/{number}.jsonl" for number in range(1, 4)], 1)
    first = next(outcomes)
    assert not isinstance(first, PermanentError) and first.n_records == 3
    _kill_child()
    second, third = outcomes
    assert isinstance(second, PermanentError) and "process" in str(second)
    assert not isinstance(third, PermanentError) and third.n_records == 3


def _kill_child() -> None:
    children = [child for child in multiprocessing.active_children() if child.pid]
    assert len(children) == 1 and children[0].pid
    os.kill(children[0].pid, signal.SIGKILL)


def test_a_shard_that_fails_in_a_process_is_noted(
    dump: Dump, uri: str, made: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_intake, "how_many_processes", lambda *_: 2)
    assert ingest_source(made, uri).n_shards == 3
    (Path(made.store) / intake_key(uri, "models/3.jsonl")).unlink()
    (Path(made.store) / intake_key(uri, "models/3.jsonl")).mkdir()
    report = ingest_source(made, uri, again=True)
    assert (report.n_shards_read, report.n_shards_failed) == (2, 1)
    with connect(made) as con:
        assert con.execute("select shard_key from raw.shard_failure").fetchall() == [("models/3.jsonl",)]


def test_no_process_outlives_the_one_that_gave_it_work(uri: str, made: Settings, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, time\n"
        "from carlos_tasks.intake.shard_processes import _started\n"
        "if __name__ == '__main__':\n"
        "    process = _started()\n"
        "    process.submit(print).result()\n"
        "    print(multiprocessing.active_children()[0].pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, str(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        lines = iter(parent.stdout.readline, "")
        child = int(next(line for line in lines if line.strip()))
        parent.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_errors_arrive_from_another_process_as_they_were() -> None:
    error = pickle.loads(pickle.dumps(RejectedFile("pickle", "a pickle")))
    assert type(error) is RejectedFile
    assert (str(error), error.reason, error.detail) == ("pickle: a pickle", "pickle", "a pickle")

"""The shards of a dump of metadata, read by a process for each core: one shard at a time in each.

A process holds what one shard needs, some 270 MB. One that dies, of memory that ran out say, costs the shard
that it was reading. A dump with files is read shard by shard: of two listings of the same bytes, the first counts.
"""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread

from carlos_tasks.device.threads import usable_cores
from carlos_tasks.errors import PermanentError
from carlos_tasks.intake.discovery import Rules
from carlos_tasks.intake.shard_intake import take_in
from carlos_tasks.intake.shard_rows import IntakeReport
from carlos_tasks.settings import Settings
from carlos_tasks.sources import open_source
from carlos_tasks.sources.civitai_dump import CivitaiDump
from carlos_tasks.sources.listing import Source
from carlos_tasks.store import open_store
from carlos_tasks.threads import at_once

MAX_PROCESSES = 8
#: Packed, so many bytes are read in the time that a process takes to start, a few times over.
BYTES_WORTH_A_PROCESS = 8 * 2**20


def how_many_processes(source: Source, n_shards: int, n_bytes: int) -> int:
    """Return how many processes are worth it for so many shards of so many bytes in all; 1: only this one."""
    if not isinstance(source, CivitaiDump) or source.has_files:
        return 1
    return max(1, min(usable_cores(), MAX_PROCESSES, n_shards, n_bytes // BYTES_WORTH_A_PROCESS))


def read_shards(
    settings: Settings, source_uri: str, shard_keys: Sequence[str], n_processes: int
) -> Iterator[IntakeReport | PermanentError]:
    """Take the shards in, several at once; yields what became of each, in the order of the keys.

    Raises:
        PassingError: source or store does not answer; the shards before have been yielded.
    """
    reader = _Processes(settings, source_uri)
    try:
        for _ in range(n_processes):
            reader.idle.put(_started())
        with at_once(n_processes) as each:
            yield from each(reader.read, shard_keys)
    finally:
        while not reader.idle.empty():
            reader.idle.get().shutdown()  # idle, so that it ends at once


@dataclass(frozen=True)
class _Processes:
    """Pools of one process each: when one breaks, it is known which shard that costs."""

    settings: Settings
    source_uri: str
    idle: SimpleQueue[ProcessPoolExecutor] = field(default_factory=SimpleQueue)

    def read(self, shard_key: str) -> IntakeReport | PermanentError:
        process = self.idle.get()
        try:
            return process.submit(_take_in, self.settings, self.source_uri, shard_key).result()
        except BrokenProcessPool:
            process.shutdown(wait=False)
            process = _started()
            return PermanentError("the process that read it was ended: has memory run out?")
        except PermanentError as exc:
            return exc
        finally:
            self.idle.put(process)


def _started() -> ProcessPoolExecutor:
    # Spawned, not forked: this process has threads.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_start, initargs=(logging.getLogger().getEffectiveLevel(),))


def _start(log_level: int) -> None:
    logging.basicConfig(level=log_level, format="%(message)s")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches every process: the first one says what happened
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave nothing behind where the process that gives the work is killed."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _take_in(settings: Settings, source_uri: str, shard_key: str) -> IntakeReport:
    store, rules = open_store(settings.store), Rules.of(settings)
    return take_in(open_source(source_uri, store), shard_key, store, rules.base_models, rules.max_bytes)

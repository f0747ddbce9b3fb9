"""The readers that are fuzzed. A case is bytes: one function makes it from a generator, another gives it to the reader.

`run` works in a folder of its own and returns what was said of the case. It raises an AssertionError where the answer
is not what it must be; any other exception than a refusal is a crash.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz import beside, files, records


@dataclass(frozen=True)
class Target:
    """A maker of cases and the reader that they are for."""

    make: Callable[[Random], bytes]
    run: Callable[[bytes, Path], str]


TARGETS = {
    "header": Target(files.make_header, files.run_header),
    "archive": Target(files.make_archive, files.run_archive),
    "record": Target(records.make_record, records.run_record),
    "repo": Target(records.make_repo, records.run_repo),
    "sidecar": Target(beside.make_sidecars, beside.run_sidecars),
    "config": Target(beside.make_config, beside.run_config),
    "shard": Target(records.make_shard, records.run_shard),
}

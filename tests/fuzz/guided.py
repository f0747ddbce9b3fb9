"""The second half of `make fuzz`: atheris keeps the cases that reach new lines, and changes those further.

Each target runs in a process of its own, which the fuzzer ends: with another exit code than 0 at the first case that
fails. That case lies in `var/fuzz/` then. Usage: python -m tests.fuzz.guided [--share 0.1]
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from carlos_tasks.console import print_table

RUNS = {
    "header": 40_000,
    "archive": 20_000,
    "record": 20_000,
    "repo": 20_000,
    "sidecar": 10_000,
    "config": 10_000,
    "shard": 4_000,
}
SEEDS = 200
LIMIT_MB = 4_000  # a backstop: it counts what the fuzzer itself keeps; the campaign measures the readers
MAX_BYTES = 20_000


def fuzz(name: str, runs: int, folder: Path) -> None:
    """Fuzz one target in this process and end it."""
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=["carlos_tasks"]):
        from tests.fuzz.runner import KEPT, LIMIT_S
        from tests.fuzz.targets import TARGETS
    room, corpus = folder / "room", folder / "corpus"
    for place in (room, corpus, KEPT):
        place.mkdir(parents=True, exist_ok=True)
    for number in range(SEEDS):
        case = TARGETS[name].make(Random(number))
        if len(case) <= MAX_BYTES:
            (corpus / str(number)).write_bytes(case)

    def read(case: bytes) -> None:
        TARGETS[name].run(case, room)

    options = {
        "runs": runs,
        "max_len": MAX_BYTES,
        "timeout": int(LIMIT_S),
        "rss_limit_mb": LIMIT_MB,
        "artifact_prefix": f"{KEPT}/guided-{name}-",
        "print_final_stats": 1,
        "seed": 1,
        "verbosity": 0,
    }
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)], read)
    atheris.Fuzz()


def fuzz_apart(name: str, share: float) -> dict[str, Any]:
    """Fuzz one target in a process of its own; return its figures, and the end of its output if it failed."""
    with tempfile.TemporaryDirectory(prefix="carlos-guided-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.guided", "--one", name, str(round(RUNS[name] * share)), folder]
        done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace", check=False)
    stats = dict(re.findall(r"^stat::(\w+):\s+(\d+)$", done.stderr, re.MULTILINE))
    return {
        "target": name,
        "cases": int(stats.get("number_of_executed_units", 0)),
        "kept": int(stats.get("new_units_added", 0)),
        "peak_mb": int(stats.get("peak_rss_mb", 0)),
        "found": "" if done.returncode == 0 else (done.stdout + done.stderr)[-3000:],
    }


def main() -> int:
    """Fuzz every target, two at a time; 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Fuzzing guided by coverage.")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of cases")
    parser.add_argument("--one", nargs=3, metavar=("TARGET", "RUNS", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, runs, folder = options.one
        fuzz(name, int(runs), Path(folder))
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here: no fuzzing guided by coverage")
        return 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(lambda name: fuzz_apart(name, options.share), RUNS))
    print_table([{**row, "found": "yes" if row["found"] else "no"} for row in rows], list(rows[0]))
    print("\n".join(row["found"] for row in rows if row["found"]))
    return 1 if any(row["found"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

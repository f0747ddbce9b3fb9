"""`make fuzz`: hundreds of thousands of mutated files and records through the readers, on every core.

No crash, no hang, no more than 200 MB, each case accepted or refused with a reason. What fails is kept in
`var/fuzz/` with its traceback, and named on standard output; the same seed makes the same cases.
Usage: python -m tests.fuzz.campaign [--seed N] [--share 0.1] [--target header] [--json]
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from carlos_tasks.console import print_json, print_table
from tests.fuzz.runner import Outcome, make_cases, run_cases

CASES = {
    "header": 200_000,
    "archive": 10_000,
    "record": 10_000,
    "repo": 10_000,
    "sidecar": 10_000,
    "config": 10_000,
    "shard": 5_000,
}
SHARD = 5_000  # cases of one process
SHOWN = 25  # answers
LIMIT_MB = 200.0  # how much a process may grow


def _make_apart(target: str, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Make them in another process, so that this one grows by what it reads alone."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    maker = context.Process(target=_send_cases, args=(sender, target, seed, count))
    maker.start()
    sender.close()
    for _ in range(count):
        yield receiver.recv_bytes().decode(), receiver.recv_bytes()
    maker.join()


def _send_cases(sender: Connection, target: str, seed: int, count: int) -> None:
    for name, case in make_cases(target, seed, count):
        sender.send_bytes(name.encode())
        sender.send_bytes(case)


def _run_made_apart(target: str, seed: int, count: int) -> Outcome:
    outcome = run_cases(target, _make_apart(target, seed, count))
    if outcome.grown_mb > LIMIT_MB:
        outcome.found.append(f"{target}-{seed}: grown by {outcome.grown_mb:.0f} MB")
    return outcome


def campaign(names: list[str], seed: int, share: float) -> list[Outcome]:
    """Run every case of some targets, in processes of SHARD cases, and add up what they say."""
    work = [
        (name, seed * 1000 + n, min(SHARD, count - n * SHARD))
        for name in names
        for count in [max(1, round(CASES[name] * share))]
        for n in range(-(-count // SHARD))
    ]
    total = {name: Outcome(name) for name in names}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, max_tasks_per_child=1) as pool:
        for part in pool.map(_run_made_apart, *zip(*work, strict=True)):
            outcome = total[part.target]
            outcome.cases += part.cases
            outcome.slowest_s = max(outcome.slowest_s, part.slowest_s)
            outcome.grown_mb = max(outcome.grown_mb, part.grown_mb)
            outcome.said += part.said
            outcome.found += part.found
            print(f"{part.target}: {outcome.cases} cases, {len(outcome.found)} found", file=sys.stderr)
    return list(total.values())


def main() -> int:
    """Run the campaign, print its figures; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--target", action="append", choices=list(CASES), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of cases")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outcomes = campaign(options.target or list(CASES), options.seed, options.share)
    rows: list[dict[str, Any]] = [{**vars(outcome), "said": dict(outcome.said.most_common())} for outcome in outcomes]
    found = [line for outcome in outcomes for line in outcome.found]
    if options.json:
        print_json(rows)
    else:
        print_table([{**row, "found": len(row["found"])} for row in rows], [name for name in rows[0] if name != "said"])
        for row in rows:
            print(
                f"{row['target']}: "
                + ", ".join(f"{number} {said}" for said, number in list(row["said"].items())[:SHOWN])
            )
        print("\n".join(found[:50]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""`make chaos-lake`: hundreds of faults, one after the other, each on a lake that was right before it.

After each: every LoRA is what it was, or the lake, or `carlos verify`, says that it is not; no other LoRA is harmed;
and after clean nights all is what it was, to the bit, with nothing left over. The same seed draws the same faults;
where a kill falls is a matter of time all the same.
Usage: python -m tests.chaos.campaign [--seed N] [--faults 220] [--only NAME] [--json]
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

from carlos_tasks.console import print_json, print_table
from tests.chaos.apart import Hang
from tests.chaos.harm import FAULTS, Fault, Unavailable
from tests.chaos.trial import try_fault
from tests.chaos.world import World, make_world

FAULTS_OF_A_RUN = 220


@dataclass(frozen=True)
class Trial:
    """One fault, and what was found; `seed` and `fault` make it again."""

    seed: str
    fault: str
    what: str
    found: tuple[str, ...]
    seconds: float
    was_skipped: bool = False


def draw(seed: int, count: int, faults: Sequence[Fault] = FAULTS) -> list[tuple[str, Fault]]:
    """Draw faults, each kind as often as its weight says, at least once; each has a seed of its own."""
    random = Random(seed)
    drawn = [*faults, *random.choices(faults, [fault.weight for fault in faults], k=max(0, count - len(faults)))]
    return [(f"{seed}-{number}", fault) for number, fault in enumerate(drawn[:count])]


def run_trials(folder: Path, drawn: Sequence[tuple[str, Fault]]) -> list[Trial]:
    """Try some faults one after the other: those of S3 on a world in a bucket, the others on one in a folder."""
    trials = []
    for on_s3 in (False, True):
        its = [(seed, fault) for seed, fault in drawn if fault.on_s3 == on_s3]
        if its:
            world = make_world(folder / ("s3" if on_s3 else "folder"), on_s3=on_s3)
            try:
                trials += [_trial(world, seed, fault) for seed, fault in its]
            finally:
                world.close()
    return trials


def _trial(world: World, seed: str, fault: Fault) -> Trial:
    started = time.monotonic()
    found: list[str] = []
    what, was_skipped = fault.name, False
    try:
        what, found = try_fault(world, fault, Random(seed))
    except Unavailable as exc:
        what, was_skipped = str(exc), True
    except Hang as exc:
        found = [f"a stage hangs: {exc}"]
    except Exception:
        found = ["the trial broke: " + traceback.format_exc(limit=-4)]
    trial = Trial(seed, fault.name, what, tuple(found), round(time.monotonic() - started, 1), was_skipped)
    print(f"{seed} {fault.name}: {what}: {'; '.join(found) or 'right'}", file=sys.stderr, flush=True)
    return trial


def _of_one_process(drawn: Sequence[tuple[str, Fault]]) -> list[Trial]:
    with tempfile.TemporaryDirectory(prefix="carlos-chaos-") as folder:
        return run_trials(Path(folder), drawn)


def campaign(seed: int, count: int, faults: Sequence[Fault] = FAULTS) -> list[Trial]:
    """Try that many faults, in one process for each core, each with a world of its own."""
    drawn = draw(seed, count, faults)
    n_processes = min(os.cpu_count() or 1, len(drawn))
    shares = [drawn[number::n_processes] for number in range(n_processes)]
    with ProcessPoolExecutor(n_processes, get_context("spawn")) as pool:
        return [trial for trials in pool.map(_of_one_process, shares) for trial in trials]


def main() -> int:
    """Run the campaign, print its figures; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make chaos-lake", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=FAULTS_OF_A_RUN)
    parser.add_argument("--only", action="append", help="only faults whose name holds this; may be repeated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted = [fault for fault in FAULTS if not options.only or any(part in fault.name for part in options.only)]
    if not wanted:
        parser.error("there is no such fault: " + ", ".join(fault.name for fault in FAULTS))
    print(f"seed {options.seed}, {options.faults} faults", file=sys.stderr)
    trials = campaign(options.seed, options.faults, wanted)
    if options.json:
        print_json([vars(trial) for trial in trials])
        return 1 if any(trial.found for trial in trials) else 0
    print_table(_figures(trials), ["fault", "trials", "skipped", "found", "median_s"])
    print("\n".join(f"{one.seed} {one.fault}: {one.what}: {'; '.join(one.found)}" for one in trials if one.found))
    return 1 if any(trial.found for trial in trials) else 0


def _figures(trials: Sequence[Trial]) -> list[dict[str, object]]:
    names = Counter(trial.fault for trial in trials)
    return [
        {
            "fault": name,
            "trials": count,
            "skipped": sum(trial.was_skipped for trial in trials if trial.fault == name),
            "found": sum(bool(trial.found) for trial in trials if trial.fault == name),
            "median_s": sorted(trial.seconds for trial in trials if trial.fault == name)[count // 2],
        }
        for name, count in names.items()
    ]


if __name__ == "__main__":
    sys.exit(main())

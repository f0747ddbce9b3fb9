"""What verifying costs a commit: the same LoRAs committed with and without it, alternating, in one run.

    python benchmarks/integrity.py [--loras 100 --prompts 280 --seeds 4 --dimension 512] [--repeat 5] [--json]

With: the commit as it is, which reads every shard once to hash it, checks footers and outcomes, records the hashes and
seals what the lake wrote. Without: none of that. Each commit makes a lake of its own over the same shards. A ratio is
of two commits that follow each other, and the median of the ratios counts, so that a busy machine slows both alike; of
the processor's time as well, which does not depend on what else runs.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.commit import index, work
from carlos_tasks.commit.arrivals import Arrivals
from carlos_tasks.commit.baseline import Baseline
from carlos_tasks.lake import seals
from carlos_tasks.lake.measurement import CheckedShard
from carlos_tasks.lake.outcomes import OutcomeRecord, read_outcome, write_outcome
from carlos_tasks.lake.shards import ShardFile, ShardIdentity, write_shard
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key, parse_shard_key, shard_key
from carlos_tasks.store.objects import ObjectStore

TARGET_RATIO = 1.1


def main() -> int:
    """Measure, print, and exit with 1 where the target is missed."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        report = measured(Path(folder), options)
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:>18}  {value}")
    return 0 if report["ratio"] <= TARGET_RATIO else 1


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=100)
    parser.add_argument("--prompts", type=int, default=280)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=5, help="pairs of commits")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Commit in pairs; which of the two comes first alternates."""
    profile = profile_of(folder / "prompts", options)
    keys = fill(open_store(str(folder / "made")), profile, options)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    of_processor: dict[bool, list[float]] = {True: [], False: []}
    for number in range(options.repeat):
        for verifies in (True, False) if number % 2 else (False, True):
            taken, busy = commit(folder, profile, keys, verifies)
            seconds[verifies].append(taken)
            of_processor[verifies].append(busy)
    ratios, processor_ratios = ratios_of(seconds), ratios_of(of_processor)
    return {
        "loras": options.loras,
        "pairs": options.prompts * options.seeds,
        "dimension": options.dimension,
        "cores": os.cpu_count(),
        "seconds_with": round(statistics.median(seconds[True]), 2),
        "seconds_without": round(statistics.median(seconds[False]), 2),
        "ratios": [round(ratio, 3) for ratio in sorted(ratios)],
        "ratio": round(statistics.median(ratios), 3),
        "processor_ratio": round(statistics.median(processor_ratios), 3),
    }


def ratios_of(seconds: dict[bool, list[float]]) -> list[float]:
    """Of each pair: with verifying, by without."""
    return [with_it / without for with_it, without in zip(seconds[True], seconds[False], strict=True)]


def profile_of(folder: Path, options: argparse.Namespace) -> Profile:
    """The micro profile with so many prompts and seeds, and shards as the paper's profile has them."""
    folder.mkdir(parents=True)
    prompts = [
        {"prompt_id": f"p{n:04}", "category": "c", "subcategory": "s", "text": f"prompt {n}"}
        for n in range(options.prompts)
    ]
    path = folder / "prompts.json"
    path.write_text(json.dumps({"prompt_set": "benchmark", "prompts": prompts}))
    document = load_profile("micro").model_dump(mode="json")
    document["identity"]["seeds"] = list(range(options.seeds))
    document["identity"]["prompts"] = {"uri": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return Profile.model_validate(document | {"thresholds": {}, "budget": None, "pairs_per_shard": 256})


def fill(store: ObjectStore, profile: Profile, options: argparse.Namespace) -> list[str]:
    """Write what workers leave: shards and outcomes; returns the keys of the LoRAs' outcomes."""
    rng = np.random.default_rng(0)
    base = (rng.normal(size=(len(profile.pairs()), options.dimension)) * 0.4).astype(np.float32)
    keys = []
    for number in range(-1, options.loras):
        lora_id = BASELINE if number < 0 else f"{number:064d}"
        effect: Floats = (base + 0.1 * rng.normal(size=base.shape)).astype(np.float32)
        write_outcome(store, outcome_of(store, profile, lora_id, base if number < 0 else effect))
        keys += [] if number < 0 else [outcome_key(profile.profile_id, lora_id)]
    return keys


def outcome_of(store: ObjectStore, profile: Profile, lora_id: str, embeddings: Floats) -> OutcomeRecord:
    """Write the shards of a LoRA; returns its outcome."""
    left = iter(embeddings)
    shards = tuple(
        write_shard(
            store,
            shard_key(profile.profile_id, lora_id, number),
            [{"prompt_id": prompt.prompt_id, "seed": seed, "embedding": next(left)} for prompt, seed in pairs],
        )
        for number, pairs in enumerate(profile.shards())
    )
    return OutcomeRecord(
        profile_id=profile.profile_id,
        lora_id=lora_id,
        status="embedded",
        shards=shards,
        n_pairs=len(profile.pairs()),
        attempted_at="2026-01-02T03:04:05+00:00",
    )


def commit(folder: Path, profile: Profile, keys: list[str], verifies: bool) -> tuple[float, float]:
    """Commit everything to a new lake; returns the seconds that it took, and those of the processor."""
    place = folder / "lake"
    shutil.copytree(folder / "made", place / "store", copy_function=os.link)
    settings = Settings(store=str(place / "store"), catalog=f"sqlite:{place / 'catalog.sqlite'}")
    index.commit_index(settings, profile, [])  # the tables are made
    started, busy = time.perf_counter(), time.process_time()
    if verifies:
        report = index.commit_index(settings, profile, keys)
    else:
        with not_verifying():
            report = index.commit_index(settings, profile, keys)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    if report.n_representations != len(keys):
        raise SystemExit(f"{report.n_representations} of {len(keys)} LoRAs were committed")
    shutil.rmtree(place)
    return seconds, busy


@contextmanager
def not_verifying() -> Iterator[None]:
    """Let a commit believe every outcome, and seal nothing."""

    def believe(store: ObjectStore, arrived: Arrivals, lora_ids: Sequence[str], pairs: Any) -> None:
        arrived.shards |= {
            lora_id: [believed(file) for file in arrived.outcomes[lora_id].shards] for lora_id in lora_ids
        }

    def believe_baseline(con: Any, store: ObjectStore, profile_id: str, pairs: Any) -> Baseline:
        return Baseline(
            [believed(file) for file in read_outcome(store, outcome_key(profile_id, BASELINE), profile_id).shards]
        )

    with (
        patch.object(work, "check_arrivals", believe),
        patch.object(work, "check_baseline", believe_baseline),
        patch.object(seals, "seal_commit", lambda con: None),
    ):
        yield


def believed(file: ShardFile) -> CheckedShard:
    """A shard that nobody has looked at."""
    profile_id, lora_id, number = parse_shard_key(file.key)
    identity = ShardIdentity(
        profile_id=profile_id, lora_id=lora_id, number=number, n_pairs=0, pairs_sha256="", rows_sha256=""
    )
    return CheckedShard(file, identity, is_sealed=False)


if __name__ == "__main__":
    sys.exit(main())

"""Do profiles that differ in their seeds alone say the same of a LoRA, so that they may be ranked together?

    python benchmarks/other_seeds.py [--loras 6] [--json]

Measures LoRAs of the micro world with seeds 0 to 3 and again with 4 to 7, 120 pairs each, half a minute a LoRA on a
free core. Exits with 1 where the two Directions of one LoRA have a cosine below .99, or where cosines of two LoRAs
differ across the profiles from those within one by more than .01.
"""

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.budget_truth import task_of
from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.commit.scales import baseline_pairs
from carlos_tasks.console import print_json, print_table
from carlos_tasks.microworld.figures import cosine
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.representation.estimates import estimates
from carlos_tasks.representation.pair_sums import prompt_sums
from carlos_tasks.representation.pairs import embeddings_of
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.worker import Worker

SLUGS = ("striped-a", "striped-b", "foggy-a", "foggy-b", "warm-a", "dotted-a")
SEEDS = ((0, 1, 2, 3), (4, 5, 6, 7))
LEAST_COSINE, MOST_SHIFT = 0.99, 0.01


def main() -> int:
    """Measure, print the table, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loras", type=int, default=len(SLUGS), help=f"how many, from 2 to {len(SLUGS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [measured(folder, seeds, SLUGS[: options.loras]) for seeds in SEEDS]
    row = compared(*found)
    if options.json:
        print_json([row])
    else:
        print_table([row], list(row))
    return int(row["least_cosine"] < LEAST_COSINE or row["most_shift"] > MOST_SHIFT)


def measured(folder: str, seeds: tuple[int, ...], slugs: tuple[str, ...]) -> list[Row]:
    """The representations of some LoRAs with all pairs of these seeds."""
    profile = load_profile("micro")
    profile = profile.model_copy(update={"identity": profile.identity.model_copy(update={"seeds": seeds})})
    store = open_store(folder)
    worker = Worker(Settings(store=folder, budget="all", evidence_pairs=0), [profile], store)
    worker.make_baseline(lambda _: None)
    baseline = baseline_pairs(store, profile)
    rows = []
    for slug in slugs:
        task = task_of(Path(folder), slug)
        (outcome,) = worker.index(task, lambda _: None)
        pairs = baseline.beside(embeddings_of(store, outcome.shards))
        rows.append(estimates(prompt_sums(pairs), pairs.n_all, pairs.n_flagged))
    return rows


def compared(one: list[Row], other: list[Row]) -> Row:
    """How far the two say the same: of each LoRA, and of each two."""
    ones, others = ([direction(row) for row in rows] for rows in (one, other))
    shifts = [
        (
            cosine(ones[a], others[b])
            + cosine(others[a], ones[b])
            - cosine(ones[a], ones[b])
            - cosine(others[a], others[b])
        )
        / 2
        for a, b in combinations(range(len(ones)), 2)
    ]
    return {
        "loras": len(ones),
        "least_cosine": min(cosine(a, b) for a, b in zip(ones, others, strict=True)),
        "most_change_of_strength": max(abs(b["strength"] / a["strength"] - 1) for a, b in zip(one, other, strict=True)),
        "mean_shift": float(np.mean(shifts)),
        "most_shift": float(np.max(np.abs(shifts))),
    }


def direction(row: Row) -> Doubles:
    """The Direction of a representation, float64."""
    vector: Doubles = row["direction"].astype(np.float64)
    return vector


if __name__ == "__main__":
    sys.exit(main())

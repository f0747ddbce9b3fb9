"""What does a budget of looks cost, and how near does it come to all 4,480 pairs?

    python benchmarks/budget_truth.py            # once: the micro world at the paper's size
    python benchmarks/budget.py [--folder var/budget-truth] [--profile sdxl-quick] [--repeat 20] [--json]

Two worlds. *micro*: LoRAs measured with 280 prompts × 16 seeds, each stopped in many random orders of its prompts and
seeds. *published*: 740 LoRAs with the Direction, Strength and Consistency that the paper's authors published, and with
pairs around them that differ as those of the micro world do, prompt by prompt (left out where the file is not at hand).
Each row holds what is stopped against all pairs. Exits with 1 where a target is missed.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.budget_truth import N_PROMPTS, N_SEEDS, SLUGS, profile_of, task_of
from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.console import print_json, print_table
from carlos_tasks.lake.shards import read_shard
from carlos_tasks.microworld.figures import cosine
from carlos_tasks.profiles.budget import Budget
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.representation.estimates import estimates
from carlos_tasks.representation.pair_sums import prompt_sums
from carlos_tasks.representation.pairs import Numbers, Pairs
from carlos_tasks.representation.settled import Look, look_at_pairs, sure_status
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, shard_key

PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "data" / "carlos_published_representations.parquet"
N_ALL, N_BEST = N_PROMPTS * N_SEEDS, 10
#: A figure of a row, and what it must not be above, or below.
MOST = {"median_pairs": N_ALL / 12, "mean_pairs": N_ALL / 8}
LEAST = {"cosine_98": 0.95, "strength_2": 0.90, "same_status": 0.99, "covered": 0.9545, "same_best": 0.9}


@dataclass(frozen=True)
class Measured:
    """All pairs of one LoRA, float32 (prompts, seeds, d)."""

    x: Floats
    y: Floats

    def pairs(self, chosen: Numbers) -> Pairs:
        """Some pairs, of which `chosen` has prompt and seed, (n, 2)."""
        prompt, seed = chosen[np.lexsort((chosen[:, 1], chosen[:, 0]))].T
        rows = np.arange(len(prompt))
        return Pairs(len(rows), prompt, seed, rows, rows, self.x[prompt, seed], self.y[prompt, seed])


@dataclass(frozen=True)
class Stopped:
    """A LoRA that was stopped at a look, beside all of its pairs."""

    look: Look
    row: Row
    all_pairs: Row
    full_status: str


def main() -> int:
    """Stop LoRAs of both worlds, print the table, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("var/budget-truth"), help="what budget_truth.py made")
    parser.add_argument("--profile", default="sdxl-quick", help="whose budget is tried")
    parser.add_argument("--growth", type=float, help="looks that grow by this factor, in place of the profile's")
    parser.add_argument("--repeat", type=int, default=20, help="random orders of each LoRA of the micro world")
    parser.add_argument("--published", type=int, default=740, help="how many of the published LoRAs")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")
    options = parser.parse_args()
    budget = load_profile(options.profile).budget
    if budget is None:
        parser.error(f"profile {options.profile} has no budget")
    if options.growth:
        budget = budget.model_copy(update={"looks": growing(budget.looks[0], options.growth)})
    rng = np.random.default_rng(0)
    truth = measured(options.folder)
    limits = {name: limit.value for name, limit in load_profile("micro").thresholds.items()}
    rows = [judged("micro", list(micro(truth, budget, limits, options.repeat, rng)), [])]
    if PUBLISHED.is_file():
        stopped, best = published(truth, budget, options.published, rng)
        rows.append(judged("published", stopped, best))
    if options.json:
        print_json(rows)
    else:
        print_table(rows, list(rows[-1]), title=f"{len(budget.looks)} looks: {', '.join(map(str, budget.looks))}")
    missed = [
        f"{row['world']}: {name} is {row[name]:.3g}, and is to be at {word} {limit:.3g}"
        for row in rows
        for word, limits, sign in (("most", MOST, 1), ("least", LEAST, -1))
        for name, limit in limits.items()
        if row.get(name) is not None and sign * row[name] > sign * limit
    ]
    for line in missed:
        print(f"budget: {line}", file=sys.stderr)
    return int(bool(missed))


def growing(first: int, factor: float) -> tuple[int, ...]:
    """Looks from the first to all pairs, each so many times the one before."""
    looks = [first]
    while looks[-1] * factor < N_ALL:
        looks.append(round(looks[-1] * factor))
    return (*looks, N_ALL)


def measured(folder: Path) -> dict[str, Measured]:
    """Read the LoRAs of the micro world that are all there."""
    store, profile = open_store(str(folder.absolute())), profile_of(folder)
    names = {prompt.prompt_id: number for number, prompt in enumerate(profile.indexing_prompts().prompts)}

    def embeddings(lora_id: str) -> Floats:
        found = np.full((N_PROMPTS, N_SEEDS, 0), np.nan, np.float32)
        for number in range(len(profile.shards())):
            table, _ = read_shard(store.read(shard_key(profile.profile_id, lora_id, number)))
            vectors = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
            if not found.size:
                found = np.full((N_PROMPTS, N_SEEDS, vectors.shape[1]), np.nan, np.float32)
            found[[names[name] for name in table["prompt_id"].to_pylist()], table["seed"].to_numpy()] = vectors
        return found

    baseline = embeddings(BASELINE)
    ids = {slug: task_of(folder, slug).lora_id for slug in SLUGS}
    last = len(profile.shards()) - 1
    there = {
        slug: lora_id for slug, lora_id in ids.items() if store.exists(shard_key(profile.profile_id, lora_id, last))
    }
    return {slug: Measured(embeddings(lora_id), baseline) for slug, lora_id in there.items()}


def micro(
    truth: Mapping[str, Measured], budget: Budget, limits: Mapping[str, float], repeat: int, rng: np.random.Generator
) -> Iterator[Stopped]:
    """Stop each LoRA of the micro world in random orders of its prompts and seeds."""
    for lora in truth.values():
        full = row_of(lora.pairs(every_pair(np.arange(N_PROMPTS), np.arange(N_SEEDS))))
        for _ in range(repeat):
            order = every_pair(rng.permutation(N_PROMPTS), rng.permutation(N_SEEDS))
            yield stopped(lora, order, budget, limits, full)


def published(
    truth: Mapping[str, Measured], budget: Budget, count: int, rng: np.random.Generator
) -> tuple[list[Stopped], list[float]]:
    """Stop the published LoRAs, with pairs made up around them; and the share of the ten best that stays the same."""
    table = pq.read_table(PUBLISHED, columns=["direction", "strength", "consistency"]).slice(0, count)
    directions = np.array(table["direction"].to_pylist())
    limits = {name: limit.value for name, limit in load_profile("sdxl-paper").thresholds.items()}
    around = [residuals(lora) for lora in truth.values()]
    found = []
    for direction, strength, c in zip(
        directions, table["strength"].to_numpy(), table["consistency"].to_numpy(), strict=True
    ):
        lora = made_up(direction, strength, c, around[rng.integers(len(around))], rng)
        full = row_of(lora.pairs(every_pair(np.arange(N_PROMPTS), np.arange(N_SEEDS))))
        found.append(stopped(lora, every_pair(np.arange(N_PROMPTS), np.arange(N_SEEDS)), budget, limits, full))
    return found, same_best(found, directions)


def residuals(lora: Measured) -> Doubles:
    """How the pairs of a LoRA differ from their mean, over the root of their mean squared length."""
    v = (lora.x - lora.y).astype(np.float64)
    rest = v - v.mean(axis=(0, 1))
    scaled: Doubles = rest / np.sqrt((rest**2).sum(axis=2).mean())
    return scaled


def made_up(direction: Doubles, strength: float, c: float, around: Doubles, rng: np.random.Generator) -> Measured:
    """Pairs of a Direction whose Consistency and Strength are about these, turned at random into its space."""
    c = max(c, 1e-3)
    axes = np.linalg.qr(rng.standard_normal((len(direction), around.shape[2])))[0]
    mixed = around[rng.permutation(N_PROMPTS)][:, rng.permutation(N_SEEDS)]
    v = np.sqrt(1 - c) * mixed @ axes.T + np.sqrt(c) * direction / np.linalg.norm(direction)
    v *= strength / np.linalg.norm(v, axis=2).mean()
    return Measured(v.astype(np.float32), np.zeros(v.shape, np.float32))


def every_pair(prompts: Numbers, seeds: Numbers) -> Numbers:
    """Prompts first, seeds after: (n, 2)."""
    return np.stack([np.tile(prompts, len(seeds)), np.repeat(seeds, len(prompts))], axis=1)


def stopped(lora: Measured, order: Numbers, budget: Budget, limits: Mapping[str, float], full: Row) -> Stopped:
    """Look at the pairs in this order until the LoRA is settled."""
    for n_pairs in budget.looks:
        pairs = lora.pairs(order[:n_pairs])
        look = look_at_pairs(pairs, budget, limits, N_PROMPTS, N_SEEDS)
        if look.is_settled:
            break
    nothing = dict.fromkeys(("strength", "consistency", "prompt_retention"))
    return Stopped(look, row_of(pairs), full, sure_status(full, nothing, limits, 0.0)[0])


def row_of(pairs: Pairs) -> Row:
    """The representation of some pairs."""
    return estimates(prompt_sums(pairs), pairs.n_all, pairs.n_flagged)


def same_best(found: Sequence[Stopped], queries: Doubles) -> list[float]:
    """Of the ten best by all pairs for each query, the share that is among the ten best as stopped."""
    best = []
    for of in ("all_pairs", "row"):
        kept = [s.full_status == "ok" if of == "all_pairs" else s.look.status == "ok" for s in found]
        vectors = np.array([getattr(s, of)["direction"] for s in found], np.float64)
        scores = queries @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
        scores[:, ~np.array(kept)] = -np.inf
        best.append(np.argsort(-scores, axis=1)[:, :N_BEST])
    return [len(set(one) & set(other)) / N_BEST for one, other in zip(*map(np.ndarray.tolist, best), strict=True)]


def judged(world: str, found: Sequence[Stopped], best: Sequence[float]) -> Row:
    """The figures of a world. Those of Direction and Strength are of LoRAs that stay in search."""
    n_pairs = np.array([s.look.n_pairs for s in found])
    kept = [s for s in found if s.full_status == "ok"]
    cosines = np.array([cosine(s.row["direction"], s.all_pairs["direction"]) for s in kept])
    bounds = [(c, s.look.full_cosine_lower) for c, s in zip(cosines, kept, strict=True) if s.look.n_pairs < N_ALL]
    changes = np.array([abs(s.row["strength"] / s.all_pairs["strength"] - 1) for s in kept])
    return {
        "world": world,
        "n": len(found),
        "median_pairs": float(np.median(n_pairs)),
        "mean_pairs": float(n_pairs.mean()),
        "mean_pairs_kept": float(np.mean([s.look.n_pairs for s in kept])),
        "all_pairs": float((n_pairs == N_ALL).mean()),
        "cosine_98": float((cosines >= 0.98).mean()),
        "least_cosine": float(cosines.min()),
        "covered": float(np.mean([c >= bound for c, bound in bounds if bound is not None])) if bounds else None,
        "strength_2": float((changes <= 0.02).mean()),
        "same_status": float(np.mean([s.look.status == s.full_status for s in found])),
        "same_best": float(np.mean(best)) if best else None,
    }


if __name__ == "__main__":
    sys.exit(main())

"""The pairs of one LoRA as arrays, and its representation from any part of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.profiles.profile import Profile


@dataclass(frozen=True, eq=False)
class Pairs:
    """CLIP differences v of one LoRA by prompt and seed.

    Attributes:
        differences: float32 (n_prompts, n_seeds, d); zeros where a pair is missing or flagged.
        valid: (n_prompts, n_seeds), which pairs there are.
    """

    differences: Floats
    valid: Mask

    @cached_property
    def lengths(self) -> Doubles:
        """‖v‖: (n_prompts, n_seeds)."""
        return np.linalg.norm(self.differences.astype(np.float64), axis=2)

    @cached_property
    def units(self) -> Doubles:
        """v/‖v‖: (n_prompts, n_seeds, d); v = 0 has no direction and stays 0."""
        lengths = self.lengths[:, :, None]
        return np.divide(self.differences, lengths, out=np.zeros(self.differences.shape), where=lengths > 0)


@dataclass(frozen=True, eq=False)
class Estimates:
    """Representations from k parts of the pairs: Direction float64 (k, d), Strength (k,), Consistency (k,)."""

    direction: Doubles
    strength: Doubles
    consistency: Doubles


def read_pairs(con: duckdb.DuckDBPyConnection, profile: Profile, lora_ids: Sequence[str]) -> Iterator[Pairs]:
    """Yield the pairs of each LoRA, one LoRA in memory at a time."""
    pairs = profile.pairs()
    prompt_no = {prompt_id: n for n, prompt_id in enumerate(dict.fromkeys(prompt.prompt_id for prompt, _ in pairs))}
    seed_no = {seed: n for n, seed in enumerate(dict.fromkeys(seed for _, seed in pairs))}
    for lora_id in lora_ids:
        with lake_errors():
            wanted = {"profile_id": profile.profile_id, "lora_id": lora_id}
            table = con.execute(statement("ask/evaluation/evaluated_pairs"), wanted).to_arrow_table()
        vectors = table["difference"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
        rows = [prompt_no[prompt_id] for prompt_id in table["prompt_id"].to_pylist()]
        columns = [seed_no[seed] for seed in table["seed"].to_pylist()]
        differences = np.zeros((len(prompt_no), len(seed_no), vectors.shape[1]), np.float32)
        valid = np.zeros(differences.shape[:2], bool)
        differences[rows, columns] = vectors
        valid[rows, columns] = True
        yield Pairs(differences, valid)


def estimate(pairs: Pairs, chosen: Mask) -> Estimates:
    """The representation from each of several subsets of the pairs (docs/method.md).

    Args:
        chosen: (k, n_prompts, n_seeds). A subset without a pair gives NaN.
    """
    lengths = pairs.lengths
    weights = (chosen & pairs.valid).reshape(len(chosen), -1).astype(np.float64)
    n = weights.sum(axis=1)
    n_nonzero = weights @ (lengths > 0).ravel()
    dimension = pairs.differences.shape[2]
    summed = weights @ pairs.differences.reshape(-1, dimension).astype(np.float64)
    unit_sum = weights @ pairs.units.reshape(-1, dimension)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Estimates(
            direction=summed / n[:, None],
            strength=weights @ lengths.ravel() / n,
            consistency=consistency((unit_sum**2).sum(axis=1), n_nonzero),
        )


def consistency(sum_norm2: Doubles, n: Doubles) -> Doubles:
    """Mean pairwise cosine of n unit vectors from the squared length of their sum; NaN below two."""
    return np.divide(sum_norm2 - n, n * (n - 1), out=np.full(np.shape(n), np.nan), where=n > 1)

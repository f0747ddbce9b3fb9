"""How sure a ranking is: standard errors of the scores, and how often a hit stays among the first k.

Both resample the prompts that the images were made of, since seeds of one prompt resemble each other. A LoRA's
Direction is Σₚ nₚ dₚ / Σₚ nₚ over its prompts, dₚ being the mean difference of a prompt and nₚ its pairs
(`core.prompt_difference`).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, values_of
from carlos_tasks.lake.statements import statement
from carlos_tasks.retrieval.query import Query

_Key = TypeVar("_Key", bound=Hashable)

# The same question gets the same answer.
_SEED = 2512
# LoRAs that are read together. Up to 50 values, DuckDB hands a join's keys to the scan, which opens no other files.
_AT_ONCE = 40


@dataclass(frozen=True, eq=False)
class PromptSums:
    """What one LoRA does, prompt by prompt: names of the prompts, and nₚ dₚ, float32 (prompts, d)."""

    prompts: NDArray[np.str_]
    sums: Floats


def read_prompt_sums(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> dict[str, PromptSums]:
    """Prompt by prompt what some LoRAs do; without those of which it is not known, as in an imported profile."""
    found: dict[str, PromptSums] = {}
    for start in range(0, len(lora_ids), _AT_ONCE):
        wanted = {"profile_id": profile_id, "lora_ids": list(lora_ids[start : start + _AT_ONCE])}
        found |= _by_lora(con.execute(statement("ask/retrieval/prompt_differences"), wanted).to_arrow_table())
    return found


def _by_lora(table: pa.Table) -> dict[str, PromptSums]:
    if not table.num_rows:
        return {}
    ids = table["lora_id"].to_numpy()
    prompts = table["prompt_id"].to_numpy().astype(str)
    differences = values_of(table["difference"].combine_chunks())
    sums = differences.reshape(len(ids), -1) * table["n_pairs"].to_numpy().astype(np.float32)[:, None]
    edges = [*np.flatnonzero(ids[1:] != ids[:-1]) + 1, len(ids)]
    slices = [slice(start, stop) for start, stop in pairwise([0, *edges])]
    return {str(ids[part.start]): PromptSums(prompts[part], sums[part]) for part in slices}


def score_se(query: Query, of_lora: PromptSums) -> float | None:
    """Standard error of a score: delete-one-prompt jackknife; None below two prompts."""
    sums = of_lora.sums.astype(np.float64)
    error = jackknife_se(_scores(query, sums.sum(axis=0) - sums))
    return error if np.isfinite(error) else None


def jackknife_se(estimates: Doubles) -> float:
    """Standard error from the estimates with one prompt left out each, (n,); nan below two that are finite.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, section 11.2; as `core.jackknife_se`.
    """
    told = estimates[np.isfinite(estimates)]
    return float(np.sqrt((len(told) - 1) * told.var())) if len(told) > 1 else float("nan")


def shares_in_top(
    query: Query,
    contenders: Sequence[_Key],
    known: Mapping[_Key, PromptSums],
    scores: Doubles,
    k: int,
    n_bootstrap: int,
) -> dict[_Key, float]:
    """In what share of bootstrap resamples each contender is among the k best of them.

    A resample draws as many prompts as there are, with replacement, the same for all LoRAs: what a prompt does to all
    of them moves them together, and changes no rank.

    Args:
        query: what is asked for.
        contenders: what names each LoRA, best first; ties keep this order.
        known: what each does, prompt by prompt; one that is missing keeps its score in every resample.
        scores: (contenders,), from all prompts.
        k: how many places there are.
        n_bootstrap: number of resamples.
    """
    # Not np.unique, which would import numpy.ma for it.
    prompts = np.array(sorted({prompt for i in contenders if i in known for prompt in known[i].prompts.tolist()}))
    if not len(prompts) or not n_bootstrap:
        return {}
    rng = np.random.default_rng(_SEED)
    counts = rng.multinomial(len(prompts), np.full(len(prompts), 1 / len(prompts)), size=n_bootstrap)
    drawn = np.tile(scores, (n_bootstrap, 1))
    for place, key in enumerate(contenders):
        if key in known:
            of_lora = known[key]
            times = counts[:, np.searchsorted(prompts, of_lora.prompts)].astype(np.float32)
            # None of its prompts drawn: nothing is known of it in this resample, and it is not among the best.
            drawn[:, place] = np.nan_to_num(_scores(query, times @ of_lora.sums), nan=-np.inf)
    order = np.argsort(-drawn, axis=1, kind="stable")[:, :k]
    stays = np.bincount(order.ravel(), minlength=len(contenders)) / n_bootstrap
    return dict(zip(contenders, stays.tolist(), strict=True))


def _scores(query: Query, directions: NDArray[np.floating]) -> Doubles:
    """Scores of Directions of any length, (r, d): (r,); not a number where one has no length."""
    columns = query.matrix[:, : query.n_scored].astype(directions.dtype)
    lengths = np.sqrt(np.einsum("rd,rd->r", directions, directions, dtype=np.float64))
    products = (directions @ columns).astype(np.float64)
    cosines = np.divide(products, lengths[:, None], out=np.full_like(products, np.nan), where=lengths[:, None] > 0)
    return np.asarray(query.score(cosines))

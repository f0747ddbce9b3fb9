"""Representations and differences by prompt from shards to rows: each LoRA's shards are read once, few LoRAs at a time.

The definitions are SQL (`sql/ask/verification`); here they are computed with numpy, to the bit the same.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import duckdb
import numpy as np
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats
from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.outcomes import OutcomeRecord, outcome_table
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.shards import UnreadableShard, read_shard
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.representation.estimates import estimates
from carlos_tasks.representation.pair_sums import PromptSums, prompt_sums
from carlos_tasks.representation.pairs import BaselinePairs, Embeddings
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once

# LoRAs that are computed together, each in a thread: what numpy does to a block of pairs holds no lock.
_LORAS_AT_ONCE = 2
#: Rows that are held back before they are inserted: 400 LoRAs of the paper's profile. Each INSERT is a file of its own.
_BYTES_AT_ONCE = 256 * 2**20

_REPRESENTATION = pa.schema(
    [
        ("lora_id", pa.string()),
        ("measured", pa.string()),
        ("direction", pa.list_(pa.float32())),
        ("strength", pa.float64()),
        ("consistency", pa.float64()),
        ("n_pairs", pa.int32()),
        ("n_prompts", pa.int32()),
        ("n_zero", pa.int32()),
        ("n_flagged", pa.int32()),
        ("strength_se", pa.float64()),
        ("consistency_se", pa.float64()),
        ("direction_cosine_lower", pa.float64()),
        ("prompt_retention", pa.float64()),
    ]
)


_COUNTED = ["lora_id", "measured", "n_pairs", "n_flagged"]


@dataclass(frozen=True)
class Measured:
    """What the shards of one LoRA come to.

    Args:
        representation: one row of core.representation, without profile_id and computed_at.
        differences: rows of core.prompt_difference, without profile_id; none where the LoRA is degenerate.
    """

    lora_id: str
    representation: pa.Table
    differences: pa.Table


def measured_loras(
    store: ObjectStore, baseline: Sequence[str], shards: Mapping[str, Sequence[str]]
) -> Iterator[Measured]:
    """Compute what the commit inserts, LoRA by LoRA in the order of their ids; a LoRA without a pair gives nothing.

    Two LoRAs are computed at a time, and the shards of the next two are fetched meanwhile: the embeddings of five are
    in memory together, the baseline's among them.

    Args:
        store: where the shards lie.
        baseline: keys of the baseline's shards.
        shards: by lora_id: keys of its shards, in any order.

    Raises:
        PermanentError: a shard cannot be read, or its pairs cannot be laid beside the baseline's.
        NotFound: a shard is not in the store.
    """
    loras = sorted(lora_id for lora_id, keys in shards.items() if keys)
    if not loras or not baseline:
        return
    portions = [loras[start : start + _LORAS_AT_ONCE] for start in range(0, len(loras), _LORAS_AT_ONCE)]
    with at_once() as fetch, at_once(_LORAS_AT_ONCE) as compute:
        coming = [fetch(store.read, sorted(shards[lora_id])) for lora_id in portions[0]]
        base = _beside_itself(fetch(store.read, sorted(baseline)))
        for portion, following in zip(portions, [*portions[1:], []], strict=True):
            fetched = [list(its) for its in coming]
            coming = [fetch(store.read, sorted(shards[lora_id])) for lora_id in following]
            for found in compute(lambda it: _measured(base, *it), zip(portion, fetched, strict=True)):
                if found:
                    yield found


def _beside_itself(fetched: Iterable[bytes]) -> BaselinePairs:
    try:
        return BaselinePairs(_embeddings(fetched))
    except UnreadableShard as exc:
        raise PermanentError(f"a shard of the baseline cannot be used: {exc}") from exc


def _embeddings(fetched: Iterable[bytes]) -> Embeddings:
    return Embeddings.of_tables([read_shard(data)[0] for data in fetched])


def _measured(base: BaselinePairs, lora_id: str, fetched: Iterable[bytes]) -> Measured | None:
    try:
        pairs = base.beside(_embeddings(fetched))
    except (UnreadableShard, PermanentError) as exc:
        raise PermanentError(f"the shards of LoRA {lora_id[:12]} cannot be used: {exc}") from exc
    if not pairs.n_all:
        return None
    sums = prompt_sums(pairs)
    row = estimates(sums, pairs.n_all, pairs.n_flagged)
    differences = _differences(base, lora_id, sums)
    return Measured(
        lora_id,
        pa.Table.from_pylist([{"lora_id": lora_id, **row}], schema=_REPRESENTATION),
        differences if row["measured"] == "measured" else differences.slice(0, 0),
    )


def _differences(base: BaselinePairs, lora_id: str, sums: PromptSums) -> pa.Table:
    """One row per prompt with a pair that counts."""
    return pa.table(
        {
            "lora_id": pa.array(repeat(lora_id, len(sums.n)), pa.string()),
            "prompt_id": base.prompt_ids.take(pa.array(sums.prompt_no)),
            "n_pairs": sums.n.astype(np.int32),
            "difference": _lists(sums.difference),
        }
    )


def _lists(vectors: Floats) -> pa.ListArray:
    """Rows of a matrix as an array of lists."""
    n, dimension = vectors.shape
    return pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * dimension, vectors.reshape(-1))


def add_measured(
    con: duckdb.DuckDBPyConnection,
    profile_id: str,
    loras: Iterable[Measured],
    represented: Collection[str] = (),
    attempts: Iterable[OutcomeRecord] = (),
) -> list[Row]:
    """Insert representations and differences by prompt, each with one INSERT, or with a few where there are thousands.

    Run it inside a transaction.

    Args:
        con: the lake.
        profile_id: the profile of all of them.
        loras: by id.
        represented: those that have a representation already, and no differences.
        attempts: what the outcomes say of how far each is settled.

    Returns:
        lora_id, measured, n_pairs and n_flagged of each new representation.
    """
    added: list[Row] = []
    with registered(con, "attempts", outcome_table(attempts)):
        for some in _portions(loras):
            new = [lora.representation for lora in some if lora.lora_id not in represented]
            _insert(con, "add_representations", profile_id, new)
            _insert(con, "add_prompt_differences", profile_id, [lora.differences for lora in some])
            added += [row for table in new for row in table.select(_COUNTED).to_pylist()]
    return added


def _portions(loras: Iterable[Measured]) -> Iterator[list[Measured]]:
    held: list[Measured] = []
    for lora in loras:
        held.append(lora)
        if sum(one.differences.nbytes for one in held) >= _BYTES_AT_ONCE:
            yield held
            held = []
    if held:
        yield held


def _insert(con: duckdb.DuckDBPyConnection, name: str, profile_id: str, tables: Sequence[pa.Table]) -> None:
    """Insert what a statement of sql/commit takes from `computed`; nothing is done where there is nothing."""
    if sum(map(len, tables)):
        with registered(con, "computed", pa.concat_tables(tables)):
            run_statement(con, name, {"profile_id": profile_id})

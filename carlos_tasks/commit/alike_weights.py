"""Which LoRAs have near weights: new sketches against all others of their base model, once, when they are committed.

Exact by blocks: every new sketch is multiplied with every known one. Memory does not grow with the lake.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.arrays import Floats
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import run_statement, statement
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION, Sketch

#: With how many of those compared before it, or with it, a LoRA is noted.
NEAREST = 8
#: Compared LoRAs from which on the nearest are held against the rest.
ENOUGH = 12
DIGITS = 4
_BLOCK = 2048  # sketches that are read together: 16 MB a vector, 64 MB in float32
_PAIRS = pa.schema(
    [
        pa.field("lora_id", pa.string()),
        pa.field("other_id", pa.string()),
        pa.field("change_cosine", pa.float64()),
        pa.field("output_cosine", pa.float64()),
        pa.field("output_z", pa.float64()),
    ]
)

Bytes = NDArray[np.int8]
Hit = tuple[float, str, float]  # minus the output cosine, so that the nearest sorts first; id; change cosine
Pair = tuple[str, str, float, float, float | None]  # a row of core.alike_weights


@dataclass(frozen=True, eq=False)
class Sketches:
    """Sketches of one base model: ids, and the signed bytes of each vector, int8 (n, 8192)."""

    lora_ids: Sequence[str]
    change: Bytes
    output: Bytes


def add_alike_weights(con: duckdb.DuckDBPyConnection, sketches: Mapping[str, Sketch]) -> int:
    """Compare new sketches, by lora_id, with each other and with all that the lake has, and note the nearest.

    Run it inside a transaction.

    Returns:
        Number of pairs added to core.alike_weights.
    """
    n_added = 0
    for base_model in sorted({sketch.base_model for sketch in sketches.values()}):
        own = {i: s for i, s in sorted(sketches.items()) if s.base_model == base_model and s.reason is None}
        if not own:
            continue
        new = Sketches(
            list(own), *(_vectors(of) for of in ([s.change for s in own.values()], [s.output for s in own.values()]))
        )
        wanted = {"base_model": base_model, "version": VERSION, "left_out": list(own)}
        known = con.execute(statement("ask/commit/weight_sketches"), wanted).to_arrow_reader(_BLOCK)
        columns = list(zip(*near_pairs(new, map(_of_batch, known)), strict=True)) or [()] * len(_PAIRS)
        with registered(con, "found", pa.table([list(column) for column in columns], schema=_PAIRS)):
            n_added += run_statement(con, "add_alike_weights")
    return n_added


def near_pairs(new: Sketches, known: Iterable[Sketches]) -> list[Pair]:
    """Return rows of core.alike_weights for new sketches, sorted.

    Args:
        new: at least one.
        known: blocks of those that were there before.
    """
    vectors = new.output.astype(np.float32)
    vectors /= _lengths(vectors)[:, None]
    cosines: list[Floats] = []
    nearest: list[list[Hit]] = [[] for _ in new.lora_ids]
    for block in chain(known, [new]):
        others = block.output.astype(np.float32)
        found = np.round(vectors @ others.T / _lengths(others), DIGITS)
        if block is new:
            np.fill_diagonal(found, np.nan)
        cosines.append(found)
        for row, kept in enumerate(nearest):
            limit = -kept[-1][0] if len(kept) == NEAREST else -np.inf
            if hits := _hits(new, row, block, found[row], limit):
                nearest[row] = nsmallest(NEAREST, kept + hits)
    rest = _Rest(np.concatenate(cosines, axis=1))
    pairs: dict[tuple[str, str], Pair] = {}
    for row, lora_id in enumerate(new.lora_ids):
        for minus_cosine, near_id, change in nearest[row]:
            z = rest.z(row, -minus_cosine)
            one, other = sorted((lora_id, near_id))
            if before := pairs.get((one, other)):  # both are new: the more cautious of the two counts
                z = None if z is None or before[4] is None else min(z, before[4])
            pairs[one, other] = (one, other, change, -minus_cosine, z)
    return [pairs[key] for key in sorted(pairs)]


def _hits(new: Sketches, row: int, block: Sketches, cosines: Floats, limit: float) -> list[Hit]:
    """The nearest of a block to one new sketch, with all that equal the last of them; none below the limit."""
    told = np.flatnonzero(np.round(cosines.astype(np.float64), DIGITS) >= limit)  # NaN, itself, is not
    if len(told) > NEAREST:
        told = told[cosines[told] >= np.partition(cosines[told], -NEAREST)[-NEAREST]]
    own, others = new.change[row].astype(np.float32), block.change[told].astype(np.float32)
    changes = others @ own / _lengths(others) / np.linalg.norm(own)
    return [
        (-round(float(cosines[place]), DIGITS), block.lora_ids[place], round(float(change), DIGITS))
        for place, change in zip(told.tolist(), changes, strict=True)
    ]


class _Rest:
    """What each new sketch was compared with, as a whole: how far above it the nearest lie."""

    def __init__(self, cosines: Floats) -> None:
        self._is_enough = cosines.shape[1] > ENOUGH  # one of them is the sketch itself
        if self._is_enough:
            self._medians = np.nanmedian(cosines, axis=1)
            self._spreads = 1.4826 * np.nanmedian(np.abs(cosines - self._medians[:, None]), axis=1)

    def z(self, row: int, cosine: float) -> float | None:
        """How many spreads a cosine lies above the median of its row; None where too few were compared."""
        if not self._is_enough or not self._spreads[row]:
            return None
        return round(float((cosine - self._medians[row]) / self._spreads[row]), 2)


def _lengths(vectors: Floats) -> Floats:
    """Lengths of rows: float32 (n,)."""
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return lengths


def _vectors(rows: Sequence[bytes]) -> Bytes:
    return np.frombuffer(b"".join(rows), np.int8).reshape(-1, SIZE)


def _of_batch(rows: pa.RecordBatch) -> Sketches:
    """The sketches of a batch, whose bytes are not copied: blobs lie in it one behind the other."""
    vectors = []
    for name in ("change_sketch", "output_sketch"):
        column = rows.column(name)
        _, offsets, data = column.buffers()
        first = int(np.frombuffer(offsets, np.int32)[column.offset])
        vectors.append(np.frombuffer(data, np.int8, len(column) * SIZE, first).reshape(-1, SIZE))
    return Sketches(rows.column("lora_id").to_pylist(), *vectors)

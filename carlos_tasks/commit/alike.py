"""Which LoRAs do nearly the same: new Directions against all others, once, when they are committed.

What comes out (`core.alike`) is what duplicates, copies and degenerate groups are told from (`mart.duplicate`,
`mart.shared_direction`). `core.compared` remembers who was compared, so that a commit compares only what is new.
"""

from collections.abc import Iterator
from heapq import nsmallest

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import rows, statement

#: Cosine from which on two LoRAs are noted; cosines are taken in float32 and kept to 1e-6.
COSINE_MIN = 0.9
DIGITS = 6
#: With how many of those compared before it a LoRA is noted: the nearest, of equals those of the smaller id.
NEAREST = 32
# 4,096 x 512 Directions are 8 MB in float32. Cosines are taken 512 rows of a block at a time: 8 MB too.
_BLOCK = 4096
_ROWS = 512

_PAIRS = pa.schema([("lora_id", pa.string()), ("other_id", pa.string()), ("cosine", pa.float64())])

Floats = NDArray[np.float32]
Block = tuple[list[str], Floats]


def add_alike(con: duckdb.DuckDBPyConnection, profile_id: str) -> int:
    """Compare the Directions of a profile that are new with all others, and note which LoRAs are alike.

    Run it inside a transaction, after the representations were inserted. Directions are read in blocks, so memory does
    not grow with the lake. A second run adds nothing.

    Returns:
        Number of pairs added to core.alike.
    """
    new = [row["lora_id"] for row in rows(con, statement("ask/uncompared_loras"), {"profile_id": profile_id})]
    return sum(_add_block(con, profile_id, new[start : start + _BLOCK]) for start in range(0, len(new), _BLOCK))


def _add_block(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: list[str]) -> int:
    """Compare a block of new LoRAs with each other and with those compared before; they count as compared then."""
    pairs: list[tuple[str, str, float]] = []
    for ids, units in _blocks(con, statement("ask/directions_of"), {"profile_id": profile_id, "lora_ids": lora_ids}):
        known = _blocks(con, statement("ask/compared_directions"), {"profile_id": profile_id})
        nearest = nearest_of_block(ids, units, known)
        for one, found in nearest.items():
            pairs += [(min(one, other), max(one, other), cosine) for cosine, other in found]
    columns = [list(column) for column in zip(*sorted(pairs), strict=True)] or [[], [], []]
    with registered(con, "found", pa.table(columns, schema=_PAIRS)):
        con.execute("insert into core.alike by name select $1 as profile_id, * from found", [profile_id])
    con.execute("insert into core.compared select $1, unnest($2::varchar[])", [profile_id, lora_ids])
    return len(pairs)


def _blocks(con: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object]) -> Iterator[Block]:
    """Yield (lora_id, direction) rows as ids and float32 (n, d) unit rows; a Direction of length 0 is left out."""
    for batch in con.execute(query, parameters).to_arrow_reader(_BLOCK):
        ids, directions = batch.column(0).to_pylist(), batch.column(1)
        lengths = np.asarray(directions.value_lengths())
        for dimension in np.unique(lengths):  # one, where the lake is sound
            chosen = np.flatnonzero(lengths == dimension)
            values = directions.take(pa.array(chosen)).flatten().to_numpy().reshape(len(chosen), dimension)
            norms = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64))
            usable = np.isfinite(norms) & (norms > 0)
            units = (values[usable] / norms[usable, None]).astype(np.float32)
            yield [ids[row] for row in chosen[usable]], units


def nearest_of_block(ids: list[str], units: Floats, compared: Iterator[Block]) -> dict[str, list[tuple[float, str]]]:
    """Find whom each LoRA of a block is alike, among those compared before and those ahead of it in the block.

    Args:
        ids: of the block, sorted.
        units: float32 (n, d), unit rows.
        compared: blocks of those compared before; one of another dimension is passed over.

    Returns:
        Cosines and ids by the LoRAs of the block that are alike any: at most `NEAREST` each, nearest first.
    """
    nearest: dict[str, list[tuple[float, str]]] = {}
    for other_ids, others in compared:
        if others.shape[1:] == units.shape[1:]:
            _keep_nearest(nearest, ids, units, other_ids, others)
    _keep_nearest(nearest, ids, units, ids, units, only_ahead=True)
    return nearest


def _keep_nearest(
    nearest: dict[str, list[tuple[float, str]]],
    ids: list[str],
    units: Floats,
    other_ids: list[str],
    others: Floats,
    only_ahead: bool = False,
) -> None:
    for start in range(0, len(ids), _ROWS):
        cosines = units[start : start + _ROWS] @ others.T
        if only_ahead:
            cosines = np.tril(cosines, k=start - 1)
        # Rounding may lift a cosine to the limit; half a unit of the last digit below it is enough.
        for row in np.flatnonzero((cosines >= COSINE_MIN - 0.5 * 10.0**-DIGITS).any(axis=1)):
            kept = nearest.get(ids[start + row], [])
            kept += _hits(cosines[row], other_ids)
            nearest[ids[start + row]] = nsmallest(NEAREST, kept, key=lambda hit: (-hit[0], hit[1]))


def _hits(cosines: Floats, other_ids: list[str]) -> list[tuple[float, str]]:
    """The nearest of one row, with all that equal the last of them."""
    rounded = np.minimum(cosines.astype(np.float64).round(DIGITS), 1.0)
    limit = COSINE_MIN
    if len(rounded) > NEAREST:
        limit = max(limit, float(np.partition(rounded, -NEAREST)[-NEAREST]))
    return [(float(rounded[column]), other_ids[column]) for column in np.flatnonzero(rounded >= limit)]

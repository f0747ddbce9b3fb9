"""Which LoRAs do nearly the same: new Directions against all others, once, when they are committed.

What comes out (`core.alike`) is what duplicates, copies and degenerate groups are told from (`mart.duplicate`,
`mart.shared_direction`). `core.compared` remembers who was compared, so that a commit compares only what is new.
"""

from collections.abc import Iterator, Sequence
from heapq import nsmallest

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from carlos_tasks.arrays import Floats
from carlos_tasks.lake.directions import DirectionBlock, read_directions, unit_vectors
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import statement

#: Cosine from which on two LoRAs are noted; cosines are taken in float32 and kept to 1e-6.
COSINE_MIN = 0.9
DIGITS = 6
#: With how many of those compared before it a LoRA is noted: the nearest, of equals those of the smaller id.
NEAREST = 32
# 4,096 x 512 Directions are 8 MB in float32. Cosines are taken 512 rows of a block at a time: 8 MB too.
_BLOCK = 4096
_ROWS = 512

_PAIRS = pa.schema([("lora_id", pa.string()), ("other_id", pa.string()), ("cosine", pa.float64())])

Block = tuple[list[str], Floats]


def add_alike(con: duckdb.DuckDBPyConnection, profile_id: str) -> int:
    """Compare the Directions of a profile that are new with all others, and note which LoRAs are alike.

    Run it inside a transaction, after the representations were inserted. Directions are read in blocks, so memory does
    not grow with the lake. A second run adds nothing.

    Returns:
        Number of pairs added to core.alike.
    """
    new = con.execute(statement("ask/commit/uncompared_loras"), {"profile_id": profile_id}).to_arrow_table()
    return sum(_add_block(con, profile_id, new, start) for start in range(0, len(new), _BLOCK))


def forget_alike(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> None:
    """Forget whom LoRAs are alike whose Direction is another one now, so that `add_alike` compares them again."""
    if not lora_ids:
        return
    ours = {"profile_id": profile_id, "lora_ids": list(lora_ids)}
    con.execute(
        "delete from core.alike where profile_id = $profile_id "
        "and (list_contains($lora_ids, lora_id) or list_contains($lora_ids, other_id))",
        ours,
    )
    con.execute("delete from core.compared where profile_id = $profile_id and list_contains($lora_ids, lora_id)", ours)


def _add_block(con: duckdb.DuckDBPyConnection, profile_id: str, new: pa.Table, start: int) -> int:
    """Compare a block of new LoRAs with each other and with those compared before; they count as compared then."""
    lora_ids = new["lora_id"].slice(start, _BLOCK).to_pylist()
    since = pc.min(new["computed_at"].slice(start, _BLOCK)).as_py()
    block = read_directions(con, profile_id, lora_ids=lora_ids, since=since, batch=_BLOCK)
    pairs: list[tuple[str, str, float]] = []
    for ids, units in [_sorted_units(own) for own in block]:
        known = read_directions(con, profile_id, left_out=new.slice(start), batch=_BLOCK)
        nearest = nearest_of_block(ids, units, map(_units, known))
        for one, found in nearest.items():
            pairs += [(min(one, other), max(one, other), cosine) for cosine, other in found]
    columns = [list(column) for column in zip(*sorted(pairs), strict=True)] or [[], [], []]
    with registered(con, "found", pa.table(columns, schema=_PAIRS)):
        con.execute("insert into core.alike by name select $1 as profile_id, * from found", [profile_id])
    con.execute("insert into core.compared select $1, unnest($2::varchar[])", [profile_id, lora_ids])
    return len(pairs)


def _units(block: DirectionBlock) -> Block:
    """Ids and unit rows, float32 (n, d), of those that have a Direction."""
    usable = block.usable()
    return usable.lora_ids, unit_vectors(usable.vectors, usable.lengths)


def _sorted_units(block: DirectionBlock) -> Block:
    """The same, by id."""
    ids, units = _units(block)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return [ids[place] for place in order], units[order]


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

"""Which LoRAs do nearly the same: new Directions against all others, once, when they are committed.

What comes out (`core.alike`) is what duplicates, copies and degenerate groups are told from (`mart.duplicate`,
`mart.shared_direction`). `core.compared` remembers who was compared, so that a commit compares only what is new.
"""

from collections.abc import Iterable, Sequence
from heapq import nsmallest

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from carlos_tasks.arrays import Floats
from carlos_tasks.lake.directions import DirectionBlock, per_length, read_directions, unit_vectors
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import statement
from carlos_tasks.threads import ahead

#: Cosine from which on two LoRAs are noted; cosines are kept to 1e-6.
COSINE_MIN = 0.9
DIGITS = 6
# All cosines are taken in float32, which may be off by less than this; those that come near are taken anew in float64.
_ROUGH = 1e-5
#: With how many of those compared before it a LoRA is noted: the nearest, of equals those of the smaller id.
NEAREST = 32
# 4,096 x 512 Directions are 8 MB in float32. Cosines are taken 512 rows of a block at a time: 8 MB too.
_BLOCK = 4096
_ROWS = 512

_PAIRS = pa.schema([("lora_id", pa.string()), ("other_id", pa.string()), ("cosine", pa.float64())])

Hit = tuple[float, str]


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
    for own in [_sorted(found.usable()) for found in block]:
        known = read_directions(con, profile_id, left_out=new.slice(start), batch=_BLOCK)
        nearest = nearest_of_block(own, (other.usable() for other in ahead(known)))
        for one, found in nearest.items():
            pairs += [(min(one, other), max(one, other), cosine) for cosine, other in found]
    columns = [list(column) for column in zip(*sorted(pairs), strict=True)] or [[], [], []]
    with registered(con, "found", pa.table(columns, schema=_PAIRS)):
        con.execute("insert into core.alike by name select $1 as profile_id, * from found", [profile_id])
    con.execute("insert into core.compared select $1, unnest($2::varchar[])", [profile_id, lora_ids])
    return len(pairs)


def _sorted(block: DirectionBlock) -> DirectionBlock:
    order = np.argsort(np.array(block.lora_ids, np.str_), kind="stable")
    return DirectionBlock(block.keys.take(order), block.vectors[order], block.lengths[order])


def nearest_of_block(block: DirectionBlock, compared: Iterable[DirectionBlock]) -> dict[str, list[Hit]]:
    """Find whom each LoRA of a block is alike, among those compared before and those ahead of it in the block.

    Args:
        block: by lora_id; all have a Direction, here and of those compared before.
        compared: those compared before; a block of another dimension is passed over.

    Returns:
        Cosines and ids by the LoRAs of the block that are alike any: at most `NEAREST` each, nearest first.
    """
    nearest: dict[str, list[Hit]] = {}
    units = unit_vectors(block.vectors, block.lengths)
    for known in compared:
        if known.dimension == block.dimension:
            _keep_nearest(nearest, block, units, known)
    _keep_nearest(nearest, block, units, block, only_ahead=True)
    return nearest


def _keep_nearest(
    nearest: dict[str, list[Hit]],
    block: DirectionBlock,
    units: Floats,
    others: DirectionBlock,
    only_ahead: bool = False,
) -> None:
    # One number a cosine is less work than making every Direction a unit vector.
    scale = per_length(others.lengths)
    for start in range(0, len(units), _ROWS):
        cosines = units[start : start + _ROWS] @ others.vectors.T * scale
        if only_ahead:
            cosines = np.tril(cosines, k=start - 1)
        for row in np.flatnonzero((cosines >= COSINE_MIN - _ROUGH).any(axis=1)).tolist():
            lora_id = block.keys["lora_id"][start + row].as_py()
            kept = nearest.get(lora_id, []) + _hits(block, start + row, others, cosines[row])
            if kept:
                nearest[lora_id] = nsmallest(NEAREST, kept, key=lambda hit: (-hit[0], hit[1]))


def _hits(block: DirectionBlock, row: int, others: DirectionBlock, rough: Floats) -> list[Hit]:
    """The nearest of one row, with all that equal the last of them: the same cosine, whichever of the two was first."""
    limit = COSINE_MIN
    if len(rough) > NEAREST:
        limit = max(limit, float(np.partition(rough, -NEAREST)[-NEAREST]))
    places = np.flatnonzero(rough >= limit - _ROUGH)
    products = others.vectors[places].astype(np.float64) @ block.vectors[row].astype(np.float64)
    cosines = np.minimum((products / (others.lengths[places] * block.lengths[row])).round(DIGITS), 1.0)
    ids = others.keys["lora_id"].take(places[cosines >= COSINE_MIN]).to_pylist()
    return list(zip(cosines[cosines >= COSINE_MIN].tolist(), ids, strict=True))

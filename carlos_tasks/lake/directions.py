"""The one reader of Directions: search, attribution, evaluation and the comparison of a commit read them here.

A LoRA has a Direction where it was measured and its mean CLIP difference is finite and longer than 0. The statement
leaves out what was not measured; `DirectionBlock.lengths` is 0 for what is not finite or has no length. All Directions
of a profile have one dimension. Where a lake holds several, each block has one, and `of_one_dimension` refuses them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from carlos_tasks.arrays import Doubles, Floats, values_of
from carlos_tasks.errors import ProfileMismatch
from carlos_tasks.lake.register import read_once
from carlos_tasks.lake.statements import statement

#: What tells one measurement from another: a LoRA that is measured anew has another computed_at.
KEYS = pa.schema([pa.field("lora_id", pa.string()), pa.field("computed_at", pa.timestamp("us", tz="UTC"))])
#: 8,192 x 512 Directions are 16 MB in float32.
BATCH = 8192


@dataclass(frozen=True, eq=False)
class DirectionBlock:
    """Some Directions of one dimension, in the order in which the lake gave them.

    Attributes:
        keys: lora_id and computed_at, as KEYS.
        vectors: float32 (n, d), mean CLIP differences, unnormalised.
        lengths: float64 (n,); 0 where a LoRA has no Direction.
    """

    keys: pa.Table
    vectors: Floats
    lengths: Doubles

    @property
    def dimension(self) -> int:
        """The dimension d."""
        return int(self.vectors.shape[1])

    @property
    def lora_ids(self) -> list[str]:
        """The ids."""
        ids: list[str] = self.keys["lora_id"].to_pylist()
        return ids

    def usable(self) -> "DirectionBlock":
        """Those of the LoRAs that have a Direction."""
        places = np.flatnonzero(self.lengths > 0)
        if len(places) == len(self.lengths):
            return self
        return DirectionBlock(self.keys.take(places), self.vectors[places], self.lengths[places])


def read_directions(
    con: duckdb.DuckDBPyConnection,
    profile_id: str,
    *,
    lora_ids: Sequence[str] | None = None,
    since: datetime | None = None,
    left_out: pa.Table | None = None,
    batch: int = BATCH,
) -> Iterator[DirectionBlock]:
    """Read the Directions of a profile block by block, so that memory does not grow with the lake.

    Nothing else may run on the connection until the last block was taken.

    Args:
        con: the lake.
        profile_id: the profile.
        lora_ids: of these LoRAs only; None: of all.
        since: none that was computed earlier; None: all.
        left_out: measurements that are not wanted, as KEYS.
        batch: rows that are read together, 1 or more.

    Yields:
        Blocks of one dimension each, in any order: of `batch` rows, and fewer only where no more are left.
    """
    wanted = {"profile_id": profile_id, "lora_ids": lora_ids, "since": since}
    with read_once(con, "left_out", KEYS.empty_table() if left_out is None else left_out):
        for rows in con.execute(statement("ask/lake/directions"), wanted).to_arrow_reader(batch):
            yield from _blocks(rows)


def of_one_dimension(
    blocks: Iterable[DirectionBlock], profile_id: str, dimension: int | None = None
) -> Iterator[DirectionBlock]:
    """Pass on blocks that all have one dimension: those of whoever keeps a whole profile in one matrix.

    Args:
        blocks: as they are read.
        profile_id: whose they are, for the message.
        dimension: that of the Directions read before; None: none were.

    Raises:
        ProfileMismatch: they differ in dimension.
    """
    for block in blocks:
        if dimension is None:
            dimension = block.dimension
        if block.dimension != dimension:
            found = sorted({dimension, block.dimension})
            raise ProfileMismatch(f"profile {profile_id} holds Directions of {found} dimensions")
        yield block


def direction_matrix(
    con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]
) -> tuple[Floats, Doubles]:
    """Read the Directions of a profile into one matrix.

    Args:
        con: the lake.
        profile_id: the profile.
        lora_ids: one row each, in this order; what else is measured by now is left out.

    Returns:
        float32 (n, d), zeros where a LoRA has no Direction; and the lengths, float64 (n,), 0 where it has none.

    Raises:
        ProfileMismatch: they differ in dimension.
    """
    places = {lora_id: number for number, lora_id in enumerate(lora_ids)}
    vectors: Floats = np.zeros((len(lora_ids), 0), np.float32)
    lengths = np.zeros(len(lora_ids))
    for read in of_one_dimension(read_directions(con, profile_id), profile_id):
        if not vectors.shape[1]:
            vectors = np.zeros((len(lora_ids), read.dimension), np.float32)
        at = np.array([places.get(lora_id, -1) for lora_id in read.lora_ids])
        known = (at >= 0) & (read.lengths > 0)
        vectors[at[known]], lengths[at[known]] = read.vectors[known], read.lengths[known]
    return vectors, lengths


def per_length(lengths: Doubles) -> Floats:
    """One over each length, 0 where it is 0: float32 (n,)."""
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0).astype(np.float32)


def unit_vectors(vectors: Floats, lengths: Doubles) -> Floats:
    """Vectors at length 1, divided in float64: float32 (n, d); zeros where there is no length."""
    units = np.zeros_like(vectors)
    return np.divide(vectors, lengths[:, None], out=units, where=lengths[:, None] > 0, casting="same_kind")


def _blocks(rows: pa.RecordBatch) -> Iterator[DirectionBlock]:
    """The rows of a batch, by dimension: one, where the lake is sound."""
    keys = _copied_keys(rows)
    directions = rows.column("direction")
    dimensions = np.diff(directions.offsets.to_numpy())
    # No np.unique, and no array of Arrow where it is not needed: both would import numpy.ma, which takes 40 ms.
    for dimension in sorted(set(dimensions.tolist())):
        inside = dimensions == dimension
        is_all = bool(inside.all())
        places = None if is_all else pa.array(np.flatnonzero(inside))
        own = directions if is_all else directions.take(places)
        vectors = values_of(own).reshape(-1, dimension)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        yield DirectionBlock(
            keys if is_all else keys.take(places), vectors, np.where(np.isfinite(lengths), lengths, 0.0)
        )


def _copied_keys(rows: pa.RecordBatch) -> pa.Table:
    """The keys of a batch, copied: a column of it would hold on to all of it, Directions and all."""
    keys = rows.select(KEYS.names)
    copied = pa.Table.from_batches([pa.ipc.read_record_batch(keys.serialize(), keys.schema)])
    return copied if copied.schema == KEYS else copied.cast(KEYS)

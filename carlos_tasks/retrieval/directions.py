"""The Directions of one profile in memory, beside the lake: read once, and after a commit only what is new.

They lie in blocks of a fixed number of rows, so that adding some neither moves nor copies those that are there. A row
never changes its meaning: a LoRA that is measured anew gets a new one, and `sql/ask/retrieval/searchable.sql` finds
that.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Lock

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.lake.directions import KEYS, DirectionBlock, of_one_dimension, per_length, read_directions
from carlos_tasks.lake.register import read_once
from carlos_tasks.lake.statements import statement

# Rows of a block: 32 MB at 512 dimensions. Memory that no row was written to is not taken from the system.
_BLOCK = 16_384
# Rows that are multiplied with all columns of a query before the next ones are: they stay in the processor's cache.
_SLICE = 1024
# From more columns than these on, one product of matrices is faster than one for each column.
_FEW = 8
# Below this share of admitted rows, they are copied out of the block instead of multiplying all of it.
_SPARSE = 0.25
# Profiles that one process keeps: whoever asks two in turn, each compared with another, does not read them again.
_KEPT = 4


class Directions:
    """Directions of one profile, by row; rows are counted in the order in which they were read.

    Attributes:
        profile_id: whose Directions they are.
        dimension: d; 0 while there are none.
        lora_ids: id of each row.
    """

    def __init__(self, profile_id: str) -> None:
        self.profile_id = profile_id
        self.dimension = 0
        self._blocks: list[Floats] = []
        # One over the length of each row; 0 where a LoRA has no Direction: it is never ranked.
        self._per_length = np.zeros(0, dtype=np.float32)
        self._keys = KEYS.empty_table()
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of rows."""
        return self._keys.num_rows

    @property
    def lora_ids(self) -> pa.ChunkedArray:
        """Id of each row."""
        return self._keys["lora_id"]

    def ids_of(self, rows: NDArray[np.int64]) -> list[str]:
        """Ids of some rows, one by one: to take them together, Arrow imports `pyarrow.compute`, which takes longer."""
        ids = self.lora_ids
        return [ids[int(row)].as_py() for row in rows]

    @property
    def has_length(self) -> Mask:
        """Tell of each row whether it points anywhere: bool (n,)."""
        return self._per_length > 0

    @contextmanager
    def as_table(self, con: duckdb.DuckDBPyConnection, first: int = 0, n: int | None = None) -> Iterator[None]:
        """Let SQL read row, lora_id and computed_at of the first n rows, or of each, under the name `read`.

        Args:
            con: the lake.
            first: the number that the first row gets.
            n: how many rows; None: all.
        """
        keys = self._keys.slice(0, n)
        numbers = np.arange(first, first + len(keys), dtype=np.int32)
        # Not pa.array, which imports numpy.ma to see whether what it is given is of it.
        keys = keys.append_column("row", pa.Array.from_buffers(pa.int32(), len(keys), [None, pa.py_buffer(numbers)]))
        with read_once(con, "keys", keys):
            con.execute("create or replace temp table read as from keys")
        try:
            yield
        finally:
            con.execute("drop table if exists temp.read")

    def read_new(self, con: duckdb.DuckDBPyConnection) -> int:
        """Read the Directions that the lake has and these have not; returns how many.

        Args:
            con: the lake. Run it inside a transaction, so that what is counted is what is read.

        Raises:
            ProfileMismatch: Directions of one profile differ in dimension.
        """
        with self._lock:
            before, since = len(self), None
            if before:
                with self.as_table(con):
                    _, n_unread, since = self._compared(con)
                if not n_unread:
                    return 0
            blocks = read_directions(con, self.profile_id, since=since, left_out=self._keys)
            for block in of_one_dimension(blocks, self.profile_id, self.dimension or None):
                self._append(block)
            self._keys = self._keys.combine_chunks()
            return len(self) - before

    def is_mostly_gone(self, con: duckdb.DuckDBPyConnection) -> bool:
        """Tell whether more than half of the rows are of Directions that the lake does not have any more."""
        with self._lock, self.as_table(con):
            n_now, n_unread, _ = self._compared(con)
        return 2 * (n_now - n_unread) < len(self)

    def _compared(self, con: duckdb.DuckDBPyConnection) -> tuple[int, int, datetime | None]:
        """Directions that the lake has, how many of them are not read, and when the first of these was computed."""
        return con.execute(statement("ask/retrieval/unread_directions"), {"profile_id": self.profile_id}).fetchall()[0]

    def cosines(self, matrix: Floats, admitted: Mask) -> tuple[NDArray[np.int64], Floats]:
        """Cosines of the admitted rows with the columns of a query.

        Args:
            matrix: float32 (d, m), unit columns.
            admitted: bool (n,).

        Returns:
            The admitted rows that have a length, in order, (r,), and float32 (r, m).
        """
        rows = np.flatnonzero(admitted & self.has_length[: len(admitted)])
        found = np.empty((len(rows), matrix.shape[1]), dtype=np.float32)
        edges = np.searchsorted(rows, np.arange(0, len(admitted) + _BLOCK, _BLOCK))
        for block, start, stop in zip(self._blocks, edges, edges[1:], strict=False):
            if start < stop:
                found[start:stop] = _products(block, rows[start:stop] % _BLOCK, matrix)
        found *= self._per_length[rows][:, None]
        return rows, found

    def units(self, rows: NDArray[np.int64]) -> Doubles:
        """Unit vectors of some rows: float64 (r, d). The same numbers for the same Direction, wherever it lies."""
        picked = np.empty((len(rows), self.dimension), dtype=np.float64)
        for place, row in enumerate(rows):
            picked[place] = self._blocks[row // _BLOCK][row % _BLOCK]
        return picked / np.sqrt((picked * picked).sum(axis=1, keepdims=True))

    def _append(self, new: DirectionBlock) -> None:
        self.dimension = new.dimension
        start, values = len(self), new.vectors
        for row in range(start - start % _BLOCK, start + len(values), _BLOCK):
            if row // _BLOCK == len(self._blocks):
                self._blocks.append(np.empty((_BLOCK, self.dimension), dtype=np.float32))
            first, last = max(row, start), min(row + _BLOCK, start + len(values))
            self._blocks[row // _BLOCK][first - row : last - row] = values[first - start : last - start]
        self._per_length = np.concatenate([self._per_length, per_length(new.lengths)])
        self._keys = pa.concat_tables([self._keys, new.keys])


def _products(block: Floats, inside: NDArray[np.int64], matrix: Floats) -> Floats:
    """Products of some rows of a block, sorted, with the columns of a matrix: float32 (r, m)."""
    is_sparse = len(inside) < _SPARSE * len(block)
    used = block[inside] if is_sparse else block[: inside[-1] + 1]
    found = used @ matrix if matrix.shape[1] > _FEW else _by_column(used, matrix)
    return found if is_sparse else found[inside]


def _by_column(vectors: Floats, matrix: Floats) -> Floats:
    """The product of a matrix with a thin one: BLAS is slow at it, and fast at its columns."""
    columns = [np.ascontiguousarray(column) for column in matrix.T]
    found = np.empty((len(vectors), len(columns)), dtype=np.float32)
    step = _SLICE if len(columns) > 1 else max(len(vectors), 1)
    for start in range(0, len(vectors), step):
        for number, column in enumerate(columns):
            found[start : start + step, number] = vectors[start : start + step] @ column
    return found


_kept: OrderedDict[tuple[str, ...], Directions] = OrderedDict()
_kept_lock = Lock()


def directions(con: duckdb.DuckDBPyConnection, lake: str, profile_id: str) -> Directions:
    """The Directions of a profile as the lake has them now; this process keeps them, and reads only what is new.

    Args:
        con: the lake, inside a transaction.
        lake: what tells one lake from another, such as the setting `catalog`.
        profile_id: the profile.

    Raises:
        ProfileMismatch: Directions of the profile differ in dimension.
    """
    with _kept_lock:
        found = _kept.pop((lake, profile_id), None) or Directions(profile_id)
        if len(found) and found.is_mostly_gone(con):
            found = Directions(profile_id)  # whoever uses the old ones has them until its next question
        _kept[lake, profile_id] = found
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    found.read_new(con)
    return found

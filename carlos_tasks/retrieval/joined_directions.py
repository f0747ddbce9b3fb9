"""Directions of the profiles that one search ranks together, as one list of rows: those of the asked profile first.

Where a search ranks one profile alone, this passes every question on and copies nothing.
"""

from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.errors import ProfileMismatch
from carlos_tasks.retrieval.directions import Directions

Rows = NDArray[np.int64]


class JoinedDirections:
    """Directions of one or more profiles, by row.

    Args:
        parts: of each profile, as they are now: rows that one gets later are not of this list.

    Raises:
        ProfileMismatch: they differ in dimension.
    """

    def __init__(self, parts: Sequence[Directions]) -> None:
        dimensions = {part.dimension: part.profile_id for part in parts if len(part)}
        if len(dimensions) > 1:
            told = " and ".join(f"{dimension} ({profile_id})" for dimension, profile_id in dimensions.items())
            raise ProfileMismatch(f"profiles that are compared with each other have Directions of dimension {told}")
        self._parts = tuple(parts)
        self._edges = np.cumsum([0, *map(len, parts)])
        self.dimension = next(iter(dimensions), 0)

    def __len__(self) -> int:
        """Number of rows."""
        return int(self._edges[-1])

    def as_tables(self, con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int]]:
        """Let SQL read row, lora_id and computed_at of each profile in turn, as `read`; gives its id and how many."""
        for part, start, stop in self._slices():
            with part.as_table(con, start, stop - start):
                yield part.profile_id, stop - start

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """Profile, first row, and row after the last, of each profile."""
        for part, start, stop in self._slices():
            yield part.profile_id, start, stop

    @property
    def lora_ids(self) -> pa.ChunkedArray:
        """Id of each row."""
        chunks = [
            chunk for part, start, stop in self._slices() for chunk in part.lora_ids.slice(0, stop - start).chunks
        ]
        return pa.chunked_array(chunks, pa.string())

    def keys_of(self, rows: Rows) -> list[tuple[str, str]]:
        """Profile and LoRA of some rows."""
        numbers = np.searchsorted(self._edges, rows, side="right") - 1
        local = rows - self._edges[numbers]
        parts = [(part.profile_id, part.lora_ids) for part in self._parts]
        return [
            (parts[number][0], parts[number][1][row].as_py())
            for number, row in zip(numbers.tolist(), local.tolist(), strict=True)
        ]

    def ids_of(self, rows: Rows) -> list[str]:
        """LoRAs of some rows."""
        return [lora_id for _, lora_id in self.keys_of(rows)]

    def cosines(self, matrix: Floats, admitted: Mask) -> tuple[Rows, Floats]:
        """Cosines of the admitted rows with the columns of a query, as `Directions.cosines`."""
        found = [(start, *part.cosines(matrix, admitted[start:stop])) for part, start, stop in self._slices()]
        if len(found) == 1:
            return found[0][1:]
        return np.concatenate([start + rows for start, rows, _ in found]), np.concatenate([c for *_, c in found])

    def units(self, rows: Rows) -> Doubles:
        """Unit vectors of some rows: float64 (r, d)."""
        found = np.empty((len(rows), self.dimension))
        for part, start, stop in self._slices():
            inside = (rows >= start) & (rows < stop)
            if inside.any():
                found[inside] = part.units(rows[inside] - start)
        return found

    def _slices(self) -> Iterator[tuple[Directions, int, int]]:
        edges = self._edges.tolist()
        return zip(self._parts, edges, edges[1:], strict=False)

"""Which pairs of a LoRA count: its shards beside the baseline's, joined by key (prompt_id, seed).

This is the one definition in Python of pairs that are flagged, missing or zero; in SQL it is
`sql/ask/verification/representation/pair.sql`, and both give the same rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from carlos_tasks.arrays import Floats, Mask
from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.shards import ShardFile, UnreadableShard, read_shard
from carlos_tasks.store.objects import ObjectStore

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Embeddings:
    """The rows of one LoRA's shards, in their order.

    Args:
        prompt_ids: of each row.
        seeds: of each row, (n,).
        is_flagged: of each row, (n,).
        vectors: float32, one row for each that is not flagged, in the same order; (0, 0) where all are.
    """

    prompt_ids: pa.ChunkedArray
    seeds: Numbers
    is_flagged: Mask
    vectors: Floats

    @classmethod
    def of_tables(cls, tables: Sequence[pa.Table]) -> "Embeddings":
        """Those of some shards together.

        Raises:
            UnreadableShard: a row that is not flagged has no embedding, or the dimensions differ.
        """
        table = pa.concat_tables(tables)
        is_flagged = table["flag"].is_valid().to_numpy()
        seeds = table["seed"].to_numpy().astype(np.int64)
        return cls(table["prompt_id"], seeds, is_flagged, _vectors(tables))


def embeddings_of(store: ObjectStore, files: Iterable[ShardFile]) -> Embeddings:
    """Those of some shards as they lie in the store.

    Raises:
        NotFound: one of them is not there.
        UnreadableShard: one of them cannot be used.
    """
    return Embeddings.of_tables([read_shard(store.read(file.key))[0] for file in files])


class BaselinePairs:
    """The baseline's embeddings in the order of their keys: what each LoRA's are laid beside.

    Attributes:
        prompt_ids: its prompts, sorted.
        places: by row, in the order of the keys: number of the prompt times the number of seeds, plus that of the seed.
        rows: where the row's embedding is in `vectors`; -1 where it is flagged.
    """

    def __init__(self, own: Embeddings) -> None:
        self.prompt_ids = own.prompt_ids.unique().sort()
        self.seeds = np.unique(own.seeds)
        places = self._places(own)
        order = np.argsort(places, kind="stable")
        self.places = places[order]
        if (self.places[1:] == self.places[:-1]).any():
            raise PermanentError("a pair (prompt_id, seed) stands twice in the shards of the baseline")
        self.rows = _rows(own)[order]
        self.vectors = own.vectors

    def _places(self, other: Embeddings) -> Numbers:
        """By row: its place among the keys; -1 where the baseline knows no such prompt or seed."""
        prompt_no = pc.index_in(other.prompt_ids, value_set=self.prompt_ids).fill_null(-1).to_numpy().astype(np.int64)
        seed_no = np.searchsorted(self.seeds, other.seeds)
        is_known = (prompt_no >= 0) & (self.seeds[np.minimum(seed_no, len(self.seeds) - 1)] == other.seeds)
        return np.where(is_known, prompt_no * len(self.seeds) + seed_no, -1)

    def beside(self, lora: Embeddings) -> "Pairs":
        """Join a LoRA's embeddings with the baseline's.

        Raises:
            PermanentError: a pair stands twice, or the embeddings have another dimension than the baseline's.
        """
        places = self._places(lora)
        order = np.argsort(places, kind="stable")
        places, rows = places[order], _rows(lora)[order]
        at = np.minimum(np.searchsorted(self.places, places), len(self.places) - 1)
        # An image without one of the bare backbone beside it is no pair, and counts nowhere.
        is_pair = self.places[at] == places
        places, rows, at = places[is_pair], rows[is_pair], at[is_pair]
        if (places[1:] == places[:-1]).any():
            raise PermanentError("a pair (prompt_id, seed) stands twice in its shards")
        counts = (rows >= 0) & (self.rows[at] >= 0)
        if counts.any() and lora.vectors.shape[1] != self.vectors.shape[1]:
            found, known = lora.vectors.shape[1], self.vectors.shape[1]
            raise PermanentError(f"its embeddings have {found} dimensions, and those of the baseline {known}")
        prompt_no, seed_no = np.divmod(places[counts], len(self.seeds))
        return Pairs(len(places), prompt_no, seed_no, rows[counts], self.rows[at[counts]], lora.vectors, self.vectors)


@dataclass(frozen=True)
class Pairs:
    """The pairs of one LoRA. Those that count, neither side being flagged, are in the order of (prompt, seed).

    Args:
        n_all: pairs, flagged or not.
        prompt_no, seed_no: of each pair that counts: which of the baseline's prompts and seeds, from 0, as they sort.
        x_rows, y_rows: of each pair that counts: the rows of x and of y.
        x, y: embeddings with the LoRA and of the baseline, float32 (·, d).
    """

    n_all: int
    prompt_no: Numbers
    seed_no: Numbers
    x_rows: Numbers
    y_rows: Numbers
    x: Floats
    y: Floats

    @property
    def n_flagged(self) -> int:
        """Pairs with a flag on either side."""
        return self.n_all - len(self.prompt_no)


def _rows(own: Embeddings) -> Numbers:
    """By row: where its embedding is in `vectors`; -1 where it is flagged."""
    return np.where(own.is_flagged, -1, np.cumsum(~own.is_flagged) - 1)


def _vectors(tables: Sequence[pa.Table]) -> Floats:
    """The embeddings of the rows that are not flagged, in the order of the shards; float32 (n, d).

    Raises:
        UnreadableShard: such a row has no embedding, or one of another dimension than the others.
    """
    columns = [column for table in tables for column in _unflagged(table).chunks]
    lengths = [pc.min_max(column.value_lengths()) for column in columns if len(column)]
    dimensions = {found[end].as_py() for found in lengths for end in ("min", "max")}
    if any(column.null_count for column in columns) or 0 in dimensions:
        raise UnreadableShard("a row that is not flagged has no embedding")
    if len(dimensions) > 1:
        raise UnreadableShard(f"embeddings of {min(dimensions)} and of {max(dimensions)} dimensions")
    vectors = [column.flatten().to_numpy(zero_copy_only=False) for column in columns if len(column)]
    if not vectors:
        return np.empty((0, 0), np.float32)
    return np.concatenate(vectors).reshape(-1, *dimensions)


def _unflagged(table: pa.Table) -> pa.ChunkedArray:
    flag = table["flag"]
    return table["embedding"] if flag.null_count == len(flag) else table["embedding"].filter(flag.is_null())

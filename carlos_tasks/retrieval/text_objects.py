"""Features of retrieval prompts and vectors of queries as objects of the store, so that each is computed once.

What is read is checked and never trusted: an object that is broken, or of something else, counts as not there.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.arrays import Floats
from carlos_tasks.errors import NotFound
from carlos_tasks.store.keys import prompts_key, query_key
from carlos_tasks.store.objects import ObjectStore

#: A query's object holds a text and a vector; nothing that is larger is read.
MAX_QUERY_BYTES = 2**20


def write_prompt_features(store: ObjectStore, space: str, texts: Sequence[str], features: Floats) -> None:
    """Keep the features u of a text space's retrieval prompts, float32 (n, d)."""
    store.write(prompts_key(space), _bytes(texts, features, "feature"))


def read_prompt_features(store: ObjectStore, space: str, texts: Sequence[str]) -> Floats | None:
    """Return the kept features of the prompts with these texts, float32 (n, d); None where none are of use."""
    found = _read(store, prompts_key(space), "feature")
    if found is None or found[0] != list(texts):
        return None
    return found[1]


def write_query_vector(store: ObjectStore, space: str, text: str, vector: Floats) -> None:
    """Keep the query vector of a normalised text, float32 (d,)."""
    store.write(query_key(space, text), _bytes([text], vector[None], "vector"))


def read_query_vector(store: ObjectStore, space: str, text: str, dimension: int) -> Floats | None:
    """Return the kept query vector of a normalised text, float32 (dimension,); None where none is of use."""
    found = _read(store, query_key(space, text), "vector")
    if found is None or found[0] != [text] or found[1].shape[1] != dimension:
        return None
    return found[1][0]


def parse_query(key: str, data: bytes, space: str) -> tuple[str, Floats] | None:
    """Return text and vector of an object of a query; None where it is none, or lies at the key of another text."""
    found = _parsed(data, "vector")
    if found is None or len(found[0]) != 1 or query_key(space, found[0][0]) != key:
        return None
    return found[0][0], found[1][0]


def _bytes(texts: Sequence[str], vectors: Floats, column: str) -> bytes:
    columns: dict[str, Any] = {
        "text": pa.array(texts, pa.string()),
        column: pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1]).cast(
            pa.list_(pa.float32())
        ),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()


def _read(store: ObjectStore, key: str, column: str) -> tuple[list[str], Floats] | None:
    try:
        return _parsed(store.read(key), column)
    except NotFound:
        return None


def _parsed(data: bytes, column: str) -> tuple[list[str], Floats] | None:
    """Texts and vectors (n, d) of an object; None where it is not one of ours, or not whole."""
    try:
        # No threads: some of Arrow's still start while a short process ends, and take it down.
        table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(["text", column], use_threads=False)
        lists = table[column].combine_chunks()
        vectors = lists.flatten().to_numpy().reshape(len(lists), -1)
        is_regular = (lists.value_lengths().to_numpy() == vectors.shape[1]).all()
        texts = table["text"].to_pylist()
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError):
        return None
    if vectors.dtype != np.float32 or not vectors.size or not is_regular or not np.isfinite(vectors).all():
        return None
    return (texts, vectors) if all(isinstance(text, str) for text in texts) else None

"""Features of retrieval prompts and vectors of queries as objects of the store, so that each is computed once.

What is read is checked and never trusted: an object that is broken, or of something else, counts as not there.
"""

import hashlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.arrays import Floats, values_of
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.store.keys import prompts_key, query_key
from carlos_tasks.store.objects import Objects

#: A query's object holds a text and a vector; nothing that is larger is read.
MAX_QUERY_BYTES = 2**20
#: The features of a prompt set: some thousand prompts of some thousand dimensions.
MAX_PROMPTS_BYTES = 2**28
_SEAL = b"carlos.seal"


def write_prompt_features(store: Objects, space: str, texts: Sequence[str], features: Floats) -> None:
    """Keep the features u of a text space's retrieval prompts, float32 (n, d)."""
    key = prompts_key(space)
    store.write(key, _bytes(key, texts, features, "feature"))


def read_prompt_features(store: Objects, space: str, texts: Sequence[str]) -> Floats | None:
    """Return the kept features of the prompts with these texts, float32 (n, d); None where none are of use."""
    found = _read(store, prompts_key(space), "feature")
    if found is None or found[0] != list(texts):
        return None
    return found[1]


def write_query_vector(store: Objects, space: str, text: str, vector: Floats) -> None:
    """Keep the query vector of a normalised text, float32 (d,)."""
    key = query_key(space, text)
    store.write(key, _bytes(key, [text], vector[None], "vector"))


def read_query_vector(store: Objects, space: str, text: str, dimension: int) -> Floats | None:
    """Return the kept query vector of a normalised text, float32 (dimension,); None where none is of use."""
    found = _read(store, query_key(space, text), "vector")
    if found is None or found[0] != [text] or found[1].shape[1] != dimension:
        return None
    return found[1][0]


def parse_query(key: str, data: bytes, space: str) -> tuple[str, Floats] | None:
    """Return text and vector of an object of a query; None where it is none, or lies at the key of another text."""
    found = _parsed(data, key, "vector")
    if found is None or len(found[0]) != 1 or query_key(space, found[0][0]) != key:
        return None
    return found[0][0], found[1][0]


def _bytes(key: str, texts: Sequence[str], vectors: Floats, column: str) -> bytes:
    columns: dict[str, Any] = {
        "text": pa.array(texts, pa.string()),
        column: pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1]).cast(
            pa.list_(pa.float32())
        ),
    }
    buffer = io.BytesIO()
    table = pa.table(columns).replace_schema_metadata({_SEAL: _seal(key, texts, vectors)})
    pq.write_table(table, buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()


def _read(store: Objects, key: str, column: str) -> tuple[list[str], Floats] | None:
    try:
        return _parsed(store.read(key, at_most=MAX_PROMPTS_BYTES), key, column)
    except (NotFound, PermanentError):
        return None


def _seal(key: str, texts: Sequence[str], vectors: Floats) -> bytes:
    """Hash of what an object holds and of the key that it lies at; one of an older version has none."""
    content = hashlib.sha256("\n".join([key, *texts]).encode())
    content.update(np.ascontiguousarray(vectors, "<f4").tobytes())
    return content.hexdigest().encode()


def _parsed(data: bytes, key: str, column: str) -> tuple[list[str], Floats] | None:
    """Texts and vectors (n, d) of an object; None where it is not one of ours, or not whole."""
    try:
        # No threads: some of Arrow's still start while a short process ends, and take it down.
        table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(["text", column], use_threads=False)
        lists = table[column].combine_chunks()
        vectors = values_of(lists).reshape(len(lists), -1)
        is_regular = (np.diff(lists.offsets) == vectors.shape[1]).all()
        texts = table["text"].to_pylist()
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError):
        return None
    if vectors.dtype != np.float32 or not vectors.size or not is_regular or not np.isfinite(vectors).all():
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    stated = (table.schema.metadata or {}).get(_SEAL)
    return (texts, vectors) if stated in (None, _seal(key, texts, vectors)) else None

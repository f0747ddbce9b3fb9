"""Query vectors in the lake: what searches left in the store becomes rows of core.query, for those who ask in SQL."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats
from carlos_tasks.errors import NotFound
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.query_encoder import load_query_encoder
from carlos_tasks.retrieval.query_text import normalised_text
from carlos_tasks.retrieval.text_objects import MAX_QUERY_BYTES, parse_query
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import queries_prefix, query_key
from carlos_tasks.store.objects import ObjectStore

_QUERY: pa.Schema = pa.schema(
    [
        pa.field("text_space_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32()), nullable=False),
        pa.field("encoded_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)


def commit_queries(con: duckdb.DuckDBPyConnection, store: ObjectStore, space: str) -> int:
    """Add the store's query vectors that the lake does not have yet; return how many.

    Run it inside a transaction. A broken object, or one that lies at the key of another text, is left out.

    Args:
        con: the lake, open for writing.
        store: where searches leave query vectors.
        space: the text space, as `text_space_id` of a profile gives it.
    """
    known = con.execute("select text from core.query where text_space_id = ?", [space]).fetchall()
    return _add(con, space, _new_objects(store, space, {query_key(space, text) for (text,) in known}))


def keep_queries(settings: Settings, texts: Sequence[str] = ()) -> list[Row]:
    """Encode texts and commit their vectors; without texts, list what the lake has.

    Args:
        settings: where the lake lies, the profile and the device.
        texts: what SQL shall be able to search by.

    Returns:
        Rows of text, text_space_id, dimension, encoded_at, by text: those of the texts given, or all of the profile's.

    Raises:
        NotFound: there is no lake yet.
        CarlosError: a text is empty, too long or without effect; nothing is committed then.
    """
    profile = load_profile(settings.profile)
    space = text_space_id(profile)
    if not texts:
        with connect(settings) as con, lake_errors():
            return _kept(con, space, None)
    with connect(settings):
        pass  # where there is no lake, nobody waits for the encoder
    encoder = load_query_encoder(profile, settings.device, open_store(settings.store))
    vectors = {normalised_text(text): encoder.vector(text) for text in texts}
    facts: Row = {"text_space_id": space}
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        with transaction(con, "queries", facts):
            (now,) = con.execute("select now()").fetchall()[0]
            facts["n_queries"] = _add(con, space, ((text, vector, now) for text, vector in vectors.items()))
        return _kept(con, space, list(vectors))


def _add(con: duckdb.DuckDBPyConnection, space: str, new: Iterable[tuple[str, Floats, datetime]]) -> int:
    rows = [
        {"text_space_id": space, "text": text, "vector": vector, "encoded_at": encoded_at}
        for text, vector, encoded_at in new
    ]
    if not rows:
        return 0
    with registered(con, "asked", pa.Table.from_pylist(rows, schema=_QUERY)):
        return run_statement(con, "add_queries")


def _new_objects(store: ObjectStore, space: str, known: set[str]) -> Iterator[tuple[str, Floats, datetime]]:
    for item in store.list(queries_prefix(space)):
        if item.key in known or item.size > MAX_QUERY_BYTES:
            continue
        try:
            found = parse_query(item.key, store.read(item.key), space)
        except NotFound:  # deleted since it was listed
            continue
        if found is not None:
            yield *found, item.last_modified


def _kept(con: duckdb.DuckDBPyConnection, space: str, texts: list[str] | None) -> list[Row]:
    rows = con.execute(
        "select text, text_space_id, len(vector) as dimension, encoded_at from core.query "
        "where text_space_id = $space and ($texts::varchar[] is null or list_contains($texts::varchar[], text)) "
        "order by text",
        {"space": space, "texts": texts},
    ).fetchall()
    return [dict(zip(("text", "text_space_id", "dimension", "encoded_at"), row, strict=True)) for row in rows]

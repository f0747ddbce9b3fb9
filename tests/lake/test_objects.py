"""What a question reads of the store through the lake's connection is what the store itself would give."""

from pathlib import Path

import duckdb
import pytest

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.objects import LakeObjects
from carlos_tasks.settings import Settings
from carlos_tasks.store.objects import ObjectStore

PREFIXES = ["evidence/a=1/", "evidence/a=2/", "evidence/none/"]


@pytest.fixture
def lake(store: ObjectStore, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """A lake in a folder or in S3, with a few objects beside it."""
    for key in (
        "evidence/a=1/x-1.webp",
        "evidence/a=1/deep/y%2B+1.webp",
        "evidence/a=2/z.txt",
        "evidence/a=10/no.webp",
    ):
        store.write(key, key.encode())
    return connect(Settings(store=store.uri, catalog=f"sqlite:{tmp_path}/catalog.sqlite"), read_only=False)


def test_it_reads_and_lists_what_the_store_does(lake: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    objects = LakeObjects(lake, store.uri)
    listed = [list(keys) for keys in objects.keys(PREFIXES)]
    assert listed == [list(keys) for keys in store.keys(PREFIXES)]
    assert [len(keys) for keys in listed] == [2, 1, 0]
    for key in (key for keys in listed for key in keys):
        assert objects.read(key, at_most=100) == store.read(key) == key.encode()
        assert objects.url(key) == store.url(key)


def test_what_is_not_there_or_too_large_is_told_as_by_the_store(
    lake: duckdb.DuckDBPyConnection, store: ObjectStore
) -> None:
    objects = LakeObjects(lake, store.uri)
    with pytest.raises(NotFound):
        objects.read("evidence/a=1/gone.webp")
    with pytest.raises(PermanentError, match="more than it can have"):
        objects.read("evidence/a=2/z.txt", at_most=3)
    with pytest.raises(ValueError, match="not a key"):
        objects.read("../out")


def test_what_is_written_is_read(lake: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    objects = LakeObjects(lake, store.uri)
    objects.write("texts/new.parquet", b"new")
    assert objects.read("texts/new.parquet") == store.read("texts/new.parquet") == b"new"


def test_it_goes_on_when_the_lake_is_closed(lake: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    objects = LakeObjects(lake, store.uri)
    lake.close()
    objects.close()
    assert objects.read("evidence/a=2/z.txt") == b"evidence/a=2/z.txt"
    assert [list(keys) for keys in objects.keys(PREFIXES)] == [list(keys) for keys in store.keys(PREFIXES)]

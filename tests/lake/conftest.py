"""What the tests of the lake share: the store of their settings, and a reader of their lake."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from tests.lakes import migrated_lake

Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def place(settings: Settings) -> ObjectStore:
    """The store of `settings`, whose lake is migrated and has no rows."""
    migrated_lake(settings)
    return open_store(settings.store)


@pytest.fixture
def rows(settings: Settings) -> Iterator[Rows]:
    """Ask the lake of `settings` as anybody would, through one reader that sees every later commit."""
    readers: list[duckdb.DuckDBPyConnection] = []

    def ask(query: str) -> list[tuple[Any, ...]]:
        if not readers:
            readers.append(connect(settings))
        return readers[0].execute(query).fetchall()

    yield ask
    for reader in readers:
        reader.close()

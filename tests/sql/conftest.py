"""One migrated lake for all SQL tests; each test's rows are rolled back."""

from collections.abc import Iterator

import duckdb
import pytest

from carlos_tasks.lake.catalog import connect
from tests.lakes import migrated_lake, settings_of


@pytest.fixture(scope="package")
def shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A migrated lake without rows."""
    settings = settings_of(tmp_path_factory.mktemp("sql"))
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        yield con


@pytest.fixture
def con(shared_lake: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake inside a transaction that the test may fill."""
    shared_lake.execute("begin")
    try:
        yield shared_lake
    finally:
        shared_lake.execute("rollback")

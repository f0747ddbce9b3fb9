"""One migrated lake for all SQL tests; each test's rows are rolled back."""

from collections.abc import Iterator

import duckdb
import pytest

from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.settings import Settings


@pytest.fixture(scope="package")
def shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A migrated lake without rows."""
    folder = tmp_path_factory.mktemp("sql")
    settings = Settings(store=str(folder / "store"), catalog=f"sqlite:{folder / 'catalog.sqlite'}")
    with connect(settings, read_only=False) as con:
        migrate(con)
        yield con


@pytest.fixture
def con(shared_lake: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake inside a transaction that the test may fill."""
    shared_lake.execute("begin")
    try:
        yield shared_lake
    finally:
        shared_lake.execute("rollback")

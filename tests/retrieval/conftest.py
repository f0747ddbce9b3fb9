"""What the tests of the ranking share: the table of representations alone, which takes no time to make."""

from collections.abc import Iterator

import duckdb
import pytest

from carlos_tasks.lake.migrate import sql_folder


@pytest.fixture
def table() -> Iterator[duckdb.DuckDBPyConnection]:
    """core.representation, empty, in a database in memory."""
    with duckdb.connect() as con:
        con.execute("create schema core")
        con.execute((sql_folder() / "schema" / "32_core_representation.sql").read_text())
        yield con

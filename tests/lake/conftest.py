"""A PostgreSQL server for the tests of the catalog."""

from collections.abc import Iterator

import pytest

from tests.lake.postgres_server import PostgresServer, postgres_server


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of this test's own."""
    with postgres_server() as server:
        yield server

"""Writing what was signed: one commit of the lake, tried again where another commit came in between."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from carlos_tasks.aliases import Row
from carlos_tasks.errors import PassingError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.settings import Settings

T = TypeVar("T")

# A nightly commit takes seconds: an analyst who signs meanwhile waits for it, and is not sent away.
_TRIES = 6
_FIRST_WAIT_S = 0.5


def sign(settings: Settings, message: str, write: Callable[[duckdb.DuckDBPyConnection, Row], T]) -> T:
    """Run `write` as one commit of the lake; again, from its beginning, where another commit came in between.

    Args:
        settings: where the lake lies.
        message: what the commit does, for `mart.commit_log`.
        write: reads and writes inside the transaction; what it puts into the facts given is recorded.

    Raises:
        NotFound: there is no lake yet.
        PassingError: the lake did not take it; nothing was written.
    """
    patience = Retrying(
        retry=retry_if_exception_type(PassingError),
        wait=wait_exponential(multiplier=_FIRST_WAIT_S),
        stop=stop_after_attempt(_TRIES),
        reraise=True,
    )
    return patience(_commit, settings, message, write)


def append(con: duckdb.DuckDBPyConnection, name: str, table: str, schema: pa.Schema, new: Sequence[Row]) -> int:
    """Append rows by a statement of sql/commit; return how many were new.

    Args:
        con: the lake, inside a transaction.
        name: the statement, e.g. add_decisions.
        table: under which name it reads the rows.
        schema: of the rows.
        new: the rows.
    """
    with registered(con, table, pa.Table.from_pylist(list(new), schema=schema)):
        return run_statement(con, name)


def _commit(settings: Settings, message: str, write: Callable[[duckdb.DuckDBPyConnection, Row], T]) -> T:
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        migrate(con)
        facts: Row = {}
        with transaction(con, message, facts):
            return write(con, facts)

"""Recording what was decided or taken in: one commit of the lake with its entries in the chain.

It is tried again where another commit came in between.
"""

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
from carlos_tasks.ledger.chain import Moment, enter_many, head_facts
from carlos_tasks.ledger.keys import Signer, signer_of
from carlos_tasks.ledger.stamps import stamp_head
from carlos_tasks.settings import Settings

T = TypeVar("T")

# A nightly commit takes seconds: an analyst who decides meanwhile waits for it, and is not sent away.
_TRIES = 6
_FIRST_WAIT_S = 0.5


def record(settings: Settings, message: str, write: Callable[[duckdb.DuckDBPyConnection, Row], T]) -> T:
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
    written = patience(_commit, settings, message, write)
    stamp_head(settings)
    return written


class Scribe:
    """Appends the rows of one transaction, and enters them into the chain.

    Args:
        settings: whose key signs the entries, if it has one.
        analyst_signer: the key of whoever decides or takes in, if it is at hand: it signs each record too, and the
            entries where the deployment's key is not here.

    Raises:
        SettingsError: CARLOS_SIGNING_KEY names no usable key.
    """

    def __init__(self, settings: Settings, analyst_signer: Signer | None = None) -> None:
        self.analyst_signer = analyst_signer
        self._signer = signer_of(settings) or analyst_signer

    def append(
        self,
        con: duckdb.DuckDBPyConnection,
        facts: Row,
        kind: str,
        statement: tuple[str, str, pa.Schema],
        new: dict[str, Row],
        at: Moment,
    ) -> int:
        """Append rows by a statement of sql/commit and enter them; return how many were new.

        Args:
            con: the lake, inside a transaction.
            facts: of the commit; the head of the chain is added.
            kind: of the records.
            statement: its name, e.g. add_decisions; under which name it reads the rows; their schema.
            new: the rows, by the id of the record.
            at: when, the same for all rows of the transaction.

        Raises:
            PermanentError: the key may not sign this, or the lake's entries are signed and there is none.
        """
        name, table, schema = statement
        with registered(con, table, pa.Table.from_pylist(list(new.values()), schema=schema)):
            n_new = run_statement(con, name, {"at": at.at})
        signer = self.analyst_signer if kind in ("decision", "notice", "submission") else None
        enter_many(con, self._signer, kind, list(new), analyst_signer=signer, at=at)
        facts |= head_facts(con)
        return n_new


def _commit(settings: Settings, message: str, write: Callable[[duckdb.DuckDBPyConnection, Row], T]) -> T:
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        migrate(con)
        facts: Row = {}
        with transaction(con, message, facts):
            return write(con, facts)


def ids_of(rows: Sequence[Row], column: str) -> dict[str, Row]:
    """Rows by the id that a column has."""
    return {str(row[column]): row for row in rows}

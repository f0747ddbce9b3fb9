"""Which state of the lake a connection reads: a report names it, and can be made of it again."""

from datetime import datetime

import duckdb

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.settings import Settings

#: What the messages of commits begin with that only note a report in the ledger: no report tells anything of them.
RECORD = "record"


def lake_state(con: duckdb.DuckDBPyConnection) -> tuple[int, datetime]:
    """Return the snapshot that tells the state of the lake, and when it was committed.

    It is the newest one that the connection reads, without those that only note a report in the ledger: what a report
    says is the same before and after it is noted.
    """
    newest, committed_at = con.execute(statement("ask/lake/state")).fetchall()[0]
    return int(newest), committed_at


def taken_down(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the LoRAs that are taken down, each with the decision that stands: none of their pictures is shown."""
    found = con.execute("select lora_id, decision_id from mart.removed where action = 'takedown' order by lora_id")
    return dict(found.fetchall())


def taken_down_now(settings: Settings) -> dict[str, str]:
    """`taken_down`, asked of the lake as it is, whatever state of it a report is of."""
    with connect(settings) as con, lake_errors():
        return taken_down(con)

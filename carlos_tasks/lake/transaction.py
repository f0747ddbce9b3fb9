"""One transaction of the lake: one snapshot, with who and what in its commit message."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import duckdb


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection, message: str, facts: Mapping[str, Any]) -> Iterator[None]:
    """Run statements as one commit, and seal it; an error, of the commit itself too, leaves nothing behind.

    Args:
        con: a connection that may write.
        message: what the commit does, for `mart.commit_log`.
        facts: details for the log; what the block adds to them is recorded as well.
    """
    # What only reads has no use for it, nor for what it imports.
    from carlos_tasks.lake.seals import seal_commit

    con.execute("begin")
    try:
        yield
        con.execute(
            "call carlos.set_commit_message('carlos', $message, extra_info => $facts)",
            {"message": message, "facts": json.dumps(facts, sort_keys=True)},
        )
        con.execute("commit")
    except BaseException:
        with suppress(duckdb.TransactionException):  # a commit that failed has ended the transaction already
            con.execute("rollback")
        raise
    seal_commit(con)


def snapshot_id(con: duckdb.DuckDBPyConnection) -> int:
    """Return the snapshot that the connection reads: the newest one, within a transaction that of its beginning."""
    (newest,) = con.execute("select id from carlos.current_snapshot()").fetchall()[0]
    return int(newest)

"""Opening the lake while its caller imports what will ask it: DuckDB leaves Python free, and takes about as long."""

from concurrent.futures import Future
from threading import Thread

import duckdb

from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings


def opened_aside(settings: Settings, snapshot: int | None = None) -> "Future[duckdb.DuckDBPyConnection]":
    """The lake, open to read as soon as another thread has opened it: for a command that asks one question.

    Args:
        settings, snapshot: as of `lake.catalog.connect`, whose errors the result raises.
    """
    opening: Future[duckdb.DuckDBPyConnection] = Future()

    def open_lake() -> None:
        try:
            opening.set_result(connect(settings, snapshot=snapshot))
        except BaseException as exc:
            opening.set_exception(exc)

    # A process that is interrupted does not wait for it.
    Thread(target=open_lake, name="opening the lake", daemon=True).start()
    return opening

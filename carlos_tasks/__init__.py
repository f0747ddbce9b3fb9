"""CARLoS: LoRAs described by what they do. Everything here runs without Airflow too."""

from typing import TYPE_CHECKING, Literal, overload

from carlos_tasks.version import __version__

if TYPE_CHECKING:
    import duckdb

    from carlos_tasks.lake.gate import GuardedConnection
    from carlos_tasks.settings import Settings

__all__ = ["__version__", "connect"]


@overload
def connect(
    settings: "Settings | None" = None,
    *,
    read_only: Literal[True] = True,
    snapshot: int | None = None,
    with_files: bool = False,
) -> "GuardedConnection": ...


@overload
def connect(
    settings: "Settings | None" = None,
    *,
    read_only: Literal[False],
    snapshot: int | None = None,
    with_files: bool = False,
) -> "duckdb.DuckDBPyConnection": ...


def connect(
    settings: "Settings | None" = None,
    *,
    read_only: bool = True,
    snapshot: int | None = None,
    with_files: bool = False,
) -> "GuardedConnection | duckdb.DuckDBPyConnection":
    """Open the lake for questions in SQL, where `mart.search` encodes any text (`retrieval.session.connect`).

        import carlos_tasks

        with carlos_tasks.connect() as lake:
            hits = lake.sql("from mart.search(?, 10)", ["pencil sketch"]).df()

    Args:
        settings: where the lake lies, the profile and the device; None: from the environment (`CARLOS_…`).
        read_only: every statement passes the gate, and nothing can be written (docs/sql.md#what-a-statement-may-do).
            False: a plain DuckDB connection that may write, without the gate.
        snapshot: ask the lake as it was then (`mart.commit_log` has the numbers); None: as it is.
        with_files: statements may read files of your own too, and write answers to such by COPY.
    """
    from carlos_tasks.retrieval.session import connect as connect_session

    if not read_only:
        return connect_session(settings, read_only=False, snapshot=snapshot)
    return connect_session(settings, snapshot=snapshot, with_files=with_files)

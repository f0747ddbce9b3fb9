"""CARLoS: LoRAs described by what they do. Everything here runs without Airflow too."""

from typing import TYPE_CHECKING

from carlos_tasks.version import __version__

if TYPE_CHECKING:
    import duckdb

    from carlos_tasks.settings import Settings

__all__ = ["__version__", "connect"]


def connect(
    settings: "Settings | None" = None, *, read_only: bool = True, snapshot: int | None = None
) -> "duckdb.DuckDBPyConnection":
    """Open the lake for questions in SQL, where `mart.search` encodes any text (`retrieval.session.connect`).

        import carlos_tasks

        with carlos_tasks.connect() as con:
            hits = con.execute("from mart.search(?, 10)", ["pencil sketch"]).df()

    Args:
        settings: where the lake lies, the profile and the device; None: from the environment (`CARLOS_…`).
        read_only: nothing can be written through the connection.
        snapshot: ask the lake as it was then (`mart.commit_log` has the numbers); None: as it is.
    """
    from carlos_tasks.retrieval.session import connect as connect_session

    return connect_session(settings, read_only=read_only, snapshot=snapshot)

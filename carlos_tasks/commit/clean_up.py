"""Removing what a killed commit left behind: parquet files in `lake/` that no snapshot knows."""

from datetime import timedelta

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.settings import Settings

#: A file younger than this may be of a commit that is under way.
ORPHAN_AGE = timedelta(days=1)


def clean_up(settings: Settings, older_than: timedelta = ORPHAN_AGE) -> list[str]:
    """Delete the files that DuckLake wrote below `lake/`, that no snapshot knows and that are old enough.

    Shards lie elsewhere in the store and are never deleted, whether the lake has registered them or not.

    Returns:
        Their URLs, sorted.
    """
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        found = con.execute(
            "call ducklake_delete_orphaned_files('carlos', older_than => now() - to_seconds($seconds))",
            {"seconds": older_than.total_seconds()},
        ).fetchall()
    return sorted(url for (url,) in found)

"""Removing what no snapshot needs: parquet files in `lake/` that a killed commit left, or that were merged."""

from datetime import timedelta

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.settings import Settings

#: A file younger than this may be of a commit that is under way.
ORPHAN_AGE = timedelta(days=1)


def clean_up(settings: Settings, older_than: timedelta = ORPHAN_AGE) -> list[str]:
    """Delete the files that DuckLake wrote below `lake/`, that no snapshot needs and that are old enough.

    Shards are never deleted, also those that an older version registered in the catalog.

    Returns:
        Their URLs, sorted.
    """
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        con.execute(statement("commit/keep_shards"))
        found = [
            con.execute(call, {"seconds": older_than.total_seconds()}).fetchall()
            for call in (
                "call ducklake_cleanup_old_files('carlos', older_than => now() - to_seconds($seconds))",
                "call ducklake_delete_orphaned_files('carlos', older_than => now() - to_seconds($seconds))",
            )
        ]
    return sorted(url for urls in found for (url,) in urls)

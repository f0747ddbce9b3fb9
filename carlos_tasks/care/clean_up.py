"""Removing what no snapshot needs: parquet files in `lake/` of killed commits, of expired snapshots, or merged ones."""

from datetime import timedelta

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import SHARDS

#: A file younger than this may be of a commit that is under way.
ORPHAN_AGE = timedelta(days=1)


_CALLS = (
    "call ducklake_cleanup_old_files('carlos', older_than => now() - to_seconds($seconds), dry_run => $dry_run)",
    "call ducklake_delete_orphaned_files('carlos', older_than => now() - to_seconds($seconds), dry_run => $dry_run)",
)


def clean_up(settings: Settings, older_than: timedelta = ORPHAN_AGE, *, dry_run: bool = False) -> list[str]:
    """Delete the files that DuckLake wrote below `lake/`, that no snapshot needs and that are old enough.

    Shards are never deleted, also those that an older version registered in the catalog.

    Args:
        settings: where the lake lies.
        older_than: how long ago a file was written, or was no longer needed.
        dry_run: delete nothing, and tell of the same files.

    Returns:
        Their URLs, sorted.
    """
    # DuckLake looks for orphans in a lake that may be written only, also where it is to delete none.
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        if not dry_run:
            con.execute(statement("commit/keep_shards"))
        asked = {"seconds": older_than.total_seconds(), "dry_run": dry_run}
        found = [con.execute(call, asked).fetchall() for call in _CALLS]
    return sorted(url for urls in found for (url,) in urls if f"/{SHARDS}" not in url)

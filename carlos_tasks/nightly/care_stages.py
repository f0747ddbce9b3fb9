"""The stages of the weekly care for the lake, one function each, as the DAG calls them.

    compact ─► expire ─► clean ─► back_up

Every stage can be killed at any point and run again, and runs beside a commit. DAG files import this module while
Airflow parses them, so what a stage needs is imported when it runs.
"""

from typing import TYPE_CHECKING

from carlos_tasks.settings import Settings

if TYPE_CHECKING:
    from carlos_tasks.care.backup import BackupReport


def compact(settings: Settings) -> dict[str, int]:
    """Merge the small files of tables that have many; returns how many were merged, by table."""
    from carlos_tasks.care.compaction import compact

    return {table.table: table.n_files for table in compact(settings)}


def expire(settings: Settings) -> list[int]:
    """Expire old snapshots that nothing names; returns their numbers."""
    from carlos_tasks.care.expiry import expire

    return [row["snapshot_id"] for row in expire(settings).expired]


def clean(settings: Settings) -> list[str]:
    """Remove what no snapshot needs; returns the URLs."""
    from carlos_tasks.care.clean_up import clean_up

    return clean_up(settings)


def back_up(settings: Settings) -> "BackupReport":
    """Back the lake up to where the settings say."""
    from carlos_tasks.care.backup import backup

    return backup(settings, settings.backup)

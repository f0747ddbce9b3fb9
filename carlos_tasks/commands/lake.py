"""Care for the lake: `carlos lake compact`, `expire`, `clean`, `verify`, `backup`, `restore`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from carlos_tasks.commands.arguments import Command
from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows
from carlos_tasks.commands.keeping import verify
from carlos_tasks.console import print_json, say
from carlos_tasks.errors import PermanentError

app = typer.Typer()
app.command(cls=LakeCommand)(verify)

_SHOWN = 5

DryRun = Annotated[bool, typer.Option("--dry-run", help="change nothing, and say what would be done")]


@app.command(cls=LakeCommand)
def compact(
    dry_run: DryRun = False,
    at_least: Annotated[
        int, typer.Option("--at-least", metavar="N", min=2, help="small files that a table has to have")
    ] = 2,
    as_json: AsJson = False,
) -> int:
    """Merge the small files that each commit leaves.

    Rows and snapshots stay as they are. `index_loras` does it by itself where a table has 64 or more.
    """
    from carlos_tasks.care.compaction import compact as compact_lake

    merged = [asdict(table) for table in compact_lake(load_settings(), at_least, dry_run=dry_run)]
    if as_json:
        print_json(merged)
    elif merged:
        print_rows(merged, False, ("table", "n_files", "n_bytes"))
    else:
        say("no table has so many small files: there is nothing to merge")
    return 0


@app.command(cls=LakeCommand)
def expire(
    dry_run: DryRun = False,
    older_than: Annotated[
        int, typer.Option("--older-than", metavar="DAYS", min=1, help="younger snapshots stay")
    ] = 400,
    keep_last: Annotated[
        int, typer.Option("--keep-last", metavar="N", min=1, help="and so many of the newest, however old")
    ] = 100,
    as_json: AsJson = False,
) -> int:
    """Expire old snapshots, but none that a decision, the ledger, a report or a threshold names.

    They cannot be read any more; `core.expired_snapshot` says what they were. docs/operations.md#caring-for-it
    """
    from carlos_tasks.care.expiry import expire as expire_snapshots

    done = expire_snapshots(load_settings(), timedelta(days=older_than), keep_last, dry_run=dry_run)
    if as_json:
        print_json(done.expired)
    else:
        if done.expired:
            print_rows(done.expired, False, ("snapshot_id", "committed_at", "message"))
        would = "would expire" if dry_run else "expired"
        say(f"{would} {len(done.expired)} snapshots; {done.n_named} of that age stay, since something names them")
    return 0


@app.command(cls=LakeCommand)
def clean(dry_run: DryRun = False, as_json: AsJson = False) -> int:
    """Remove what no snapshot needs: files of killed commits, of expired snapshots, and files that were merged.

    Only what is a day old. Shards, pictures and LoRA files are never removed.
    """
    from carlos_tasks.care.clean_up import clean_up

    removed = clean_up(load_settings(), dry_run=dry_run)
    if as_json:
        print_json([{"url": url} for url in removed])
    else:
        would = "would remove" if dry_run else "removed"
        say(f"{would} {len(removed)} files of the lake that no snapshot needs")
    return 0


@app.command(cls=LakeCommand)
def backup(
    place: Annotated[str, typer.Argument(metavar="DEST", help="a folder, or s3://bucket/prefix")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Back catalog and store up, consistently: what DEST has already is not copied again.

    Exit code 1 where the lake lacks objects that it names, or has damaged ones: the backup is whole but for them.
    """
    from carlos_tasks.care.backup import backup as back_up

    done = back_up(load_settings(), place, dry_run=dry_run)
    if as_json:
        print_json([asdict(done)])
    else:
        would = "would copy" if dry_run else f"backup {done.backup_id}: copied"
        say(
            f"{would} {done.n_copied} of {done.n_objects} objects ({_mb(done.n_bytes_copied)} of {_mb(done.n_bytes)}), "
            f"and the catalog at snapshot {done.snapshot_id}"
        )
    return _told(done.faults, "the backup lacks them, or has them as they are", "look at carlos verify")


@app.command(cls=Command)
def restore(
    place: Annotated[str, typer.Argument(metavar="SRC", help="where the backups lie")],
    backup_id: Annotated[
        str | None, typer.Option("--backup", metavar="ID", help="which; default: the newest that is whole")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Restore a backup to the place that the settings name, where nothing may be yet.

    That place is `CARLOS_STORE` with `CARLOS_CATALOG`. A restore that was killed goes on.
    Exit code 1 where objects of the backup are damaged: they are left out. docs/operations.md#moving-and-restoring
    """
    from carlos_tasks.care.restore import restore as restore_lake

    settings = load_settings()
    done = restore_lake(settings, place, backup_id, dry_run=dry_run)
    of = done.backup
    if as_json:
        print_json([of.model_dump(mode="json") | {"n_copied": done.n_copied, "damaged": done.damaged}])
    else:
        would = "would restore" if dry_run else "restored"
        made = f"{of.created_at:%Y-%m-%d %H:%M} UTC by carlos {of.versions.get('carlos')}"
        say(f"{would} {of.backup_id}, made at {made}, to {settings.store}: {done.n_copied} of {of.n_objects} objects")
        say(f"Its catalog is at snapshot {of.snapshot_id}. Then run carlos verify.")
    return _told((*of.faults, *done.damaged), "they are missing or damaged in the backup", "run carlos verify")


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def _told(keys: Sequence[str], what: str, then: str) -> int:
    """Say which objects are not as they should be; returns the exit code."""
    if keys:
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        raise PermanentError(f"{len(keys)} objects: {what}: {', '.join(keys[:_SHOWN])}{more}; {then}")
    return 0

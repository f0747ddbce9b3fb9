"""Care for the lake: `carlos lake compact`, `expire`, `clean`, `verify`."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows
from carlos_tasks.commands.keeping import verify
from carlos_tasks.console import print_json, say

app = typer.Typer()
app.command(cls=LakeCommand)(verify)

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

"""Keeping the lake as it was written: `carlos verify`, `relocate`."""

from dataclasses import asdict
from typing import Annotated

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows
from carlos_tasks.console import print_json, say
from carlos_tasks.errors import PermanentError

app = typer.Typer()


@app.command(cls=LakeCommand)
def verify(
    sample: Annotated[
        float, typer.Option("--sample", metavar="SHARE", help="share of the LoRAs, above 0; default: 1, all")
    ] = 1.0,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", metavar="PROFILE", help="name or id; may stand more than once")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Verify that shards, outcomes and numbers are as they were written.

    Exit code 1 where something is not; a killed run goes on. docs/operations.md says what to do.
    """
    from carlos_tasks.verification.run import verify as verify_lake

    report = verify_lake(load_settings(), sample, profile or [])
    if as_json:
        print_json(report.damages)
    else:
        if report.damages:
            print_rows(report.damages, False, ("lora_id", "fault", "key", "detail"))
        say(
            f"verified {report.n_loras} LoRAs with {report.n_shards} shards, {report.n_unsealed} of them unsealed, and "
            f"{report.n_lake_files} files of the lake, {report.n_lake_files_unsealed} of them unsealed: "
            f"{report.n_faults} faults"
        )
    return 1 if report.damages else 0


@app.command(cls=LakeCommand)
def relocate(
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="also where objects that the catalog names are missing")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make the catalog name the place of a store that was moved, copied or restored.

    That place is `CARLOS_STORE`. Where the catalog names it already, look only which objects are missing:
    docs/operations.md#moving-and-restoring.
    """
    from carlos_tasks.lake.catalog import connect, connect_to_catalog
    from carlos_tasks.lake.relocation import relocate as move
    from carlos_tasks.lake.relocation import told_missing
    from carlos_tasks.store import open_store

    settings = load_settings()
    store = open_store(settings.store)
    with connect_to_catalog(settings) as con:
        done = move(con, store, incomplete=incomplete)
    with connect(settings):  # it opens there
        pass
    if as_json:
        print_json([asdict(done)])
    else:
        moved = "" if done.was == done.is_at else f" now; it lay at {done.was}"
        say(f"The lake lies at {done.is_at}{moved}.")
        say(f"Its catalog names {done.n_objects} objects; {len(done.missing)} of them are missing.")
    if done.missing:
        raise PermanentError(told_missing(done.n_objects, done.missing, done.is_at))
    return 0

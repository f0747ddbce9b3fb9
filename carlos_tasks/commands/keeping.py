"""Keeping the lake: `carlos relocate`."""

from dataclasses import asdict
from typing import Annotated

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings
from carlos_tasks.console import print_json, say
from carlos_tasks.errors import PermanentError

app = typer.Typer()


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

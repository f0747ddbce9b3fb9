"""Holding the lake against what was written: `carlos verify`."""

from typing import Annotated

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows
from carlos_tasks.console import print_json, say

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

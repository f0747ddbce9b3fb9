"""Filling the index: `carlos validate`, `index`, `ingest`, `refine`, `import-published`."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carlos_tasks.commands.arguments import Command
from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings
from carlos_tasks.console import print_json, print_table, say
from carlos_tasks.errors import CarlosError

if TYPE_CHECKING:
    from carlos_tasks.intake.source_intake import IngestReport

app = typer.Typer()
Sweep = Annotated[
    bool, typer.Option("--sweep", help="read a live source whole, and ask for what it lists no more; takes hours")
]


@app.command(cls=Command)
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="a file, or a folder of files")],
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="neither hash the files nor read their weights")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check LoRA files before anything loads them.

    A folder stands for the files in it; docs/refusals.md has the codes.
    """
    from carlos_tasks.intake.validate import print_validated

    return print_validated(files, headers_only=headers_only, as_json=as_json)


@app.command(cls=LakeCommand)
def index(
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="default: CARLOS_SOURCES; e.g. folder:/my/loras")
    ] = None,
    sweep: Sweep = False,
    as_json: AsJson = False,
) -> int:
    """Index a source in this process, without Airflow.

    `SOURCE` defaults to `CARLOS_SOURCES`; docs/sources.md says how one is written.
    """
    from carlos_tasks.extras import require
    from carlos_tasks.nightly.one_process import index_all
    from carlos_tasks.nightly.stage_reports import as_json as report_json

    settings = load_settings()
    sources = [source] if source else settings.source_uris
    if not sources:
        raise CarlosError("no source: name one (carlos index folder:/my/loras) or set CARLOS_SOURCES")
    require("carlos index", "index")
    indexed = [index_all(settings, uri, sweep=sweep) for uri in sources]
    reports = [report_json(report) for report in indexed]
    _print_reports(as_json, *reports)
    if not as_json:
        _print_passed(*(report.ingested for report in indexed))
    return 1 if any(report["check_failures"] for report in reports) else 0


@app.command(cls=LakeCommand)
def ingest(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="e.g. civitai-dump:s3://bucket/prefix, folder:/my/loras")
    ],
    again: Annotated[bool, typer.Option("--again", help="read every shard, also those that did not change")] = False,
    sweep: Sweep = False,
    as_json: AsJson = False,
) -> int:
    """Take in what a source lists, without measuring it.

    A shard that did not change is not read again, unless a file that it lists was not to be had.
    """
    from carlos_tasks.intake.source_intake import ingest_source
    from carlos_tasks.nightly.stages import describe_weights

    settings = load_settings()
    report = ingest_source(settings, source, again=again, sweep=sweep)
    describe_weights(settings)
    _print_reports(as_json, asdict(report))
    if not as_json:
        _print_passed(report)
    return 1 if report.n_shards_failed else 0


@app.command(cls=LakeCommand)
def refine(
    lora_ids: Annotated[list[str], typer.Argument(metavar="LORA_ID", help="its id, or the first digits")],
    to: Annotated[int | None, typer.Option("--to", metavar="N", help="pairs that each is to have at least")] = None,
    as_json: AsJson = False,
) -> int:
    """Measure LoRAs with more pairs than settled them.

    Without `--to`, each gets one look more than it has, and further ones until it is settled.
    """
    from carlos_tasks.extras import require
    from carlos_tasks.nightly.refinement import refine as measure_further

    require("carlos refine", "index")
    report = measure_further(load_settings(), lora_ids, to)
    _print_reports(as_json, {**asdict(report.batch), **asdict(report.commit)})
    return 1 if report.batch.failed or report.commit.damaged else 0


@app.command(cls=LakeCommand)
def import_published(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="carlos_published_representations.parquet")],
    as_json: AsJson = False,
) -> int:
    """Import the index that the paper's authors published."""
    from carlos_tasks.commit.import_published import import_published as take_over

    report = asdict(take_over(load_settings(), file))
    _print_reports(as_json, report)
    if not as_json:
        say(f"read it with CARLOS_PROFILE={report['profile']}: carlos sql, similar, show, search")
    return 0


def passed(report: "IngestReport") -> str:
    """Say what got no answer of the source's own; nothing where everything did."""
    counts = {"files": report.n_unanswered, "models that were looked up": report.n_look_ups_unanswered}
    told = " and ".join(f"{n} {what}" for what, n in counts.items() if n)
    if not told:
        return ""
    return (
        f"{told} got no answer of the source's own: something in its place answered, as a challenge or a proxy does. "
        "They stay as they were known, and are asked for again."
    )


def _print_passed(*reports: "IngestReport") -> None:
    for said in filter(None, map(passed, reports)):
        say(said)


def _print_reports(as_json: bool, *reports: Mapping[str, Any]) -> None:
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            totals = [{"what": name, "value": json.dumps(value)} for name, value in report.items()]
            print_table(totals, ("what", "value"))

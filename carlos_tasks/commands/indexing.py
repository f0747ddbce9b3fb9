"""Filling the index: `carlos validate`, `index`, `ingest`, `refine`, `import-published`, `scales`."""

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
from carlos_tasks.lake.lora_ids import short_id

if TYPE_CHECKING:
    from carlos_tasks.intake.source_intake import IngestReport

app = typer.Typer()
SCALE_COLUMNS = (
    "lora_id",
    "scale",
    "status",
    "is_surely_ok",
    "is_recommended",
    "strength",
    "prompt_retention",
    "consistency",
    "n_pairs",
)
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
    prompts: Annotated[
        Path | None,
        typer.Option(
            "--prompts", metavar="FILE", help="carlos_published_prompts.json, to measure with the same prompts"
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Import the index that the paper's authors published.

    With its prompts, your own LoRAs can be measured beside it: docs/sources.md#the-published-index.
    """
    from carlos_tasks.commit.import_published import import_published as take_over

    report = asdict(take_over(load_settings(), file, prompts))
    _print_reports(as_json, report)
    if not as_json:
        say(f"read it with CARLOS_PROFILE={report['profile']}: carlos sql, similar, show, search")
        if prompts:
            say("measure beside it with CARLOS_PROFILE=sdxl-published: carlos index; its searches rank both")
    return 0


@app.command(cls=LakeCommand)
def scales(
    lora_ids: Annotated[list[str], typer.Argument(metavar="LORA_ID", help="ids, or their first digits")],
    at: Annotated[
        list[float] | None, typer.Option("--at", metavar="SCALE…", help="scales; default: 0.25 to 1.5 by quarters")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", metavar="N", min=2, help="pairs at each scale")] = 64,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="draw it, as a PNG file")] = None,
    as_json: AsJson = False,
) -> int:
    """Measure LoRAs at several scales, and recommend one.

    A killed sweep goes on where it was: docs/method.md#at-other-scales.
    """
    from carlos_tasks.extras import require
    from carlos_tasks.nightly.scales import sweep_scales

    require("carlos scales", "index", *(["evaluation"] if out else []))
    if out and out.is_dir():  # said before hours of drawing, not after
        raise CarlosError(f"{out} is a folder: name the picture's file, such as {out / 'scales.png'}")
    from carlos_tasks.worker.scales import SCALES

    found = sweep_scales(load_settings(), lora_ids, at or SCALES, pairs)
    if out:
        from carlos_tasks.evaluation.scales_figure import draw_scales_figure

        draw_scales_figure(found, out)
    if as_json:
        print_json(found)
        return 0
    print_table([{**row, "lora_id": short_id(row["lora_id"])} for row in found], SCALE_COLUMNS)
    for lora_id in dict.fromkeys(row["lora_id"] for row in found):
        best = next((row for row in found if row["lora_id"] == lora_id and row["is_recommended"]), None)
        said = f"scale {best['scale']:g} is recommended" if best else "it is surely ok at none of these scales"
        say(f"{short_id(lora_id)}: {said}")
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

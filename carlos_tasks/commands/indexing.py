"""Filling the index: `carlos validate`, `index`, `ingest`, `import-published`."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from carlos_tasks.commands.command import add_command
from carlos_tasks.console import print_json, print_table
from carlos_tasks.errors import CarlosError
from carlos_tasks.settings import load_settings


def add_indexing_commands(commands: Any) -> None:
    """Add them to the subparsers of `carlos`."""
    command = add_command(commands, "validate", _validate, "check LoRA files before anything loads them")
    command.set_defaults(reads_lake=False)
    command.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a file, or a folder of files")
    command.add_argument("--headers-only", action="store_true", help="neither hash the files nor read their weights")

    command = add_command(commands, "index", _index, "index a source in this process, without Airflow")
    command.add_argument("source", metavar="SOURCE", nargs="?", help="default: CARLOS_SOURCES; e.g. folder:/my/loras")

    command = add_command(commands, "ingest", _ingest, "take in what a source lists, without indexing it")
    command.add_argument("source", metavar="SOURCE", help="e.g. civitai-dump:s3://bucket/prefix, folder:/my/loras")
    command.add_argument("--again", action="store_true", help="read every shard, also those that did not change")

    command = add_command(
        commands, "import-published", _import_published, "import the index that the paper's authors published"
    )
    command.add_argument("file", metavar="FILE", type=Path, help="carlos_published_representations.parquet")


def _validate(options: argparse.Namespace) -> int:
    from carlos_tasks.intake.validate import print_validated

    return print_validated(options.files, headers_only=options.headers_only, as_json=options.json)


def _index(options: argparse.Namespace) -> int:
    from carlos_tasks.nightly.stages import index_all

    settings = load_settings()
    sources = [options.source] if options.source else settings.source_uris
    if not sources:
        raise CarlosError("no source: name one (carlos index folder:/my/loras) or set CARLOS_SOURCES")
    reports = [index_all(settings, source) for source in sources]
    _print_reports(options, *reports)
    return 1 if any(report["check_failures"] for report in reports) else 0


def _ingest(options: argparse.Namespace) -> int:
    from carlos_tasks.intake.source_intake import ingest_source

    _print_reports(options, asdict(ingest_source(load_settings(), options.source, again=options.again)))
    return 0


def _import_published(options: argparse.Namespace) -> int:
    from carlos_tasks.commit.import_published import import_published

    report = asdict(import_published(load_settings(), options.file))
    _print_reports(options, report)
    if not options.json:
        print(f"read it with CARLOS_PROFILE={report['profile']}: carlos sql, similar, show, search")
    return 0


def _print_reports(options: argparse.Namespace, *reports: Mapping[str, Any]) -> None:
    if options.json:
        print_json(reports)
    else:
        for report in reports:
            totals = [{"what": name, "value": json.dumps(value)} for name, value in report.items()]
            print_table(totals, ("what", "value"))

"""The command line `carlos`.

Exit codes: 0 done (for `validate`: every file is ok), 1 a clear line on standard error, 2 wrong usage. With `--json`
a command prints one JSON array of objects on standard output and nothing else there.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from carlos_tasks import __version__
from carlos_tasks.console import print_json, print_table, printable
from carlos_tasks.errors import CarlosError
from carlos_tasks.settings import load_settings

HIT_COLUMNS = ("rank", "name", "score", "strength", "consistency", "status", "lora_id")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    try:
        with _deployment(options):
            return int(options.run(options))
    except CarlosError as exc:
        print(f"carlos: {printable(' '.join(str(exc).split()))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has enough of it (`carlos sql … | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("carlos: stopped; what is finished is kept, run the same command to go on", file=sys.stderr)
        return 1


def _deployment(options: argparse.Namespace) -> AbstractContextManager[None]:
    """The lake that `make demo` or `make up` left, where the shell names none; not for the commands that make it."""
    from carlos_tasks.stack.local import local_deployment

    return local_deployment() if options.reads_lake else nullcontext()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="carlos",
        description="CARLoS describes LoRAs by what they do, and finds them by it.",
        epilog="Settings come from the environment (CARLOS_...): docs/operations.md lists them.",
    )
    parser.add_argument("--version", action="version", version=f"carlos {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = _command(commands, "search", _search, "find LoRAs by the effect they have")
    command.add_argument("text", metavar="TEXT", help="the effect, e.g. 'pencil sketch'")
    _count(command)

    command = _command(commands, "similar", _similar, "find LoRAs that do what this one does")
    command.add_argument("lora_id", metavar="LORA_ID", help="its id, or the id's first digits")
    _count(command)

    command = _command(commands, "show", _show, "show what is known of one LoRA")
    command.add_argument("lora_id", metavar="LORA_ID", help="its id, or the id's first digits")

    command = _command(commands, "sql", _sql, "ask the lake in SQL (read-only)")
    command.add_argument("statement", metavar="SQL", help="e.g. 'from mart.index_health'")

    command = _command(commands, "validate", _validate, "check LoRA files before anything loads them")
    command.set_defaults(reads_lake=False)
    command.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a file, or a folder of files")
    command.add_argument("--headers-only", action="store_true", help="neither hash the files nor read their weights")

    command = _command(commands, "index", _index, "index a source in this process, without Airflow")
    command.add_argument("source", metavar="SOURCE", nargs="?", help="default: CARLOS_SOURCES; e.g. folder:/my/loras")

    command = _command(commands, "ingest", _ingest, "take in what a source lists, without indexing it")
    command.add_argument("source", metavar="SOURCE", help="e.g. civitai-dump:s3://bucket/prefix, folder:/my/loras")
    command.add_argument("--again", action="store_true", help="read every shard, also those that did not change")

    command = _command(
        commands, "import-published", _import_published, "import the index that the paper's authors published"
    )
    command.add_argument("file", metavar="FILE", type=Path, help="carlos_published_representations.parquet")

    for name, help_text in (
        ("demo", "run the nightly index under Airflow over the micro world, and show what it found"),
        ("up", "start the local stack: Airflow and an S3 server"),
        ("down", "end the local stack"),
    ):
        _command(commands, name, _stack, help_text, with_json=False).set_defaults(stack_command=name)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help_text: str, with_json: bool = True
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}."
    )
    if with_json:
        command.add_argument("--json", action="store_true", help="print one JSON array of objects")
    command.set_defaults(run=run, reads_lake=with_json)
    return command


def _count(command: argparse.ArgumentParser) -> None:
    command.add_argument("-k", type=int, default=10, metavar="N", help="how many (default: 10)")


def _search(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval import search

    return _print_hits(options, search(load_settings(), options.text, options.k))


def _similar(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval import similar

    return _print_hits(options, similar(load_settings(), options.lora_id, options.k))


def _print_hits(options: argparse.Namespace, hits: list[dict[str, Any]]) -> int:
    if options.json:
        print_json(hits)
    elif hits:
        # The first digits of an id name it as well, and leave room for the name; `civitai-212213` is short already.
        shown = [{**hit, "lora_id": i[:12] if len(i := hit["lora_id"]) == 64 else i} for hit in hits]
        print_table(shown, HIT_COLUMNS, bar="score")
    else:
        print("nothing is indexed under this profile yet: run carlos index, or make demo")
    return 0


def _show(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval import show

    found = show(load_settings(), options.lora_id)
    if options.json:
        print_json([found])
    else:
        print_table([{"what": name, "value": value} for name, value in found.items()], ("what", "value"))
    return 0


def _sql(options: argparse.Namespace) -> int:
    import duckdb

    from carlos_tasks.lake.catalog import connect

    with connect(load_settings()) as con:
        try:
            answer = con.execute(options.statement)
            names = [column[0] for column in answer.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        except duckdb.Error as exc:
            raise CarlosError(f"SQL: {exc}") from exc
    if options.json:
        print_json(rows)
    elif len(rows) == 1 and len(names) > 8:
        print_table([{"column": name, "value": value} for name, value in rows[0].items()], ("column", "value"))
    else:
        print_table(rows, names)
    return 0


def _validate(options: argparse.Namespace) -> int:
    from carlos_tasks.lora.validate import print_validated

    return print_validated(options.files, headers_only=options.headers_only, as_json=options.json)


def _index(options: argparse.Namespace) -> int:
    from carlos_tasks.nightly import index_all

    settings = load_settings()
    sources = [options.source] if options.source else settings.source_uris
    if not sources:
        raise CarlosError("no source: name one (carlos index folder:/my/loras) or set CARLOS_SOURCES")
    reports = [index_all(settings, source) for source in sources]
    if options.json:
        print_json(reports)
    else:
        for report in reports:
            totals = [{"what": name, "value": json.dumps(value)} for name, value in report.items()]
            print_table(totals, ("what", "value"))
    return 1 if any(report["check_failures"] for report in reports) else 0


def _ingest(options: argparse.Namespace) -> int:
    from carlos_tasks.ingestion import ingest_source

    report = asdict(ingest_source(load_settings(), options.source, again=options.again))
    if options.json:
        print_json([report])
    else:
        print_table([{"what": name, "value": json.dumps(value)} for name, value in report.items()], ("what", "value"))
    return 0


def _import_published(options: argparse.Namespace) -> int:
    from carlos_tasks.import_published import import_published

    report = asdict(import_published(load_settings(), options.file))
    if options.json:
        print_json([report])
    else:
        print_table([{"what": name, "value": json.dumps(value)} for name, value in report.items()], ("what", "value"))
        print(f"read it with CARLOS_PROFILE={report['profile']}: carlos sql, similar, show, search")
    return 0


def _stack(options: argparse.Namespace) -> int:
    from carlos_tasks.stack.__main__ import main as stack

    return int(stack([options.stack_command]) or 0)


if __name__ == "__main__":
    sys.exit(main())

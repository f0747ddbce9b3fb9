"""Asking the whole lake, and judging the index: `carlos sql`, `queries`, `thresholds`, `evaluate`."""

import argparse
from pathlib import Path
from typing import Any

from carlos_tasks.commands.command import add_command, print_rows
from carlos_tasks.console import print_json
from carlos_tasks.settings import load_settings

THRESHOLD_COLUMNS = ("profile", "name", "value", "share_removed", "n", "quantile", "corpus_value", "origin")


def add_analysis_commands(commands: Any) -> None:
    """Add them to the subparsers of `carlos`."""
    command = add_command(commands, "sql", _sql, "ask the lake in SQL (read-only)")
    command.add_argument("statement", metavar="SQL", help="e.g. 'from mart.index_health'")
    command.add_argument("--snapshot", metavar="N", type=int, help="the lake as it was then (from mart.commit_log)")

    command = add_command(commands, "queries", _queries, "keep the query vectors of texts, for plain SQL")
    command.add_argument("texts", metavar="TEXT", nargs="*", help="an effect; without any: list those that are kept")

    command = add_command(commands, "thresholds", _thresholds, "show what gives a LoRA its status, and what it removes")
    command.add_argument("--calibrate", action="store_true", help="set them at the paper's quantiles of this index")
    command.add_argument(
        "--quantile", metavar="NAME=Q", type=_quantile, action="append", default=[], help="set one at another quantile"
    )
    command.add_argument("--reset", action="store_true", help="take the profile's own again")

    command = add_command(commands, "evaluate", _evaluate, "measure how well search finds, and how sure the index is")
    command.add_argument("--out", metavar="DIR", type=Path, default=Path("var/evaluation"), help="folder of the report")
    command.add_argument("--queries", metavar="FILE", type=Path, help="queries with their right answers, as JSON")
    command.add_argument(
        "--section", dest="sections", metavar="NAME", action="append", default=[], help="only this section"
    )


def _sql(options: argparse.Namespace) -> int:
    import duckdb

    from carlos_tasks import connect
    from carlos_tasks.lake.statements import rows
    from carlos_tasks.retrieval.session import sql_error

    with connect(load_settings(), snapshot=options.snapshot) as con:
        try:
            found = rows(con, options.statement)
        except duckdb.Error as exc:
            raise sql_error(exc) from exc
        names = [column[0] for column in con.description or []]
    return print_rows(options, found, names)


def _queries(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval.stored_queries import keep_queries

    return print_rows(options, keep_queries(load_settings(), options.texts))


def _thresholds(options: argparse.Namespace) -> int:
    from carlos_tasks.commit.thresholds import calibrate, reset, thresholds

    if options.reset and (options.calibrate or options.quantile):
        options.wrong_usage("--reset takes the profile's own thresholds: leave --calibrate and --quantile out")
    settings = load_settings()
    if options.reset:
        rows = reset(settings)
    elif options.calibrate or options.quantile:
        rows = calibrate(settings, quantiles=dict(options.quantile))
    else:
        rows = thresholds(settings)
    return print_rows(options, rows, THRESHOLD_COLUMNS)


def _quantile(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"not NAME=Q: {text!r} (write strength_max=0.97)") from exc


def _evaluate(options: argparse.Namespace) -> int:
    from carlos_tasks.evaluation.evaluate import evaluate

    report = evaluate(load_settings(), options.out, options.queries, sections=options.sections)
    if options.json:
        print_json([report.facts()])
    else:
        report.print()
        print(f"\nthe report, its tables and pictures lie in {options.out}")
    return 0

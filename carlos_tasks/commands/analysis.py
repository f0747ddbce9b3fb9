"""Asking the whole lake, and judging the index: `carlos sql`, `queries`, `thresholds`, `evaluate`."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, QuestionCommand, load_settings, print_rows
from carlos_tasks.console import print_json, say

THRESHOLD_COLUMNS = ("profile", "name", "value", "share_removed", "n", "quantile", "corpus_value", "origin")

app = typer.Typer()


class Quantile(NamedTuple):
    """The quantile that one threshold is to be set at."""

    threshold: str
    q: float


def _quantile(text: str) -> Quantile:
    name, _, value = text.partition("=")
    try:
        return Quantile(name, float(value))
    except ValueError as exc:
        raise typer.BadParameter(f"not NAME=Q: {text!r} (write strength_max=0.97)") from exc


@app.command(cls=QuestionCommand)
def sql(
    statement: Annotated[str, typer.Argument(metavar="SQL", help="e.g. 'from mart.index_health'")],
    snapshot: Annotated[
        int | None, typer.Option(metavar="N", help="the lake as it was then (from mart.commit_log)")
    ] = None,
    with_files: Annotated[
        bool, typer.Option("--with-files", help="let it read files of yours, and COPY its answer to one")
    ] = False,
    timeout: Annotated[int | None, typer.Option(metavar="SECONDS", min=1, help="stop after this time")] = None,
    n_rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="print the first N rows only")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Ask the lake in SQL, read-only.

    One statement, of the lake as it is, or with `--snapshot` as it was; docs/sql.md says what is there.
    """
    from carlos_tasks.lake.opening import opened_aside

    settings = load_settings()
    lake = opened_aside(settings, snapshot)
    import duckdb

    from carlos_tasks.lake.gate.waiting import answer_within
    from carlos_tasks.lake.statements import column_names
    from carlos_tasks.retrieval.session import behind_the_gate, sql_error

    with behind_the_gate(lake.result(), settings, snapshot=snapshot, with_files=with_files) as con:

        def ask() -> tuple[list[str], list[tuple[Any, ...]]]:
            answer = con.execute(statement)
            names = column_names(answer.description)
            return names, answer.fetchmany(n_rows + 1) if n_rows else answer.fetchall()

        try:
            names, found = answer_within(con, ask, timeout)
        except duckdb.Error as exc:
            raise sql_error(exc) from exc
    if names == ["explain_key", "explain_value"] and not as_json:
        for _, plan in found:
            say(plan)
        return 0
    shown = [dict(zip(names, row, strict=True)) for row in found[:n_rows]]
    if len(found) > len(shown):
        say(f"carlos: the first {n_rows} rows; there are more", to_stderr=True)
    return print_rows(shown, as_json, names)


@app.command(cls=LakeCommand)
def queries(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="an effect; without any: list those that are kept")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Keep the query vectors of texts, for plain SQL.

    They lie in the lake, for `mart.search`. Without a text, list those that are kept.
    """
    from carlos_tasks.retrieval.stored_queries import keep_queries

    return print_rows(keep_queries(load_settings(), texts or []), as_json)


@app.command(cls=LakeCommand)
def thresholds(
    ctx: typer.Context,
    to_paper: Annotated[
        bool, typer.Option("--calibrate", help="set them at the paper's quantiles of this index")
    ] = False,
    quantiles: Annotated[
        list[Quantile] | None,
        typer.Option("--quantile", metavar="NAME=Q", parser=_quantile, help="set one at another quantile"),
    ] = None,
    to_own: Annotated[bool, typer.Option("--reset", help="take the profile's own again")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what gives a LoRA its status, and what it removes.

    `--calibrate` sets the thresholds at the paper's quantiles of this index, `--quantile` one at another, `--reset`
    takes the profile's own again.
    """
    from carlos_tasks.commit.thresholds import calibrate, reset
    from carlos_tasks.commit.thresholds import thresholds as in_force

    if to_own and (to_paper or quantiles):
        ctx.fail("--reset takes the profile's own thresholds: leave --calibrate and --quantile out")
    settings = load_settings()
    if to_own:
        rows = reset(settings)
    elif to_paper or quantiles:
        rows = calibrate(settings, quantiles=dict(quantiles or []))
    else:
        rows = in_force(settings)
    return print_rows(rows, as_json, THRESHOLD_COLUMNS)


@app.command(cls=LakeCommand)
def evaluate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the report")] = Path("var/evaluation"),
    queries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="queries with their right answers, as JSON")
    ] = None,
    sections: Annotated[
        list[str] | None,
        typer.Option("--section", metavar="NAME", help="only this section; may be given more than once"),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Measure how well search finds and how sure the index is.

    docs/evaluation.md explains the report.
    """
    from carlos_tasks.evaluation.evaluate import evaluate as measure
    from carlos_tasks.reports.bundles.document import entered_in_words, seal_folder

    settings = load_settings()
    report = measure(settings, out, queries, sections=sections or [])
    told = seal_folder(settings, out)
    if as_json:
        print_json([report.facts()])
    else:
        report.print()
        say(f"\nthe report, its tables and pictures lie in {out}")
        say(entered_in_words(told))
    return 0

"""What the commands share: how one is added, and how its rows are printed."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from carlos_tasks.console import print_json, print_table

Row = dict[str, Any]


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help_text: str, with_json: bool = True
) -> argparse.ArgumentParser:
    """Add a command; the options that it parses know `run`, and `wrong_usage`, which exits with 2.

    Args:
        commands: the subparsers of `carlos`.
        name: of the command.
        run: does it; returns the exit code.
        help_text: one line.
        with_json: it reads the lake and prints rows; else it makes the lake, and prints for people alone.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}."
    )
    if with_json:
        command.add_argument("--json", action="store_true", help="print one JSON array of objects")
    command.set_defaults(run=run, reads_lake=with_json, wrong_usage=command.error)
    return command


def print_rows(options: argparse.Namespace, rows: Sequence[Row], columns: Sequence[str] = ()) -> int:
    """Print rows as `options` ask for; one wide row stands on its side."""
    columns = columns or list(rows[0] if rows else ())
    if options.json:
        print_json(rows)
    elif len(rows) == 1 and len(columns) > 8:
        print_table([{"what": name, "value": rows[0][name]} for name in columns], ("what", "value"))
    else:
        print_table(rows, columns)
    return 0

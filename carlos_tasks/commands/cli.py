"""The command line `carlos`.

Exit codes: 0 done (for `validate`: every file is ok), 1 a clear line on standard error, 2 wrong usage. With `--json`
a command prints one JSON array of objects on standard output and nothing else there.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from carlos_tasks.commands.analysis import add_analysis_commands
from carlos_tasks.commands.command import add_command
from carlos_tasks.commands.decisions import add_decision_commands
from carlos_tasks.commands.indexing import add_indexing_commands
from carlos_tasks.commands.moderation import add_moderation_commands
from carlos_tasks.commands.reports import add_report_commands
from carlos_tasks.commands.search import add_search_commands
from carlos_tasks.console import printable
from carlos_tasks.errors import CarlosError
from carlos_tasks.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if any("\ud800" <= sign <= "\udfff" for argument in given for sign in argument):
        # Bytes of the shell that are no UTF-8 reach us so, and no lake, table or JSON takes them.
        print("carlos: an argument is not UTF-8 text: write it so, or rename the file", file=sys.stderr)
        return 2
    options = _parser().parse_args(given)
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
    add_search_commands(commands)
    add_analysis_commands(commands)
    add_moderation_commands(commands)
    add_decision_commands(commands)
    add_report_commands(commands)
    add_indexing_commands(commands)
    for name, help_text in (
        ("demo", "run the nightly index under Airflow over the micro world, and show what it found"),
        ("up", "start the local stack: Airflow and an S3 server"),
        ("down", "end the local stack"),
    ):
        add_command(commands, name, _stack, help_text, with_json=False).set_defaults(stack_command=name)
    return parser


def _stack(options: argparse.Namespace) -> int:
    from carlos_tasks.stack.__main__ import main as stack

    return int(stack([options.stack_command]) or 0)


if __name__ == "__main__":
    sys.exit(main())

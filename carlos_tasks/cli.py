"""The command line `carlos`.

Exit codes: 0 done (for `validate`: every file is ok), 1 a clear line on standard error, 2 wrong usage, 130 interrupted.
With `--json` a command prints one JSON array of objects on standard output and nothing else there. Where the reader of
standard output has enough (`| head`), the code is 1 too, without a line.
"""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, NamedTuple

if __name__ == "__main__":
    # `python -m carlos_tasks.cli`: as the command `carlos`, signals are watched before the imports below.
    import_module("carlos_tasks.start").main()

import typer
from typer.main import get_command

from carlos_tasks import interruption
from carlos_tasks.commands.streams import OutputClosed, log_to_stderr, standard_output
from carlos_tasks.console import printable
from carlos_tasks.errors import CarlosError
from carlos_tasks.version import __version__


class Part(NamedTuple):
    """Commands that one module of `carlos_tasks.commands` has; with a help text, they are one command's own."""

    module: str
    names: tuple[str, ...]
    help: str | None = None


#: All that `carlos` can do, as `carlos --help` lists it. Only the module of the command that is asked for is imported.
PARTS = (
    Part("search", ("search", "similar", "show")),
    Part("analysis", ("sql", "queries", "thresholds", "evaluate")),
    Part("moderation", ("concepts", "score")),
    Part("decisions", ("decide", "notice", "submission")),
    Part("ledger", ("decisions",), "Verify what was decided: the chain of hashes over it."),
    Part("keys", ("keys",), "Keys that sign: made, added, listed, revoked."),
    Part("reports", ("report",), "Write a report: moderation, attribution or transparency."),
    Part("lake", ("lake",), "Care for the lake: merge, expire, clean, verify, back up, restore."),
    Part("indexing", ("validate", "index", "ingest", "refine", "import-published", "scales")),
    Part("keeping", ("verify", "relocate")),
    Part("local", ("demo", "up", "down")),
)


def app_of(parts: Iterable[Part] = PARTS) -> typer.Typer:
    """The command line with these parts."""
    app = typer.Typer(
        # Plain text: a terminal and a pipe get the same help, and rich is not loaded for it.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Settings come from the environment (CARLOS_...): docs/operations.md lists them.",
    )
    app.callback()(carlos)
    for part in parts:
        commands = import_module(f"carlos_tasks.commands.{part.module}").app
        app.add_typer(commands, name=part.names[0] if part.help else None, help=part.help)
    return app


def _parts_for(given: Sequence[str]) -> Sequence[Part]:
    """The part that the command line asks for; all of them where it asks for none: for help, or by mistake."""
    asked = next((argument for argument in given if not argument.startswith("-")), "")
    return [part for part in PARTS if asked in part.names] or PARTS


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"carlos {__version__}")
        raise typer.Exit


def carlos(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log what happens")] = False,
) -> None:
    """CARLoS describes LoRAs by what they do, and finds them by it."""
    log_to_stderr(logging.INFO if verbose else logging.WARNING)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Raises:
        SystemExit: help or the version was asked for (0), or the usage was wrong (2).
    """
    if "_CARLOS_COMPLETE" in os.environ:
        get_command(app_of()).main(prog_name="carlos")  # the shell asks what may come next; ends here
    given = list(sys.argv[1:] if arguments is None else arguments)
    if any("\ud800" <= sign <= "\udfff" for argument in given for sign in argument):
        # Bytes of the shell that are no UTF-8 reach us so, and no lake, table or JSON takes them.
        print("carlos: an argument is not UTF-8 text: write it so, or rename the file", file=sys.stderr)
        return 2
    command = get_command(app_of(_parts_for(given)))
    try:
        with standard_output(), command.make_context("carlos", given) as context:
            return int(command.invoke(context))
    except typer.Exit as answered:
        raise SystemExit(answered.exit_code) from None
    except typer.TyperException as wrong:
        _print_wrong_usage(wrong)
        raise SystemExit(2) from None
    except CarlosError as exc:
        if interruption.was_interrupted():
            return interruption.EXIT_CODE
        print(f"carlos: {printable(' '.join(str(exc).split()))}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as exc:
        from carlos_tasks.extras import missing_extra

        needed = missing_extra(exc)
        if needed is None:
            raise
        print(f"carlos: {needed}", file=sys.stderr)
        return 1
    except OutputClosed:
        return 1
    except OSError as exc:  # a file or folder that somebody named: no rights, a full disk, a folder in a file's place
        place = "" if exc.filename is None else f"{os.fsdecode(exc.filename)}: "
        print(f"carlos: {printable(place + (exc.strerror or str(exc)))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not interruption.was_interrupted():  # else it is said at the very end
            print(interruption.LINE, file=sys.stderr)
        return interruption.EXIT_CODE


def _print_wrong_usage(wrong: typer.TyperException) -> None:
    """Say how the command is written, and what was wrong, on a line each."""
    context: typer.Context | None = getattr(wrong, "ctx", None)
    if context is not None:
        print(context.get_usage().replace("Usage:", "usage:", 1), file=sys.stderr)
    # pydantic, which typer reads values with, puts "Value error" before what a value's own check says.
    said = " ".join(wrong.format_message().split()).replace("Value error, ", "")
    print(f"{context.command_path if context else 'carlos'}: error: {printable(said)}", file=sys.stderr)

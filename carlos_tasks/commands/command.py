"""What the commands share: the lake and the settings that they see, and how their rows are printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carlos_tasks.aliases import Row
from carlos_tasks.commands.arguments import Command
from carlos_tasks.console import print_json, print_table

if TYPE_CHECKING:
    from typer._click import Context

    from carlos_tasks.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON array of objects")]


class LakeCommand(Command):
    """A command that reads the lake: that of the shell, or else the one that `make demo` or `make up` left."""

    def invoke(self, ctx: "Context") -> Any:
        """Run it while that lake can be reached."""
        from carlos_tasks.stack.local import local_deployment

        with local_deployment():
            return super().invoke(ctx)


class QuestionCommand(LakeCommand):
    """A command that asks the lake one question, and so does without pandas."""

    def invoke(self, ctx: "Context") -> Any:
        """Run it while nothing imports pandas."""
        from carlos_tasks.without_pandas import without_pandas

        with without_pandas():
            return super().invoke(ctx)


def load_settings() -> "Settings":
    """Read the settings, as `carlos_tasks.settings` does; its import alone takes longer than all of `carlos --help`."""
    from carlos_tasks.settings import load_settings as load

    return load()


def print_rows(rows: Sequence[Row], as_json: bool, columns: Sequence[str] = ()) -> int:
    """Print rows for programs or for people; one wide row stands on its side. Returns the exit code."""
    columns = columns or list(rows[0] if rows else ())
    if as_json:
        print_json(rows)
    elif len(rows) == 1 and len(columns) > 8:
        print_table([{"what": name, "value": rows[0][name]} for name in columns], ("what", "value"))
    else:
        print_table(rows, columns)
    return 0

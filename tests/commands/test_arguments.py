"""How arguments are read: what an option takes, what is a text, and options that stand in a dataclass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command

from carlos_tasks.commands.arguments import Command, with_option_groups


def call(*arguments: str) -> dict[str, Any]:
    """What a command with each kind of option gets."""
    app = typer.Typer()
    got: dict[str, Any] = {}

    @app.command(cls=Command)
    def run(
        texts: Annotated[list[str] | None, typer.Argument()] = None,
        before: Annotated[list[Path] | None, typer.Option(metavar="FILE…")] = None,
        after: Annotated[list[Path] | None, typer.Option(metavar="FILE…")] = None,
        group: Annotated[str | None, typer.Option(metavar="[COSINE]")] = None,
        name: Annotated[str | None, typer.Option("--name", "-n", metavar="NAME…")] = None,
        wide: Annotated[bool, typer.Option("--wide")] = False,
    ) -> int:
        got.update(texts=texts, before=before, after=after, group=group, name=name, wide=wide)
        return 0

    get_command(app).main(list(arguments), standalone_mode=False)
    return {name: value for name, value in got.items() if value not in (None, False)}


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ("x", {"texts": ["x"]}),
        ("x --before a b --after c d", {"texts": ["x"], "before": ["a", "b"], "after": ["c", "d"]}),
        ("--before a b --wide x", {"before": ["a", "b"], "wide": True, "texts": ["x"]}),
        ("--before a b -- x", {"before": ["a", "b"], "texts": ["x"]}),
        ("--before=a x --before b", {"before": ["a", "b"], "texts": ["x"]}),
        ("x --group", {"texts": ["x"], "group": ""}),
        ("x --group 0.9", {"texts": ["x"], "group": "0.9"}),
        ("--group --wide x", {"group": "", "wide": True, "texts": ["x"]}),
        ("--group=0.9 x", {"group": "0.9", "texts": ["x"]}),
        ("--group -0.5", {"group": "-0.5"}),
        ("--name a b", {"name": "a", "texts": ["b"]}),
        ("-n a b", {"name": "a", "texts": ["b"]}),
        ("-na b", {"name": "a", "texts": ["b"]}),
        ("-n=a b", {"name": "a", "texts": ["b"]}),
        ("--name=--wide", {"name": "--wide"}),
        ("--name -1", {"name": "-1"}),
        ("-1 - x", {"texts": ["-1", "-", "x"]}),
        ("x -- --wide", {"texts": ["x", "--wide"]}),
    ],
)
def test_an_option_takes_what_its_metavar_says(arguments: str, got: dict[str, Any]) -> None:
    paths = {key: [Path(one) for one in value] for key, value in got.items() if key in ("before", "after")}
    assert call(*arguments.split()) == got | paths


@pytest.mark.parametrize("text", ["-- a comment", "-x marks the spot", "--wide angle"])
def test_what_holds_a_space_is_a_text(text: str) -> None:
    assert call(text) == {"texts": [text]}
    assert call("--name", text) == {"name": text}


def test_an_option_with_its_text_attached_is_one() -> None:
    assert call("--name=two words") == {"name": "two words"}


@pytest.mark.parametrize(
    "arguments", ["--name", "--name --wide", "--before --after a", "--before --", "--nothing", "--wide=1"]
)
def test_what_is_not_written_as_the_help_says_is_wrong_usage(arguments: str) -> None:
    with pytest.raises(
        typer.TyperException, match=r"requires an argument|does not take a value|No such option"
    ) as raised:
        call(*arguments.split())
    assert raised.value.exit_code == 2


def test_the_fields_of_a_dataclass_are_options_of_the_command() -> None:
    @dataclass(frozen=True)
    class Limits:
        most: Annotated[int, typer.Option("-k")] = 10
        names: Annotated[list[str] | None, typer.Option("--name")] = None

    app = typer.Typer()
    got: list[tuple[str, Limits, bool]] = []

    @app.command(cls=Command)
    @with_option_groups
    def run(text: str, limits: Limits, wide: bool = False) -> int:
        got.append((text, limits, wide))
        return 0

    for arguments in (["x"], ["--wide", "-k", "3", "x", "--name", "a", "--name", "b"]):
        get_command(app).main(arguments, standalone_mode=False)
    assert got == [("x", Limits(), False), ("x", Limits(3, ["a", "b"]), True)]

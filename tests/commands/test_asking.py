"""What `carlos search` understands: its options become a question and choices, or one clear line."""

from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer.main import get_command

from carlos_tasks.commands.arguments import Command, with_option_groups
from carlos_tasks.commands.asking import ChoiceOptions, QuestionOptions, choices_of, question_of
from carlos_tasks.errors import CarlosError
from carlos_tasks.retrieval.filters import Filters
from carlos_tasks.retrieval.question import Question


class Parsed(NamedTuple):
    question: QuestionOptions
    choices: ChoiceOptions


def parse(*arguments: str) -> Parsed:
    app, parsed = typer.Typer(rich_markup_mode=None), []

    @app.command(cls=Command)
    @with_option_groups
    def search(question: QuestionOptions, choices: ChoiceOptions) -> int:
        parsed.append(Parsed(question, choices))
        return 0

    assert get_command(app).main(list(arguments), standalone_mode=False) == 0
    return parsed[0]


def test_a_text_alone():
    question, choices = parse("pencil sketch")
    assert question_of(question) == Question(texts=("pencil sketch",))
    assert choices_of(choices) == {"filters": Filters(), "diversity": 0.0, "group_at": None}
    assert choices.k == 10


def test_every_way_to_ask_at_once():
    question, _ = parse(
        "sketch", "--and", "night^0.5", "--not", "blurred", "--not", "dots", "--like", "3f", "--unlike", "a0^2",
        "--image", "a.png", "folder", "--before", "b.png", "--after", "c.png",
    )  # fmt: skip
    assert question_of(question) == Question(
        texts=("sketch", "night^0.5"),
        not_texts=("blurred", "dots"),
        like=("3f",),
        unlike=("a0^2",),
        images=(Path("a.png"), Path("folder")),
        before=(Path("b.png"),),
        after=(Path("c.png"),),
    )


def test_no_text_is_needed_beside_a_lora():
    assert question_of(parse("--like", "3f").question) == Question(like=("3f",))


def test_an_empty_text_is_not_no_text():
    assert question_of(parse("").question) == Question(texts=("",))


def test_every_choice_at_once():
    _, choices = parse(
        "x", "-k", "3", "--strength-min", "1", "--strength-max", "6.5", "--consistency-min", "0.1",
        "--consistency-max", "0.9", "--base-model", "sdxl", "--license", "mit", "--source", "hub", "--creator", "me",
        "--status", "ok", "--status", "overpowering", "--nsfw-max", "4", "--since", "2026-01-31",
        "--until", "2026-02-01", "--diversity", "0.3", "--group",
    )  # fmt: skip
    assert choices.k == 3
    assert choices_of(choices) == {
        "filters": Filters(
            strength_min=1,
            strength_max=6.5,
            consistency_min=0.1,
            consistency_max=0.9,
            base_model=("sdxl",),
            license=("mit",),
            source=("hub",),
            creator=("me",),
            status=("ok", "overpowering"),
            nsfw_max=4,
            since=date(2026, 1, 31),
            until=date(2026, 2, 1),
        ),
        "diversity": 0.3,
        "group_at": 0.95,
    }


def test_a_group_takes_its_own_cosine():
    assert choices_of(parse("x", "--group", "0.8").choices)["group_at"] == 0.8


def test_a_value_that_can_never_be_right_is_an_error():
    with pytest.raises(CarlosError, match="there is no status 'fine'"):
        choices_of(parse("x", "--status", "fine").choices)

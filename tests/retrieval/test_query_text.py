"""Texts are read with their weights."""

import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.retrieval.query_text import normalised_text, parse_weighted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("night", ("night", 1.0)),
        ("night^0.5", ("night", 0.5)),
        ("warm night ^ 2", ("warm night", 2.0)),
        ("night^.25", ("night", 0.25)),
        ("night^+3.", ("night", 3.0)),
        ("x^2^3", ("x^2", 3.0)),
        ("^_^", ("^_^", 1.0)),
        ("a ^ b", ("a ^ b", 1.0)),
        ("night^", ("night^", 1.0)),
        ("^2", ("^2", 1.0)),
        ("night^nan", ("night^nan", 1.0)),
        ("night^1e3", ("night^1e3", 1.0)),
        ("", ("", 1.0)),
    ],
)
def test_a_number_after_the_last_caret_is_the_weight(text: str, expected: tuple[str, float]) -> None:
    assert parse_weighted(text) == expected


@pytest.mark.parametrize("text", ["night^0", "night^-1", "night^-0.0"])
def test_a_weight_is_above_zero(text: str) -> None:
    with pytest.raises(CarlosError, match="a weight is above 0"):
        parse_weighted(text)


def test_emoji_and_their_joiners_stay() -> None:
    assert normalised_text(" 👩‍🎨  paints ") == "👩‍🎨 paints"

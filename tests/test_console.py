"""Output for programs is strict JSON; output for people never lets a name drive the terminal."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from carlos_tasks.console import print_json, print_table, printable


def test_json_is_one_array_of_objects_with_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "score": float("nan"),
        "n": 3,
        "price": Decimal("1.5"),
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "direction": [0.5, float("inf")],
        "bytes": b"\x01\xff",
        "name": "夜 <b>",
        "map": {"a": float("-inf")},
    }
    print_json([row])
    text = capsys.readouterr().out
    assert "NaN" not in text and "Infinity" not in text
    assert json.loads(text) == [
        {
            "score": None,
            "n": 3,
            "price": 1.5,
            "at": "2026-01-02T03:04:00+00:00",
            "direction": [0.5, None],
            "bytes": "01ff",
            "name": "夜 <b>",
            "map": {"a": None},
        }
    ]


def test_no_rows_are_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([])
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "plain"),
        ("夜のスタイル", "夜のスタイル"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb", "a\\nb"),
        ("right\u202eleft", "right\\u202eleft"),
    ],
)
def test_control_and_direction_characters_are_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_a_columns_name_is_shown_as_text_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"[bold]n[/bold] :smile:": 1}], ["[bold]n[/bold] :smile:"])
    assert capsys.readouterr().out.startswith("[bold]n[/bold] :smile:")


def test_a_table_shows_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": "[red]alarm[/red] \x1b[31m", "score": 0.5}], ("name", "score", "absent"), bar="score")
    out = capsys.readouterr().out
    assert "[red]alarm[/red] \\x1b[31m" in out
    assert "██████" in out
    assert "\x1b" not in out

"""Output for programs is strict JSON; output for people never lets a name drive the terminal."""

import ast
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import carlos_tasks
from carlos_tasks.console import print_json, print_table, printable, say


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


def test_lines_for_people_escape_what_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("two\nlines \x1b[31m")
    say("\x07", to_stderr=True)
    assert capsys.readouterr() == ("two\nlines \\x1b[31m\n", "\\x07\n")


def test_a_title_and_a_columns_name_drive_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"a long name \x1b]0;": 1}], ["a long name \x1b]0;"], title="[red]of\x1b[2J")
    out = capsys.readouterr().out
    assert "\x1b" not in out and "[red]of\\x1b[2J" in out and "name \\x1b]0;" in out


def test_json_escapes_what_would_drive_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "夜\x1b\x7f\x9b\u200b\u202e\udcff\U000e0041"
    print_json([{name: name}])
    out = capsys.readouterr().out
    assert json.loads(out) == [{name: name}]
    escaped = "夜\\u001b\\u007f\\u009b\\u200b\\u202e\\udcff\\udb40\\udc41"
    assert out == f'[{{"{escaped}": "{escaped}"}}]\n'


def test_a_columns_name_is_shown_as_text_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"[bold]n[/bold] :smile:": 1}], ["[bold]n[/bold] :smile:"])
    assert capsys.readouterr().out.startswith("[bold]n[/bold] :smile:")


def test_a_table_shows_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": "[red]alarm[/red] \x1b[31m", "score": 0.5}], ("name", "score", "absent"), bar="score")
    out = capsys.readouterr().out
    assert "[red]alarm[/red] \\x1b[31m" in out
    assert "██████" in out
    assert "\x1b" not in out


def test_commands_print_through_the_console_alone() -> None:
    """`print` shows a name as it is; `say` and the tables escape what would drive a terminal."""
    folder = Path(carlos_tasks.__file__).parent
    own = {"console.py", "cli.py", "start.py", "lora/backbones/architecture_data.py"}
    found = []
    for path in folder.rglob("*.py"):
        name = path.relative_to(folder).as_posix()
        if name in own or name.startswith("microworld/"):  # programs of the project's own, with no word from outside
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        called = [(call.lineno, call.func.id) for call in calls if isinstance(call.func, ast.Name)]
        found += [f"{name}:{line}" for line, function in called if function == "print"]
    assert found == []

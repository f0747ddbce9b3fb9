"""Text of strangers: what is removed, and what stays."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.sources.text import clean_json, clean_line, clean_lines, clean_text


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("  two   words ", "two words"),
        ("line one\nINFO all is well", "line one INFO all is well"),
        ("\x1b[31mred", "[31mred"),
        ("a\0b", "a b"),
        ("safe\u202egnp.exe", "safe gnp.exe"),
        ("\ud800", "\ufffd"),
        ("水彩 Ωμέγα 👩\u200d🎨", "水彩 Ωμέγα 👩\u200d🎨"),
        ("<b>'; DROP TABLE raw.listing; --", "<b>'; DROP TABLE raw.listing; --"),
        (17, "17"),
        (1.5, "1.5"),
        (True, ""),
        (None, ""),
        (["a"], ""),
        (10**50, ""),
    ],
)
def test_a_line_has_no_control_characters(given_value: object, expected: str) -> None:
    assert clean_line(given_value) == expected


def test_a_text_keeps_its_lines_and_tabs() -> None:
    assert clean_text("one\r\ntwo\rthree\tfour\0") == "one\ntwo\nthree\tfour"


def test_long_text_is_cut_and_says_so() -> None:
    assert clean_line("x" * 400, limit=10) == "x" * 9 + "…"
    assert len(clean_text("x" * 200_000)) == 100_000


def test_lists_lose_what_is_no_text() -> None:
    assert clean_lines(["a", None, "", " b ", {"c": 1}, 3], max_items=5) == ("a", "b")
    assert clean_lines("a,b", max_items=5) == ()


def test_json_keeps_its_shape() -> None:
    given_value = {"a\0": ["x\0", float("nan"), 2**70, True, None, 1.5], "n": {"m": 2}}
    assert clean_json(given_value) == {"a": ["x", None, str(2**70), True, None, 1.5], "n": {"m": 2}}


def test_json_nested_too_deeply_is_cut() -> None:
    nested: object = "bottom"
    for _ in range(900):
        nested = [nested]
    assert "left out" in json.dumps(clean_json(nested))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=50))
def test_clean_text_can_be_stored_and_logged(text: str) -> None:
    for cleaned in (clean_text(text), clean_line(text)):
        cleaned.encode()  # no lone surrogate
        assert "\0" not in cleaned
        assert "\x1b" not in cleaned
    assert "\n" not in clean_line(text)

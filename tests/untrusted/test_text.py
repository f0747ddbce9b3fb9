"""Text of strangers: what is removed, and what stays."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.untrusted.text import (
    MAX_DEPTH,
    MAX_TEXT_CHARS,
    _cleaned,
    clean_json,
    clean_line,
    clean_lines,
    clean_text,
    is_clean_json,
    without_markup,
)


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


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<p><b>Pixel Art</b></p><ul><li>Weight: 0.4</li><li>Words</li></ul>", "Pixel Art Weight: 0.4 Words"),
        ("a &lt; b &amp; c<br>d", "a < b & c d"),
        ("no <end", "no <end"),
        ("", ""),
    ],
)
def test_markup_is_left_out_and_words_stay_apart(written: str, said: str) -> None:
    assert without_markup(written) == said


def test_markup_that_never_ends_is_read_once() -> None:
    bare = "<" * MAX_TEXT_CHARS
    assert without_markup(bare) == bare


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


def test_numbers_of_any_length_are_cut_to_text() -> None:
    assert clean_json([10**200, 10**4999]) == [str(10**200), "(a number too long, left out)"]


HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats()
    | st.text(alphabet='a\n\r\t\0\x7f\x85\u202e\ud800"\\é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="k \n\0", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(HOSTILE)
def test_json_that_is_said_to_be_clean_is_what_cleaning_gives(value: object) -> None:
    cleaned = clean_json(value)
    assert is_clean_json(cleaned)
    assert clean_json(cleaned) == cleaned
    assert not is_clean_json(value) or repr(_cleaned(value, MAX_DEPTH)) == repr(value)


@pytest.mark.parametrize(
    "value",
    ["x" * 100_001, [2**63], [float("nan")], {"a\0": 1}, {" a": 1}, ["\r\n"], ["\u202e"], ["\x7f"], ["\ud800"]],
)
def test_what_is_not_clean_is_seen(value: object) -> None:
    assert not is_clean_json(value)
    assert not is_clean_json([{"deep": [value]}])
    assert is_clean_json(clean_json(value))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=50))
def test_clean_text_can_be_stored_and_logged(text: str) -> None:
    for cleaned in (clean_text(text), clean_line(text)):
        cleaned.encode()  # no lone surrogate
        assert "\0" not in cleaned
        assert "\x1b" not in cleaned
    assert "\n" not in clean_line(text)

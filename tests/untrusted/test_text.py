"""Text of strangers: what is removed, and what stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.untrusted.text import (
    MAX_TEXT_CHARS,
    clean_line,
    clean_lines,
    clean_text,
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


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=50))
def test_clean_text_can_be_stored_and_logged(text: str) -> None:
    for cleaned in (clean_text(text), clean_line(text)):
        cleaned.encode()  # no lone surrogate
        assert "\0" not in cleaned
        assert "\x1b" not in cleaned
    assert "\n" not in clean_line(text)

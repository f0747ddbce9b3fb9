"""Characters that nobody sees: which are refused, and where the scripts that need them keep them."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carlos_tasks.untrusted.unseen import unseen_character

HIDDEN = [
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    *map(chr, range(0x206A, 0x2070)),
    *map(chr, range(0x2060, 0x2066)),
    *map(chr, range(0xE0000, 0xE0080)),
    *"\u200b\u200c\u200d\u200e\u200f\u061c\ufeff\u00ad\u180e\u034f\u115f\u1160\u3164\uffa0\u2028\u2029\ufff9\ufe0f\0\x1b\x7f\x85",
    "\U000e0101",
    "\ud800",
]


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"U+{ord(c):04X}")
def test_what_nobody_sees_is_refused_within_latin_letters(character: str) -> None:
    told = unseen_character(f"Terms{character}4.2")
    assert told is not None
    assert told.startswith(f"U+{ord(character):04X} ") and told.endswith("character 6")


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"U+{ord(c):04X}")
def test_nor_is_a_text_taken_that_ends_or_begins_with_it(character: str) -> None:
    assert unseen_character(f"Terms{character}")
    assert unseen_character(f"{character}Terms")


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # Persian: "I want", whose two parts stay apart
        "क्\u200dष",  # Hindi: a half letter
        "ශ්\u200dරී",  # Sinhala
        "👩\u200d🎨",
        "🏳️\u200d🌈",
        "👩🏽\u200d🚀",
        "❤️ 1️⃣ ↔️ ©️",
        "葛\U000e0100城市",
        "שלום (\u200fabc\u200f)",
        "日本語、한국어, Ελληνικά, кириллица: naïve café – “quoted” … 10 % × ½",
        "one\ttwo\r\nthree",
        "",
    ],
)
def test_scripts_keep_what_they_need(text: str) -> None:
    assert unseen_character(text) is None


@pytest.mark.parametrize(
    "text", ["a\u200d🎨", "👩\u200dx", "👩\u200d", "\u200d🎨", "a\u200fb", "a\ufe0f", "x\U000e0100", "❤\ufe0f\ufe0f"]
)
def test_they_are_refused_where_nothing_needs_them(text: str) -> None:
    assert unseen_character(text)


@given(
    st.text(), st.sampled_from(HIDDEN), st.text(alphabet=st.characters(max_codepoint=0x24F, categories=["L", "N", "P"]))
)
@example("", "\u202e", "")
def test_no_text_around_it_lets_an_override_or_a_blank_through(before: str, character: str, after: str) -> None:
    """But for joiners, marks and selectors, which some neighbours need."""
    is_needed_somewhere = character in "\u200c\u200d\u200e\u200f\u061c\ufe0f\U000e0101"
    if not is_needed_somewhere:
        assert unseen_character(before + character + after) is not None
    else:
        assert unseen_character(f"x{character}{after}") is not None


@given(st.text(alphabet=st.characters(categories=["L", "Nd", "P", "Sc", "Sm", "Zs"])))
def test_what_has_a_shape_is_taken(text: str) -> None:
    shown = "".join(c for c in text if c not in HIDDEN)
    assert unseen_character(shown) is None


@given(st.text())
def test_what_is_told_stands_in_the_text(text: str) -> None:
    told = unseen_character(text)
    if told is not None:
        number, _, rest = told.partition(" ")
        place = int(rest.rpartition(" ")[2])
        assert ord(text[place - 1]) == int(number.removeprefix("U+"), 16)
        assert not unicodedata.category(text[place - 1]).startswith("N")

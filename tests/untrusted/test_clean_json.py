"""JSON of strangers: what is stored of it, and that the quick way writes what the slow one does."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.untrusted.clean_json import _MAX_KNOWN_KEYS, MAX_DEPTH, _known_keys, clean_json, clean_json_text
from carlos_tasks.untrusted.json_values import canonical_json


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
def test_the_text_of_json_is_that_of_its_cleaned_values(value: object) -> None:
    cleaned = clean_json(value)
    assert clean_json(cleaned) == cleaned
    assert clean_json_text(value) == canonical_json(cleaned)
    assert clean_json_text(cleaned) == canonical_json(cleaned)


@pytest.mark.parametrize(
    "value",
    [
        *("x" * 100_001, [2**63], [-(2**63)], [2**53 + 1], [float("nan")], ["\r\n"], ["\x7f"], ["\x85"], ["\ud800"]),
        *(["\u202e"], ["\u2069"], ["\ufeff"], ["\u2026 \xe9 \uff01"], ["\\b"], [[[]] * 3, {"": {}}]),
        *({"a\0": 1}, {" a": 1}, {"a  b": 1}, {"a\n": 1}, {"a\u2028": 1}, {"a\u3000b": 1}, {"k" * 301: 1}),
    ],
)
def test_what_is_not_clean_is_seen_on_every_level(value: object) -> None:
    for given_value in (value, [{"deep": [value]}], {"b": value, "a": "é"}):
        assert clean_json_text(given_value) == canonical_json(clean_json(given_value))


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}])
def test_the_deepest_level_that_stays_is_the_same(depth: int, wrap: Callable[[object], object]) -> None:
    value: object = wrap("bottom")
    for _ in range(depth - 1):
        value = wrap(value)
    text = clean_json_text(value)
    assert text == canonical_json(clean_json(value))
    assert (b"left out" in text) == (depth > MAX_DEPTH)


def test_keys_that_are_all_different_do_not_fill_the_memory() -> None:
    for number in range(10_000):
        clean_json_text({f"key {number}": 1})
    assert len(_known_keys) <= _MAX_KNOWN_KEYS
    assert clean_json_text({"x" * 2**20: 1}) == canonical_json({"x" * 299 + "…": 1})
    assert max(map(len, _known_keys)) <= 300

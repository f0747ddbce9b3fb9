"""JSON text cut into records: wherever a chunk ends, the records are those that a parser of the whole finds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.untrusted.json_text import cut_lines, cut_list
from carlos_tasks.untrusted.json_values import NotJson, parse

LIMIT = 1000
# Integers of 64 bits: beyond them orjson, which reads the records, gives a float, and no id is that long.
_INTEGERS = st.integers(-(2**63), 2**64 - 1)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | _INTEGERS | st.text(alphabet='\\"[]{},:aé \n', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def chunks(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def elements(text: bytes, size: int = 7) -> list[Any]:
    return [None if cut is None else parse(cut) for cut in cut_list(chunks(text, size), "items", LIMIT)]


@settings(max_examples=300, deadline=None)
@given(st.lists(ANY_JSON, max_size=5), st.integers(1, 30), st.booleans(), st.sampled_from([None, 1]))
def test_a_list_is_cut_as_a_parser_reads_it(values: list[Any], size: int, is_page: bool, indent: int | None) -> None:
    document = {"metadata": {"items": [1], "note": '"items": ['}, "items": values, "more": [2]} if is_page else values
    text = json.dumps(document, ensure_ascii=False, indent=indent).encode()
    cuts = [parse(cut) for cut in cut_list(chunks(text, size), "items", 10**6) if cut is not None]
    assert cuts == values


@pytest.mark.parametrize("text", [b"[]", b" [ ] ", b'{"items":[]}', b'\xef\xbb\xbf{"items" : [ ]}', b"[\n]\n"])
def test_an_empty_list_has_no_elements(text: bytes) -> None:
    assert elements(text) == []


def test_an_object_without_the_list_is_the_one_element() -> None:
    assert elements(b'{"id": 1, "versions": []}') == [{"id": 1, "versions": []}]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"7",
        b'"items"',
        b"<html>",
        b'{"items": {}}',
        b'{"a": {"items": [1]}, "items": 3}',
        b'{"items": [1, 2',
        b'{"items": [1, "two',
        b"[1, 2}",
        b"[" * 5000,
    ],
)
def test_what_is_no_list_or_breaks_off_says_so(text: bytes) -> None:
    with pytest.raises(NotJson):
        elements(text)


@pytest.mark.parametrize("text", [b"[1,,2]", b"[1,]", b"[1 2]", b"[{]", b"[nul]"])
def test_an_element_that_is_not_json_says_so(text: bytes) -> None:
    with pytest.raises(NotJson):
        elements(text)


def test_an_element_above_the_limit_is_passed_over_wherever_it_stands() -> None:
    large = {"text": 'x"]},{\\' * 400}
    for values in ([large, 1, 2], [1, large, 2], [1, 2, large]):
        text = json.dumps(values).encode()
        for size in (7, 500, 10**5):
            assert elements(text, size) == [None if value is large else value for value in values]


def test_lines_are_cut_wherever_chunks_end() -> None:
    text = b'{"a": 1}\n\n  \r\n"two"\r\n' + b"x" * 3000 + b"\n3\nthe last"
    for size in (1, 8, 10**5):
        assert [(line and line.strip(), ends) for line, ends in cut_lines(chunks(text, size), LIMIT)] == [
            (b'{"a": 1}', True),
            (b'"two"', True),
            (None, True),
            (b"3", True),
            (b"the last", False),
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'"\\ud800"', "\ud800"),
        (b"[Infinity]", [float("inf")]),
        (b"123456789012345678901234567890", int("1234567890" * 3)),
    ],
)
def test_what_python_s_parser_takes_beside_the_standard_is_taken(text: bytes, expected: object) -> None:
    assert parse(text) == pytest.approx(expected) if isinstance(expected, int) else parse(text) == expected


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000 + b"]", b"{'a': 1}"])
def test_what_is_not_json_says_so(text: bytes) -> None:
    with pytest.raises(NotJson):
        parse(text)

"""Canonical JSON: one form for one content."""

import json
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carlos_tasks.ledger.canonical import canonical_json, content_hash, without_nulls

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"])), inner),
)


def test_keys_are_sorted_and_times_are_utc() -> None:
    east = datetime(2026, 11, 23, 15, 30, tzinfo=timezone(timedelta(hours=1)))
    assert (
        canonical_json({"b": [1, None, "é"], "a": east, "c": date(2026, 1, 2)})
        == '{"a":"2026-11-23T14:30:00.000000Z","b":[1,null,"é"],"c":"2026-01-02"}'.encode()
    )


@given(VALUES)
def test_any_json_library_writes_it_so(value: Any) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(canonical_json(value)) == value
    if "\x7f" not in text:
        assert canonical_json(value).decode() == text


@given(st.dictionaries(st.text(alphabet="abc"), st.none() | st.integers(0, 9)))
def test_a_column_that_is_null_changes_no_hash(row: dict[str, Any]) -> None:
    assert content_hash(without_nulls(row | {"later": None})) == content_hash(without_nulls(row))


@pytest.mark.parametrize(
    "value", [datetime(2026, 1, 1), float("nan"), {1: "a"}, "\ud800", 2**70, b"x", object(), {"a": {"b": float("inf")}}]
)
def test_what_has_no_one_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical_json(value)


def test_order_of_keys_is_that_of_code_points() -> None:
    keys = ["\U0001f600", "\uffff", "z", "é", "Z"]
    assert list(json.loads(canonical_json(dict.fromkeys(keys, 1)))) == sorted(keys)

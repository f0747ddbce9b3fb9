"""Views over the chain and its keys, and what of decisions counts once."""

from typing import Any

import duckdb
import pytest

from tests.sql.lake_rows import answer, fill

TESTED = {"signing_key", "decision_signature"}


def day(number: int) -> str:
    return f"2026-01-{number:02} 00:00:00+00"


def key(con: duckdb.DuckDBPyConnection, key_id: str, change: str, at: int, **fields: Any) -> None:
    row: dict[str, Any] = {
        "change_id": f"{key_id}-{change}-{at}",
        "change": change,
        "key_id": key_id,
        "public_key": "k",
        "name": "n",
        "role": "analyst",
        "analyst": "ana",
        "valid_from": day(at),
        "valid_until": None,
        "reason": None,
        "recorded_by": "op",
        "recorded_at": day(at),
    } | fields
    names = ", ".join(row)
    values = ", ".join(f"${name}" for name in row)
    con.execute(f"insert into core.signing_key ({names}) values ({values})", row)  # noqa: S608


def entry(con: duckdb.DuckDBPyConnection, position: int, record_id: str, **fields: Any) -> None:
    row: dict[str, Any] = {
        "position": position,
        "kind": "decision",
        "record_id": record_id,
        **dict.fromkeys(("content_hash", "previous_hash", "entry_hash"), "h"),
        **dict.fromkeys(("entered_at", "clock_at"), day(5)),
        "based_on": 1,
        "is_late": False,
    } | fields
    names = ", ".join(row)
    values = ", ".join(f"${name}" for name in row)
    con.execute(f"insert into core.ledger ({names}) values ({values})", row)  # noqa: S608


def test_a_key_is_what_it_was_added_as_until_its_first_revocation(con: duckdb.DuckDBPyConnection) -> None:
    key(con, "k1", "add", 1, valid_until=day(20))
    key(con, "k1", "revoke", 9)
    key(con, "k1", "revoke", 7)
    key(con, "k1", "add", 3, analyst="eve")
    key(con, "k2", "revoke", 2)
    (row,) = answer(
        con, "select key_id, analyst, day(valid_until) as until, day(revoked_at) as revoked from mart.signing_key"
    )
    assert row == {"key_id": "k1", "analyst": "ana", "until": 20, "revoked": 7}


def test_a_decision_is_signed_or_recorded_and_by_whom(con: duckdb.DuckDBPyConnection) -> None:
    steps = [
        {"decision_id": name, "lora_id": name, "decided_at": day(at), "analyst": analyst}
        for name, at, analyst in (("own", 5, "ana"), ("forgot", 5, "ana"), ("early", 2, "ana"), ("late", 9, "ana"))
    ]
    fill(con, {"core.decision": [*steps, {"decision_id": "other", "lora_id": "o", "analyst": "ben"}]})
    key(con, "k1", "add", 3)
    key(con, "k1", "revoke", 8)
    entry(con, 1, "own", signature="s", key_id="d", analyst_signature="a", analyst_key_id="k1")
    entry(con, 2, "forgot", signature="s", key_id="d")
    entry(con, 3, "early")
    entry(con, 4, "other", kind="notice")
    found = answer(con, "select decision_id, signature, analyst_signature from mart.decision_signature")
    assert {row["decision_id"]: (row["signature"], row["analyst_signature"]) for row in found} == {
        "own": ("signed", "signed"),
        "forgot": ("signed", "not signed"),
        "early": ("recorded", None),
        "late": ("none", None),
        "other": ("none", None),
    }


GROUND = {"ground": "illegal_content", "ground_reference": "Act 1"}


@pytest.mark.parametrize(
    ("first", "second", "is_repeated"),
    [
        ({"action": "takedown"}, {"action": "takedown", "ground": "incompatible_content"}, True),
        ({"action": "restrict"}, {"action": "restrict"}, True),
        ({"action": "restrict"}, {"action": "restrict", "ground": "incompatible_content"}, False),
        ({"action": "label"}, {"action": "label"}, True),
        ({"action": "label"}, {"action": "label", "ground_reference": "Act 2"}, False),
        ({"action": "restrict"}, {"action": "takedown"}, False),
        ({"action": "no_action"}, {"action": "no_action"}, False),
        ({"action": "takedown"}, {"action": "takedown", "lora_id": "b"}, False),
    ],
)
def test_one_action_counts_once(
    con: duckdb.DuckDBPyConnection, first: dict[str, Any], second: dict[str, Any], is_repeated: bool
) -> None:
    one = GROUND | {"decision_id": "d1", "decided_at": day(1)} | first
    two = GROUND | {"decision_id": "d2", "decided_at": day(2)} | second
    fill(con, {"core.decision": [one, two]})
    found = answer(con, "select decision_id, repeats from mart.decision order by decision_id")
    assert [row["repeats"] for row in found] == [None, "d1" if is_repeated else None]
    (month,) = answer(con, "select n_decisions from mart.transparency_month")
    assert month["n_decisions"] == (1 if is_repeated else 2)


def test_what_was_overturned_is_not_repeated(con: duckdb.DuckDBPyConnection) -> None:
    steps = [
        {"decision_id": "d1", "action": "takedown", "decided_at": day(1)},
        {"decision_id": "d2", "action": "appeal", "refers_to": "d1", "decided_at": day(2)},
        {"decision_id": "d3", "action": "overturn", "refers_to": "d2", "decided_at": day(3)},
        {"decision_id": "d4", "action": "takedown", "decided_at": day(4)},
        {"decision_id": "d5", "action": "takedown", "decided_at": day(5)},
    ]
    fill(con, {"core.decision": steps})
    found = answer(con, "select decision_id, repeats from mart.decision where repeats is not null")
    assert found == [{"decision_id": "d5", "repeats": "d4"}]

"""Views that reports stand on: what became of notices and appeals, and what happened by month and by day."""

from datetime import date
from typing import Any

import duckdb

from tests.sql.lake_rows import answer, fill

TESTED = {
    *("notice_outcome", "appeal_outcome", "transparency_month", "moderation_day"),
    *("submission", "statement_submission"),
}


def notice(notice_id: str, received_at: str, lora_id: str = "a", due_at: str | None = None) -> dict[str, Any]:
    return {
        "notice_id": notice_id,
        "lora_id": lora_id,
        "received_at": received_at,
        "recorded_at": received_at,
        "due_at": due_at,
    }


def step(decision_id: str, action: str, decided_at: str, **more: Any) -> dict[str, Any]:
    return {"decision_id": decision_id, "action": action, "decided_at": decided_at, **more}


def test_the_first_decision_that_names_a_notice_answers_it(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.notice": [notice("n1", "2026-01-10 10:00:00+00", due_at="2026-01-12 10:00:00+00")],
            "core.decision": [
                step("before", "label", "2026-01-09 10:00:00+00"),
                step("about", "label", "2026-01-10 11:00:00+00"),
                step("remark", "comment", "2026-01-10 10:30:00+00", notice_id="n1"),
                step("named", "takedown", "2026-01-12 10:00:00+00", notice_id="n1"),
                step("later", "no_action", "2026-01-13 10:00:00+00", notice_id="n1"),
            ],
        },
    )
    (row,) = answer(con, "select decision_id, outcome, hours, is_in_time from mart.notice_outcome")
    assert row == {"decision_id": "named", "outcome": "takedown", "hours": 48.0, "is_in_time": True}


def test_a_decision_about_the_lora_answers_a_notice_that_none_names(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.notice": [
                notice("n1", "2026-01-10 10:00:00+00", due_at="2026-01-10 10:30:00+00"),
                notice("open", "2026-01-20 10:00:00+00"),
                notice("other", "2026-01-01 10:00:00+00", lora_id="b"),
            ],
            "core.decision": [step("about", "no_action", "2026-01-10 11:00:00+00")],
        },
    )
    query = "select notice_id, decision_id, outcome, hours, is_in_time from mart.notice_outcome order by notice_id"
    assert [tuple(row.values()) for row in answer(con, query)] == [
        ("n1", "about", "no_action", 1.0, False),
        ("open", None, "open", None, None),
        ("other", None, "open", None, None),
    ]


def test_what_was_decided_before_a_notice_was_known_does_not_answer_it(con: duckdb.DuckDBPyConnection) -> None:
    late = notice("n1", "2026-01-10 10:00:00+00") | {"recorded_at": "2026-01-10 12:00:00+00"}
    fill(con, {"core.notice": [late], "core.decision": [step("d1", "no_action", "2026-01-10 11:00:00+00")]})
    query = "select decision_id, outcome from mart.notice_outcome"
    assert answer(con, query) == [{"decision_id": None, "outcome": "open"}]
    fill(con, {"core.decision": [step("d2", "label", "2026-01-10 13:00:00+00")]})
    assert answer(con, query) == [{"decision_id": "d2", "outcome": "label"}]


def test_an_outcome_holds_neither_sender_nor_text(con: duckdb.DuckDBPyConnection) -> None:
    columns = {row["column_name"] for row in answer(con, "describe mart.notice_outcome")}
    assert "category" in columns and not columns & {"sender", "text"}


def test_an_appeal_is_upheld_overturned_or_open(con: duckdb.DuckDBPyConnection) -> None:
    decisions = [step(f"d{n}", "takedown", "2026-01-01 00:00:00+00", lora_id=f"l{n}") for n in range(3)]
    appeals = [step(f"a{n}", "appeal", "2026-01-02 00:00:00+00", lora_id=f"l{n}", refers_to=f"d{n}") for n in range(3)]
    answers = [
        step("u", "uphold", "2026-01-02 06:00:00+00", lora_id="l0", refers_to="a0"),
        step("o", "overturn", "2026-01-03 00:00:00+00", lora_id="l1", refers_to="a1"),
    ]
    fill(con, {"core.decision": [*decisions, *appeals, *answers]})
    query = "select appeal_id, decision_id, action, outcome, hours from mart.appeal_outcome order by appeal_id"
    assert [tuple(row.values()) for row in answer(con, query)] == [
        ("a0", "d0", "takedown", "upheld", 6.0),
        ("a1", "d1", "takedown", "overturned", 24.0),
        ("a2", "d2", "takedown", "open", None),
    ]


def test_a_month_counts_notices_decisions_appeals_and_what_held(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.notice": [
                notice("n1", "2026-01-31 23:59:59+00", due_at="2026-02-02 00:00:00+00"),
                notice("n2", "2026-02-01 00:00:00+00", lora_id="z"),
            ],
            "core.decision": [
                step("d1", "takedown", "2026-02-01 00:00:00+00", notice_id="n1", automated_detection=False),
                step("d2", "restrict", "2026-02-02 00:00:00+00", lora_id="b"),
                step("d3", "no_action", "2026-02-03 00:00:00+00", lora_id="c"),
                step("d4", "label", "2026-02-03 00:00:00+00", lora_id="d"),
                step("d5", "comment", "2026-02-03 00:00:00+00", lora_id="d"),
                step("a2", "appeal", "2026-03-01 00:00:00+00", lora_id="b", refers_to="d2"),
                step("o2", "overturn", "2026-03-01 12:00:00+00", lora_id="b", refers_to="a2"),
            ],
        },
    )
    january, february, march = answer(con, "from mart.transparency_month")
    assert (january["month"], january["n_notices"], january["n_notices_in_time"]) == (date(2026, 1, 1), 1, 1)
    assert (january["n_decisions"], january["detection_precision"]) == (0, None)
    told = ("n_notices", "n_notices_decided", "n_decisions", "n_own_initiative", "n_detected", "n_detected_unfounded")
    assert [february[name] for name in told] == [1, 0, 4, 3, 3, 2]
    assert abs(february["detection_precision"] - 1 / 3) < 1e-12, "d4 held; nothing was done for d3, d2 was overturned"
    assert (march["n_appeals"], march["n_overturned"], march["n_upheld"]) == (1, 1, 0)
    assert march["median_hours_to_answer"] == 12.0


def test_a_day_counts_what_happened_in_utc(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [{"lora_id": "a", "taken_in_at": "2026-01-01 23:30:00-01"}],
            "core.representation": [{"computed_at": "2026-01-02 01:00:00+00"}],
            "raw.rejection": [{"rejected_at": "2026-01-02 02:00:00+00"}],
            "core.notice": [notice("n1", "2026-01-03 00:00:00+00")],
            "core.decision": [
                step("d1", "label", "2026-01-03 01:00:00+00"),
                step("d2", "assign", "2026-01-03 02:00:00+00"),
            ],
        },
    )
    assert [tuple(row.values()) for row in answer(con, "from mart.moderation_day")] == [
        (date(2026, 1, 2), 1, 1, 1, 0, 0),
        (date(2026, 1, 3), 0, 0, 0, 1, 1),
    ]


def sent(submission_id: str, state: str, hour: int, **more: Any) -> dict[str, Any]:
    moment = f"2026-01-02 {hour:02}:00:00+00"
    return {"submission_id": submission_id, "state": state, "happened_at": moment, "recorded_at": moment, **more}


def test_a_file_stands_where_its_newest_step_says(con: duckdb.DuckDBPyConnection) -> None:
    steps = [
        sent("s1", "submitted", 1, body="old", puids=["a", "b", "c"]),
        sent("s2", "refused", 2, puids=["a", "b", "c"], faults='{"a": "no"}', known_puids=["b"], recorded_by="ben"),
        sent("s3", "submitted", 3, body="new", puids=["a"]),
        sent("t1", "submitted", 1, number=2, puids=["d"]),
        sent("t2", "accepted", 2, number=2, puids=["d"], body=None, answer="{}", recorded_by="ben"),
    ]
    fill(con, {"core.submission": steps})
    query = "select number, state, n_statements, n_times_submitted, submitted_by, answered_by, answer, body"
    assert [tuple(row.values()) for row in answer(con, f"{query} from mart.submission order by number")] == [
        (1, "submitted", 1, 2, "ana", None, None, "new"),
        (2, "accepted", 1, 1, "ana", "ben", "{}", "{}"),
    ]


def test_a_statement_stands_where_the_newest_step_of_its_file_says(con: duckdb.DuckDBPyConnection) -> None:
    steps = [
        sent("s1", "submitted", 1, puids=["a", "b", "c"]),
        sent("s2", "refused", 2, puids=["a", "b", "c"], faults='{"a": "no", "b": "known"}', known_puids=["b"]),
        sent("s3", "submitted", 3, puids=["a"]),
    ]
    fill(con, {"core.submission": steps})
    found = answer(con, "select puid, number, state, said from mart.statement_submission order by puid")
    assert [tuple(row.values()) for row in found] == [
        ("a", 1, "submitted", None),
        ("b", 1, "accepted", "known"),
        ("c", 1, "refused", None),
    ]

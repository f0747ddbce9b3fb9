"""Statements of reasons: what a decision says, no more; and rules that are those of the transparency database."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from carlos_tasks.policies.statement_rules import (
    CATEGORIES,
    FIELDS,
    FIRST_CONTENT_DAY,
    FIRST_DECISION_DAY,
    LIMITS,
    PUID,
    REQUIRED,
    VALUES,
    faults_of,
)
from carlos_tasks.reports.transparency.statement import (
    GROUNDS,
    KEYWORDS,
    NOTICE_CATEGORIES,
    SOURCES,
    VISIBILITY,
    statement_of_reasons,
    statements_of,
)
from tests.samples.real import Samples


def decision(**changes: Any) -> dict[str, Any]:
    """A takedown for a trade mark, after a trusted flagger's notice."""
    return {
        "decision_id": "takedown-c",
        "lora_id": "c" * 64,
        "name": "A name",
        "action": "takedown",
        "ground": "illegal_content",
        "ground_reference": "Trade mark act, section 10",
        "category": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "policy": "rules",
        "policy_version": "2",
        "concept_id": "marks",
        "concept_version": "v1",
        "reasons": "Every picture shows the mark.",
        "evidence": [],
        "snapshot_id": 7,
        "profile_id": "p",
        "automated_detection": False,
        "automated_decision": False,
        "decided_at": datetime(2026, 3, 18, 23, 30, tzinfo=UTC),
        "notice_id": "n-c",
        "notice_category": "trademark",
        "sender_kind": "trusted_flagger",
        "content_at": datetime(2024, 5, 6, tzinfo=UTC),
        "ended_at": None,
    } | changes


@pytest.fixture
def schema(samples: Samples) -> dict[str, Any]:
    """The rules as we wrote them out, and as the database publishes them."""
    return dict(json.loads((samples.folder / "dsa_sor_schema.json").read_text()))


def test_a_takedown_says_what_was_done_why_and_on_what_ground() -> None:
    statement = statement_of_reasons(decision())
    assert faults_of(statement) == []
    assert statement == {
        "puid": "takedown-c",
        "decision_visibility": ["DECISION_VISIBILITY_CONTENT_DISABLED"],
        "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
        "illegal_content_legal_ground": "Trade mark act, section 10",
        "illegal_content_explanation": "Every picture shows the mark.",
        "content_type": ["CONTENT_TYPE_OTHER"],
        "content_type_other": "LoRA: weights that change what an image generator makes",
        "category": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "category_specification": ["KEYWORD_TRADEMARK_INFRINGEMENT"],
        "content_date": "2024-05-06",
        "application_date": "2026-03-18",
        "end_date_visibility_restriction": None,
        "decision_facts": f"Every picture shows the mark. The file's SHA-256 is {'c' * 64}. "
        "Policy rules 2 concept marks v1. Evidence as of snapshot 7 of the index.",
        "source_type": "SOURCE_TRUSTED_FLAGGER",
        "automated_detection": "No",
        "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
    }


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"action": "restrict"}, "decision_visibility", ["DECISION_VISIBILITY_CONTENT_DEMOTED"]),
        ({"action": "label"}, "decision_visibility", ["DECISION_VISIBILITY_CONTENT_LABELLED"]),
        ({"notice_id": None, "sender_kind": None}, "source_type", "SOURCE_VOLUNTARY"),
        ({"sender_kind": "person_shown"}, "source_type", "SOURCE_ARTICLE_16"),
        ({"sender_kind": "authority"}, "source_type", "SOURCE_TYPE_OTHER_NOTIFICATION"),
        ({"category": None}, "category", "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS"),
        ({"automated_detection": True}, "automated_detection", "Yes"),
        ({"automated_decision": True}, "automated_decision", "AUTOMATED_DECISION_FULLY"),
    ],
)
def test_each_field_follows_from_the_decision(changes: dict[str, Any], field: str, value: Any) -> None:
    statement = statement_of_reasons(decision(**changes))
    assert statement[field] == value and faults_of(statement) == []


def test_the_terms_are_another_ground_with_fields_of_its_own() -> None:
    statement = statement_of_reasons(
        decision(ground="incompatible_content", ground_reference="Terms, 4.2", category=None, notice_category=None)
    )
    assert faults_of(statement) == []
    assert statement["incompatible_content_ground"] == "Terms, 4.2"
    assert statement["category"] == "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    assert "illegal_content_legal_ground" not in statement


def test_long_reasons_are_cut_where_a_field_ends_and_whole_where_there_is_room() -> None:
    statement = statement_of_reasons(decision(reasons="x " * 2400))
    assert faults_of(statement) == []
    assert len(statement["illegal_content_explanation"]) <= 2000
    assert statement["decision_facts"].startswith("x " * 2390)
    assert len(statement_of_reasons(decision(reasons="y" * 5000))["decision_facts"]) == 5000


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"decision_id": "a b"}, "puid has other characters"),
        ({"decision_id": "x" * 501}, "puid has other characters"),
        ({"reasons": None}, "decision_facts is missing"),
        ({"reasons": " "}, "illegal_content_explanation is missing"),
        ({"ground": None}, "decision_ground is missing"),
        ({"ground_reference": None}, "illegal_content_legal_ground is missing"),
        ({"category": None, "notice_category": None}, "category is missing"),
        ({"category": "STATEMENT_CATEGORY_NONE"}, "which is none of its values"),
        ({"content_at": None}, "content_date is missing"),
        ({"content_at": datetime(1999, 12, 31, tzinfo=UTC)}, "content_date is 1999-12-31, not from 2000-01-01"),
        ({"sender_kind": "somebody"}, "source_type is missing"),
    ],
)
def test_what_a_decision_does_not_say_is_a_row_with_the_reason(changes: dict[str, Any], fault: str) -> None:
    good, bad = decision(decision_id="good"), decision(**changes)
    statements, refused = statements_of([good, bad])
    assert [statement["puid"] for statement in statements] == ["good"]
    assert [row["decision_id"] for row in refused] == [bad["decision_id"]] and fault in refused[0]["reason"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"unknown": 1}, "unknown is no field of a statement"),
        ({"content_type_other": ""}, "content_type_other is missing"),
        ({"application_date": "18.3.2026"}, "application_date is '18.3.2026', no day"),
        ({"application_date": "2026-02-30"}, "no day such as"),
        ({"incompatible_content_ground": "x"}, "belongs to another ground"),
        ({"decision_facts": "x" * 5001}, "decision_facts has 5001 characters, more than 5000"),
        ({"decision_visibility": []}, "decision_visibility is missing"),
    ],
)
def test_each_rule_can_be_broken(changes: dict[str, Any], fault: str) -> None:
    faults = faults_of(statement_of_reasons(decision()) | changes)
    assert len(faults) == 1 and fault in faults[0]


def test_the_values_are_those_of_the_database(schema: dict[str, Any]) -> None:
    enums = schema["enums"]
    assert set(enums["statement_category"]) == CATEGORIES
    assert VALUES["category_specification"] <= set(enums["keyword"])
    assert VALUES["source_type"] == set(enums["source"])
    for name in ("decision_visibility", "decision_ground", "content_type", "automated_decision", "automated_detection"):
        assert VALUES[name] <= set(enums[name]), name
    assert set(NOTICE_CATEGORIES.values()) <= CATEGORIES and set(KEYWORDS.values()) <= VALUES["category_specification"]
    assert set(VISIBILITY.values()) <= VALUES["decision_visibility"]
    assert set(GROUNDS.values()) == VALUES["decision_ground"] and set(SOURCES.values()) <= VALUES["source_type"]


def test_the_limits_are_those_of_the_database(schema: dict[str, Any]) -> None:
    fields = schema["fields"]
    assert set(fields) >= FIELDS
    assert {name: fields[name]["max"] for name in LIMITS} == LIMITS
    always = {name for name, rule in fields.items() if rule.get("required") is True}
    assert always | {"decision_visibility"} == set(REQUIRED)
    assert fields["content_date"]["min"] == FIRST_CONTENT_DAY.isoformat()
    assert fields["application_date"]["min"] == FIRST_DECISION_DAY.isoformat()
    assert fields["puid"]["max"] == 500 and PUID.fullmatch("a" * 500) and not PUID.fullmatch("a" * 501)

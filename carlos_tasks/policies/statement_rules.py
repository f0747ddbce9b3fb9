"""The rules that a statement of reasons has to keep (DSA transparency database, API v2): values, limits, needs.

Source: github.com/digital-services-act/transparency-database, StatementStoreRequest and Statement.
"""

import re
from collections.abc import Iterator
from datetime import date

from carlos_tasks.aliases import Json

PUID = re.compile(r"[a-zA-Z0-9-_]{1,500}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
#: Most statements that the database takes in one call; it takes all of them or none.
MOST_IN_A_CALL = 100
FIRST_CONTENT_DAY, FIRST_DECISION_DAY, END_OF_DAYS = date(2000, 1, 1), date(2020, 1, 1), date(2038, 1, 1)

ILLEGAL, INCOMPATIBLE = "DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"
VOLUNTARY = "SOURCE_VOLUNTARY"

CATEGORIES = frozenset(
    f"STATEMENT_CATEGORY_{name}"
    for name in (
        "ANIMAL_WELFARE",
        "CONSUMER_INFORMATION",
        "CYBER_VIOLENCE",
        "CYBER_VIOLENCE_AGAINST_WOMEN",
        "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "ILLEGAL_OR_HARMFUL_SPEECH",
        "INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        "NOT_SPECIFIED_NOTICE",
        "OTHER_VIOLATION_TC",
        "PROTECTION_OF_MINORS",
        "RISK_FOR_PUBLIC_SECURITY",
        "SCAMS_AND_FRAUD",
        "SELF_HARM",
        "UNSAFE_AND_PROHIBITED_PRODUCTS",
        "VIOLENCE",
    )
)

#: The values of the fields that take one of a list, as far as this platform sends them.
VALUES: dict[str, frozenset[str]] = {
    "category": CATEGORIES,
    "category_specification": frozenset(
        {
            "KEYWORD_COPYRIGHT_INFRINGEMENT",
            "KEYWORD_TRADEMARK_INFRINGEMENT",
            "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING",
        }
    ),
    "decision_visibility": frozenset(
        {
            "DECISION_VISIBILITY_CONTENT_REMOVED",
            "DECISION_VISIBILITY_CONTENT_DISABLED",
            "DECISION_VISIBILITY_CONTENT_DEMOTED",
            "DECISION_VISIBILITY_CONTENT_LABELLED",
        }
    ),
    "decision_ground": frozenset({ILLEGAL, INCOMPATIBLE}),
    "content_type": frozenset({"CONTENT_TYPE_OTHER"}),
    "source_type": frozenset(
        {"SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER", VOLUNTARY, "SOURCE_TYPE_OTHER_NOTIFICATION"}
    ),
    "automated_detection": frozenset({"Yes", "No"}),
    "automated_decision": frozenset({"AUTOMATED_DECISION_FULLY", "AUTOMATED_DECISION_NOT_AUTOMATED"}),
}

#: The longest that each text may be, in characters.
LIMITS = {
    "illegal_content_legal_ground": 500,
    "illegal_content_explanation": 2000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2000,
    "content_type_other": 500,
    "decision_facts": 5000,
}

#: Every statement has these.
REQUIRED = (
    "puid",
    "decision_visibility",  # one of visibility, monetary, provision, account: this platform restricts visibility
    "decision_ground",
    "content_type",
    "category",
    "content_date",
    "application_date",
    "decision_facts",
    "source_type",
    "automated_detection",
    "automated_decision",
)
_BY_GROUND = {
    ILLEGAL: ("illegal_content_legal_ground", "illegal_content_explanation"),
    INCOMPATIBLE: ("incompatible_content_ground", "incompatible_content_explanation"),
}
_DAYS = {
    "content_date": FIRST_CONTENT_DAY,
    "application_date": FIRST_DECISION_DAY,
    "end_date_visibility_restriction": FIRST_DECISION_DAY,
}
FIELDS = frozenset({*REQUIRED, *LIMITS, *VALUES, *_DAYS})


def faults_of(statement: Json) -> list[str]:
    """Return what is wrong with a statement, one sentence for each fault; an empty list is good."""
    return list(_faults(statement))


def _faults(statement: Json) -> Iterator[str]:
    for name in sorted(set(statement) - FIELDS):
        yield f"{name} is no field of a statement"
    needed = REQUIRED + _BY_GROUND.get(statement.get("decision_ground") or "", ())
    if "CONTENT_TYPE_OTHER" in (statement.get("content_type") or []):
        needed += ("content_type_other",)
    for name in needed:
        if not statement.get(name):
            yield f"{name} is missing"
    if statement.get("puid") and not PUID.fullmatch(statement["puid"]):
        yield "puid has other characters than letters, digits, - and _, or more than 500"
    for name, allowed in VALUES.items():
        given = statement.get(name) or []
        for value in given if isinstance(given, list) else [given]:
            if value not in allowed:
                yield f"{name} is {value!r}, which is none of its values"
    for name, limit in LIMITS.items():
        if len(statement.get(name) or "") > limit:
            yield f"{name} has {len(statement[name])} characters, more than {limit}"
    for name, first in _DAYS.items():
        yield from _day_faults(name, statement.get(name), first)
    for ground, names in _BY_GROUND.items():
        if statement.get("decision_ground") != ground:
            yield from (f"{name} belongs to another ground" for name in names if statement.get(name))


def _day_faults(name: str, day: str | None, first: date) -> Iterator[str]:
    if not day:
        return
    try:
        told = date.fromisoformat(day) if DAY.fullmatch(day) else None
    except ValueError:
        told = None
    if told is None:
        yield f"{name} is {day!r}, no day such as 2026-01-31"
    elif not first <= told <= END_OF_DAYS:
        yield f"{name} is {day}, not from {first} to {END_OF_DAYS}"

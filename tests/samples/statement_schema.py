"""The rules of a statement of reasons (DSA transparency database, API v2), as far as this platform sends its fields.

Written out by hand beside `reports/statement_rules.py`, from which nothing is taken: the two must say the same, so
that no slip in one of them goes unnoticed. The database's own schema, which has more, is among the real samples.
"""

from typing import Any

_REQUIRED = {"required": True}


def _needed_for(value: str, longest: int) -> dict[str, Any]:
    return {"max": longest, "required_if": value}


_FIELDS: dict[str, dict[str, Any]] = {
    "puid": _REQUIRED | {"max": 500},
    "decision_visibility": {"type": "array", "required": "one of several"},
    "decision_ground": _REQUIRED,
    "illegal_content_legal_ground": _needed_for("DECISION_GROUND_ILLEGAL_CONTENT", 500),
    "illegal_content_explanation": _needed_for("DECISION_GROUND_ILLEGAL_CONTENT", 2000),
    "incompatible_content_ground": _needed_for("DECISION_GROUND_INCOMPATIBLE_CONTENT", 500),
    "incompatible_content_explanation": _needed_for("DECISION_GROUND_INCOMPATIBLE_CONTENT", 2000),
    "content_type": _REQUIRED | {"type": "array"},
    "content_type_other": _needed_for("CONTENT_TYPE_OTHER", 500),
    "category": _REQUIRED,
    "category_specification": {"type": "array"},
    "content_date": _REQUIRED | {"min": "2000-01-01", "max": "2038-01-01"},
    "application_date": _REQUIRED | {"min": "2020-01-01", "max": "2038-01-01"},
    "end_date_visibility_restriction": {"nullable": True},
    "decision_facts": _REQUIRED | {"max": 5000},
    "source_type": _REQUIRED,
    "automated_detection": _REQUIRED,
    "automated_decision": _REQUIRED,
}
_ENUMS = {
    "statement_category": """
        STATEMENT_CATEGORY_ANIMAL_WELFARE
        STATEMENT_CATEGORY_CONSUMER_INFORMATION
        STATEMENT_CATEGORY_CYBER_VIOLENCE
        STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN
        STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS
        STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH
        STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS
        STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS
        STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE
        STATEMENT_CATEGORY_OTHER_VIOLATION_TC
        STATEMENT_CATEGORY_PROTECTION_OF_MINORS
        STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY
        STATEMENT_CATEGORY_SCAMS_AND_FRAUD
        STATEMENT_CATEGORY_SELF_HARM
        STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS
        STATEMENT_CATEGORY_VIOLENCE
    """,
    "keyword": """
        KEYWORD_COPYRIGHT_INFRINGEMENT KEYWORD_NON_CONSENSUAL_IMAGE_SHARING KEYWORD_TRADEMARK_INFRINGEMENT
    """,
    "source": "SOURCE_ARTICLE_16 SOURCE_TRUSTED_FLAGGER SOURCE_TYPE_OTHER_NOTIFICATION SOURCE_VOLUNTARY",
    "decision_visibility": """
        DECISION_VISIBILITY_CONTENT_DEMOTED DECISION_VISIBILITY_CONTENT_DISABLED
        DECISION_VISIBILITY_CONTENT_LABELLED DECISION_VISIBILITY_CONTENT_REMOVED
    """,
    "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT DECISION_GROUND_INCOMPATIBLE_CONTENT",
    "content_type": "CONTENT_TYPE_OTHER",
    "automated_decision": "AUTOMATED_DECISION_FULLY AUTOMATED_DECISION_NOT_AUTOMATED",
    "automated_detection": "No Yes",
}

DOCUMENT: dict[str, Any] = {"fields": _FIELDS, "enums": {name: values.split() for name, values in _ENUMS.items()}}

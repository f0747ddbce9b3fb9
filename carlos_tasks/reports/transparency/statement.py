"""Statements of reasons (DSA, article 17): what a decision says to the transparency database.

Nothing personal goes into one: neither who complained, nor who decided, nor the account of who published the LoRA.
"""

from datetime import UTC, datetime

from carlos_tasks.aliases import Json, Row
from carlos_tasks.policies.statement_rules import ILLEGAL, INCOMPATIBLE, LIMITS, VOLUNTARY, faults_of

#: A takedown hides the LoRA from every answer and keeps the file as evidence: access is disabled, nothing is deleted.
VISIBILITY = {
    "takedown": "DECISION_VISIBILITY_CONTENT_DISABLED",
    "restrict": "DECISION_VISIBILITY_CONTENT_DEMOTED",
    "label": "DECISION_VISIBILITY_CONTENT_LABELLED",
}
GROUNDS = {"illegal_content": ILLEGAL, "incompatible_content": INCOMPATIBLE}
SOURCES = {
    "user": "SOURCE_ARTICLE_16",
    "rights_holder": "SOURCE_ARTICLE_16",
    "person_shown": "SOURCE_ARTICLE_16",
    "trusted_flagger": "SOURCE_TRUSTED_FLAGGER",
    "authority": "SOURCE_TYPE_OTHER_NOTIFICATION",
}
#: The category of a decision that names none, by what the notice complains of.
NOTICE_CATEGORIES = {
    "ncii": "STATEMENT_CATEGORY_CYBER_VIOLENCE",
    "minors": "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
    "likeness": "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
    "copyright": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
    "trademark": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
    "hate": "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
    "violence": "STATEMENT_CATEGORY_VIOLENCE",
}
KEYWORDS = {
    "ncii": "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING",
    "copyright": "KEYWORD_COPYRIGHT_INFRINGEMENT",
    "trademark": "KEYWORD_TRADEMARK_INFRINGEMENT",
}
CONTENT = "LoRA: weights that change what an image generator makes"


def statement_of_reasons(decision: Row) -> Json:
    """Return the statement of a decision that acts on content, its fields as the database names them.

    Args:
        decision: a row of sql/ask/reports/transparency_restrictions.sql.

    The statement may have faults (`carlos_tasks.policies.statement_rules.faults_of`): what a decision does not say
    is not made up here.
    """
    reasons = " ".join((decision["reasons"] or "").split())
    statement: Json = {
        "puid": decision["decision_id"],
        "decision_visibility": [VISIBILITY[decision["action"]]],
        "decision_ground": GROUNDS.get(decision["ground"] or ""),
        **_ground(decision["ground"], decision["ground_reference"], reasons),
        "content_type": ["CONTENT_TYPE_OTHER"],
        "content_type_other": CONTENT,
        "category": _category(decision),
        "content_date": _day(decision["content_at"]),
        "application_date": _day(decision["decided_at"]),
        "end_date_visibility_restriction": _day(decision["ended_at"]) if decision["ended_at"] else None,
        "decision_facts": _facts(decision, reasons),
        "source_type": SOURCES.get(decision["sender_kind"] or "") if decision["notice_id"] else VOLUNTARY,
        "automated_detection": "Yes" if decision["automated_detection"] else "No",
        "automated_decision": (
            "AUTOMATED_DECISION_FULLY" if decision["automated_decision"] else "AUTOMATED_DECISION_NOT_AUTOMATED"
        ),
    }
    if keyword := KEYWORDS.get(decision["notice_category"] or ""):
        statement["category_specification"] = [keyword]
    return statement


def statements_of(decisions: list[Row]) -> tuple[list[Json], list[Row]]:
    """Return the statements that keep the rules, and for every other decision a row that says why it has none yet."""
    statements, refused = [], []
    for decision in decisions:
        statement = statement_of_reasons(decision)
        faults = faults_of(statement)
        if faults:
            named = {name: decision[name] for name in ("decision_id", "lora_id", "action", "decided_at")}
            refused.append(named | {"reason": "; ".join(faults)})
        else:
            statements.append(statement)
    return statements, refused


def _ground(ground: str | None, reference: str | None, reasons: str) -> Json:
    reference = " ".join((reference or "").split())
    if ground == "illegal_content":
        return {
            "illegal_content_legal_ground": _cut(reference, "illegal_content_legal_ground"),
            "illegal_content_explanation": _cut(reasons, "illegal_content_explanation"),
        }
    if ground == "incompatible_content":
        return {
            "incompatible_content_ground": _cut(reference, "incompatible_content_ground"),
            "incompatible_content_explanation": _cut(reasons, "incompatible_content_explanation"),
        }
    return {}


def _category(decision: Row) -> str | None:
    told = decision["category"] or NOTICE_CATEGORIES.get(decision["notice_category"] or "")
    if told or decision["ground"] != "incompatible_content":
        return told
    return "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"


def _facts(decision: Row, reasons: str) -> str:
    """The reasons whole, and what the decision stands on, as far as there is room."""
    stands_on = [f"The file's SHA-256 is {decision['lora_id']}."]
    if decision["policy"]:
        words = ["Policy", decision["policy"], decision["policy_version"]]
        words += ["concept", decision["concept_id"], decision["concept_version"]] if decision["concept_id"] else []
        stands_on.append(f"{' '.join(word for word in words if word)}.")
    stands_on.append(f"Evidence as of snapshot {decision['snapshot_id']} of the index.")
    room = LIMITS["decision_facts"] - len(" ".join(stands_on)) - 1
    return " ".join([reasons[:room].rstrip(), *stands_on]) if reasons else ""


def _cut(text: str, field: str) -> str:
    limit = LIMITS[field]
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _day(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else None

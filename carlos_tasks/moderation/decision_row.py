"""From a draft to the row that is recorded: the case fills in what is left open, and tells what does not fit."""

import hashlib
from collections.abc import Sequence

import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.moderation.cases import CaseFile
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.moderation.free_text import LIMITS
from carlos_tasks.moderation.repeated import refuse_repeated
from carlos_tasks.moderation.vocabulary import DECISIONS, OUTCOMES
from carlos_tasks.version import __version__

_OPTIONAL = (
    *("profile_id", "refers_to", "notice_id", "ground", "ground_reference", "category", "policy", "policy_version"),
    *("concept_id", "concept_version", "assignee", "reasons", "batch_id"),
)
#: Columns of core.decision, but for its time.
DECISION: pa.Schema = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("decision_id", "lora_id", "action", "analyst")),
        *(pa.field(name, pa.string()) for name in _OPTIONAL),
        pa.field("snapshot_id", pa.int64(), nullable=False),
        pa.field("evidence", pa.list_(pa.string()), nullable=False),
        pa.field("automated_detection", pa.bool_(), nullable=False),
        pa.field("automated_decision", pa.bool_(), nullable=False),
        pa.field("code_version", pa.string(), nullable=False),
    ]
)
#: Columns of core.approval, but for its time.
APPROVAL: pa.Schema = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("batch_id", "content_hash")),
        *(pa.field(name, pa.string()) for name in ("user_id", "user_name")),
        pa.field("answered_at", pa.timestamp("us", tz="UTC")),
    ]
)


def decision_row(draft: DecisionDraft, known: CaseFile, seen: CaseFile, concept: Row, batch_id: str | None) -> Row:
    """The row of a draft, but for its id, its profile and its snapshot.

    Args:
        draft: what is decided.
        known: the case as it is, which the draft has to fit.
        seen: the case at the snapshot that the evidence was read at.
        concept: that the draft applies; empty where it names none.
        batch_id: what it was approved together with.

    Raises:
        CarlosError: what it refers to is not there, or is answered already; or its action is in force already.
    """
    notice_id = _notice(draft, known)
    is_found_here = notice_id is None and any(signal["signal"] != "notice" for signal in seen.signals)
    decided: Row = {
        "lora_id": known.lora_id,
        "action": draft.action,
        "refers_to": _target(draft, known),
        "notice_id": notice_id,
        "ground": draft.ground,
        "ground_reference": (draft.ground_reference or _clause(concept)) if draft.ground else None,
        "category": (draft.category or concept.get("category")) if draft.ground else None,
        "policy": concept.get("policy"),
        "policy_version": concept.get("policy_version"),
        "concept_id": concept.get("concept_id"),
        "concept_version": concept.get("version"),
        "analyst": draft.analyst.strip(),
        "assignee": draft.assignee,
        "reasons": draft.reasons,
        "evidence": list(seen.evidence() if draft.evidence is None else draft.evidence),
        "automated_detection": is_found_here if draft.automated_detection is None else draft.automated_detection,
        "automated_decision": False,
        "batch_id": batch_id,
        "code_version": __version__,
    }
    refuse_repeated(decided, known.steps)
    return decided


def decision_id(recording_id: str, lora_id: str, action: str) -> str:
    """The same for the same step of one commit, or batch, so that what is run again writes nothing twice."""
    return hashlib.sha256("\n".join((recording_id, lora_id, action)).encode()).hexdigest()[:32]


def _clause(concept: Row) -> str:
    words = (f"policy {concept['policy']} {concept['policy_version']}", concept["section"], concept["title"])
    return ", ".join(filter(None, words))[: LIMITS["ground_reference"]]


def _notice(draft: DecisionDraft, known: CaseFile) -> str | None:
    if draft.notice_id is None:
        waiting = known.open_notices if draft.action in DECISIONS else ()
        return str(waiting[0]["notice_id"]) if waiting else None
    return _named("notice", draft.notice_id, [str(notice["notice_id"]) for notice in known.notices], known)


def _target(draft: DecisionDraft, known: CaseFile) -> str | None:
    """The step that a draft refers to."""
    if draft.action == "appeal":
        target = _of_one("decision in force", draft, known.decisions_in_force, known)
        if any(appeal["refers_to"] == target for appeal in known.open_appeals):
            raise CarlosError(f"decision {target} is under appeal already: uphold or overturn it")
        return target
    if draft.action in OUTCOMES:
        return _of_one("open appeal", draft, known.open_appeals, known)
    if draft.refers_to is not None:
        return _named("step", draft.refers_to, [str(step["decision_id"]) for step in known.steps], known)
    return None


def _of_one(what: str, draft: DecisionDraft, steps: Sequence[Row], known: CaseFile) -> str:
    ids = [str(step["decision_id"]) for step in steps]
    if draft.refers_to is not None:
        return _named(what, draft.refers_to, ids, known)
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise CarlosError(f"LoRA {known.lora_id[:12]} has no {what}: there is nothing to {draft.action}")
    raise CarlosError(f"LoRA {known.lora_id[:12]} has more than one {what}: name one of {', '.join(ids)}")


def _named(what: str, name: str, ids: Sequence[str], known: CaseFile) -> str:
    """The id that a whole id, or its first digits, names."""
    found = [one for one in ids if one == name] or [one for one in ids if name and one.startswith(name)]
    if len(found) != 1:
        there = f"there is {', '.join(ids)}" if ids else "there is none"
        raise CarlosError(f"LoRA {known.lora_id[:12]} has no {what} {name!r}: {there}")
    return found[0]

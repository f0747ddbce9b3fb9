"""One decision about several LoRAs that a person approves before it is signed (`dags/decide_batch.py`)."""

from typing import Any

from carlos_tasks.aliases import Json, Row
from carlos_tasks.errors import CarlosError, PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.moderation.cases import concept_named
from carlos_tasks.moderation.decisions import decide_many, whole_ids
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.settings import Settings
from carlos_tasks.untrusted.text import clean_line

#: What one approval can be given for: more than that nobody looks at.
MOST = 200
_LONGEST_NAME = 100
_FIELDS = ("action", "reasons", "ground", "ground_reference", "concept", "category")


def prepare_batch(settings: Settings, given: Json) -> Json:
    """Check what is to be decided, and say it to whoever is to approve it; writes nothing.

    Args:
        settings: where the lake lies.
        given: lora_ids, action, reasons, ground, ground_reference, concept, category.

    Returns:
        `given` with whole ids and the snapshot that the evidence is read at; `subject` and `body` (Markdown).

    Raises:
        PermanentError: what is given can never be right, or does not fit what the lake knows.
    """
    try:
        lora_ids = [str(lora_id) for lora_id in given["lora_ids"]]
        if not 1 <= len(lora_ids) <= MOST:
            raise CarlosError(f"{len(lora_ids)} LoRAs: name 1 to {MOST} in one batch")
        for lora_id in lora_ids:
            _draft(lora_id, given, "whoever approves", None)
        with connect(settings) as con, lake_errors():
            snapshot = snapshot_id(con)
            whole = whole_ids(con, lora_ids)
            if given.get("concept"):
                concept_named(con, given["concept"])
            signals = rows(con, statement("ask/moderation/signals_of"), {"lora_ids": whole})
            named = rows(con, statement("ask/moderation/names_of"), {"lora_ids": whole})
    except CarlosError as exc:
        raise PermanentError(str(exc)) from exc
    fields = {name: given.get(name) for name in _FIELDS}
    subject = f"{fields['action']}: {len(whole)} {'LoRA' if len(whole) == 1 else 'LoRAs'}"
    names = {row["lora_id"]: row["name"] for row in named}
    return fields | {
        "lora_ids": whole,
        "snapshot_id": snapshot,
        "subject": subject,
        "body": _body(fields, {lora_id: names.get(lora_id) for lora_id in whole}, signals),
    }


def sign_batch(settings: Settings, batch: Json, approval: Json, batch_id: str) -> Json:
    """Sign what was approved, in the name of who approved it; the same batch is written once.

    Args:
        settings: where the lake and the images lie.
        batch: what `prepare_batch` returned.
        approval: what Airflow's ApprovalOperator returned.
        batch_id: id of the run.

    Raises:
        PermanentError: nobody is known to have approved it, or it does not fit what the lake knows by now.
        PassingError: the lake did not take it; nothing was written.
    """
    user = approval.get("responded_by_user") or {}
    analyst = user.get("name") or user.get("id")
    if "Approve" not in approval.get("chosen_options", ()) or not analyst:
        raise PermanentError("nobody has approved the batch: nothing is signed")
    drafts = [_draft(lora_id, batch, str(analyst), batch["snapshot_id"]) for lora_id in batch["lora_ids"]]
    try:
        signed = decide_many(settings, drafts, batch_id)
    except PassingError:
        raise
    except CarlosError as exc:
        raise PermanentError(str(exc)) from exc
    return {"n_decisions": len(signed), "analyst": analyst, "decision_ids": [row["decision_id"] for row in signed]}


def _draft(lora_id: str, given: Json, analyst: str, snapshot: int | None) -> DecisionDraft:
    fields = {name: given.get(name) or None for name in _FIELDS if name != "action"}
    return DecisionDraft(lora_id, str(given["action"]), analyst, snapshot_id=snapshot, **fields)


def _body(fields: Json, names: dict[str, str | None], signals: list[Row]) -> str:
    """What would be decided, as Markdown; names and what signals say come from outside, and are text all the same."""
    said: dict[str, list[str]] = {lora_id: [] for lora_id in names}
    for signal in signals:
        said[signal["lora_id"]].append(_text(signal["detail"]))
    decided = [f"- {name}: {_text(value)}" for name, value in fields.items() if value]
    listed = [
        f"- {_text(clean_line(names[lora_id], _LONGEST_NAME) or '(no name)')} `{lora_id[:12]}`: "
        f"{'; '.join(reasons) or 'no signal'}"
        for lora_id, reasons in said.items()
    ]
    return "\n".join([*decided, "", *listed])


def _text(value: Any) -> str:
    """A text that Markdown takes for no mark-up."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>()#+!|~&" else c for c in " ".join(str(value).split()))

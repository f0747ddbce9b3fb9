"""One decision about several LoRAs that a person approves before it is recorded (`dags/decide_batch.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.ledger.canonical import content_hash, without_nulls
from carlos_tasks.moderation.approval import Approval, ApprovedBatch
from carlos_tasks.moderation.cases import CaseFile, concept_named, steps_of
from carlos_tasks.moderation.decision_row import decision_row
from carlos_tasks.moderation.decisions import decide_many, whole_ids
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.settings import Settings
from carlos_tasks.untrusted.text import clean_line

#: What one approval can be given for: more than that nobody looks at.
MOST = 200
_LONGEST_NAME = 100


@dataclass(frozen=True)
class BatchRequest:
    """What is to be decided about which LoRAs; the fields are those of `DecisionDraft`."""

    lora_ids: tuple[str, ...]
    action: str
    reasons: str = ""
    ground: str | None = None
    ground_reference: str | None = None
    concept: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class PreparedBatch:
    """A request with whole ids, the snapshot that its evidence is read at, and what people are asked (Markdown)."""

    request: BatchRequest
    snapshot_id: int
    subject: str
    body: str

    @property
    def content_hash(self) -> str:
        """SHA-256 of what is approved: the LoRAs, the decision, and the snapshot that the evidence is read at."""
        return content_hash(without_nulls(vars(self.request)) | {"snapshot_id": self.snapshot_id})


@dataclass(frozen=True)
class RecordedBatch:
    """The decisions that were recorded, in the order of the LoRAs, and in whose name."""

    n_decisions: int
    analyst: str
    decision_ids: tuple[str, ...]


def prepare_batch(settings: Settings, request: BatchRequest) -> PreparedBatch:
    """Check what is to be decided, and say it to whoever is to approve it; writes nothing.

    Raises:
        PermanentError: what is asked for can never be right, or does not fit what the lake knows.
    """
    lora_ids = list(request.lora_ids)
    try:
        if not 1 <= len(lora_ids) <= MOST:
            raise CarlosError(f"{len(lora_ids)} LoRAs: name 1 to {MOST} in one batch")
        for lora_id in lora_ids:
            _draft(lora_id, request, "whoever approves", None)
        with connect(settings) as con, lake_errors():
            snapshot = snapshot_id(con)
            whole = whole_ids(con, lora_ids)
            concept = concept_named(con, request.concept) if request.concept else {}
            steps = steps_of(con, whole)
            for lora_id in whole:
                case = CaseFile(lora_id, False, tuple(steps.get(lora_id, ())), (), (), ())
                decision_row(_draft(lora_id, request, "whoever approves", None), case, case, concept, None)
            signals = rows(con, statement("ask/moderation/signals_of"), {"lora_ids": whole})
            named = rows(con, statement("ask/moderation/names_of"), {"lora_ids": whole})
    except CarlosError as exc:
        raise PermanentError(str(exc)) from exc
    names = {row["lora_id"]: row["name"] for row in named}
    return PreparedBatch(
        request=replace(request, lora_ids=tuple(whole)),
        snapshot_id=snapshot,
        subject=f"{request.action}: {len(whole)} {'LoRA' if len(whole) == 1 else 'LoRAs'}",
        body=_body(request, {lora_id: names.get(lora_id) for lora_id in whole}, signals),
    )


def record_batch(settings: Settings, batch: PreparedBatch, approval: Approval, batch_id: str) -> RecordedBatch:
    """Record what was approved, and who approved it, in that person's name; the same batch is written once.

    Args:
        settings: where the lake and the images lie.
        batch: what `prepare_batch` returned.
        approval: the answer of whoever was asked.
        batch_id: id of the run.

    Raises:
        PermanentError: nobody is known to have approved it, or it does not fit what the lake knows by now.
        PassingError: the lake did not take it; nothing was written.
    """
    analyst = approval.user_name or approval.user_id
    if not approval.is_approved or not analyst:
        raise PermanentError("nobody has approved the batch: nothing is recorded")
    drafts = [_draft(lora_id, batch.request, analyst, batch.snapshot_id) for lora_id in batch.request.lora_ids]
    try:
        recorded = decide_many(settings, drafts, ApprovedBatch(batch_id, batch.content_hash, approval))
    except PassingError:
        raise
    except CarlosError as exc:
        raise PermanentError(str(exc)) from exc
    return RecordedBatch(len(recorded), analyst, tuple(row["decision_id"] for row in recorded))


def _draft(lora_id: str, request: BatchRequest, analyst: str, snapshot: int | None) -> DecisionDraft:
    return DecisionDraft(
        lora_id,
        request.action,
        analyst,
        snapshot_id=snapshot,
        reasons=request.reasons or None,
        ground=request.ground or None,
        ground_reference=request.ground_reference or None,
        concept=request.concept or None,
        category=request.category or None,
    )


def _body(request: BatchRequest, names: Mapping[str, str | None], signals: list[Row]) -> str:
    """What would be decided, as Markdown; names and what signals say come from outside, and are text all the same."""
    said: dict[str, list[str]] = {lora_id: [] for lora_id in names}
    for signal in signals:
        said[signal["lora_id"]].append(_text(signal["detail"]))
    decided = [f"- {name}: {_text(value)}" for name, value in vars(request).items() if name != "lora_ids" and value]
    listed = [
        f"- {_text(clean_line(names[lora_id], _LONGEST_NAME) or '(no name)')} `{lora_id[:12]}`: "
        f"{'; '.join(reasons) or 'no signal'}"
        for lora_id, reasons in said.items()
    ]
    return "\n".join([*decided, "", *listed])


def _text(value: Any) -> str:
    """A text that Markdown takes for no mark-up."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>()#+!|~&" else c for c in " ".join(str(value).split()))

"""Taking in complaints from outside: what they say, when they came in, and when they have to be decided."""

import uuid
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.chain import moment
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.moderation.cases import concept_named, whole_id
from carlos_tasks.moderation.drafts import NoticeDraft
from carlos_tasks.moderation.recording import Scribe, record
from carlos_tasks.settings import Settings

#: Hours from a notice to its decision, by what it complains of: 48 for intimate images that the person shown has not
#: agreed to (TAKE IT DOWN Act). A concept that the notice names may ask for fewer.
DUE_HOURS = {"ncii": 48.0}

_NOTICE: pa.Schema = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("notice_id", "lora_id", "category", "sender_kind")),
        *(pa.field(name, pa.string()) for name in ("policy", "concept_id", "sender", "text")),
        pa.field("received_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("due_at", pa.timestamp("us", tz="UTC")),
        pa.field("recorded_by", pa.string(), nullable=False),
    ]
)
_APPENDED = ("add_notices", "received", _NOTICE)


def add_notice(settings: Settings, draft: NoticeDraft, signer: Signer | None = None) -> Row:
    """Take a complaint in, in one commit; its LoRA is in the queue then.

    Args:
        settings: where the lake lies.
        draft: the complaint.
        signer: the key of who takes it in, if it is at hand.

    Returns:
        Its row of core.notice.

    Raises:
        NotFound: the LoRA or the lake is not there.
        CarlosError: no concept, or more than one, has the name that the complaint gives.
        PermanentError: a key may not sign this, or one is missing; nothing was written.
        PassingError: the lake did not take it; nothing was written.
    """
    scribe = Scribe(settings, signer)
    notice_id = uuid.uuid4().hex

    def write(con: duckdb.DuckDBPyConnection, facts: Row) -> Row:
        concept = concept_named(con, draft.concept) if draft.concept else {}
        row = {
            "notice_id": notice_id,
            "lora_id": whole_id(con, draft.lora_id),
            "category": draft.category,
            "policy": concept.get("policy"),
            "concept_id": concept.get("concept_id"),
            "sender_kind": draft.sender_kind,
            "sender": draft.sender,
            "text": draft.text,
            "received_at": draft.received,
            "due_at": due_at(draft, concept.get("due_hours")),
            "recorded_by": draft.recorded_by.strip(),
        }
        facts["n_notices"] = scribe.append(con, facts, "notice", _APPENDED, {notice_id: row}, moment(con))
        (written,) = rows(con, "from core.notice where notice_id = $notice_id", {"notice_id": notice_id})
        return written

    return record(settings, "notice", write)


def due_at(draft: NoticeDraft, due_hours: float | None) -> datetime | None:
    """When a complaint has to be decided: the fewest hours that its category or its concept gives, or no limit."""
    hours = [given for given in (DUE_HOURS.get(draft.category), due_hours) if given is not None]
    return draft.received + timedelta(hours=min(hours)) if hours else None

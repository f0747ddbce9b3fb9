"""Recording decisions: checked against what the lake knows, appended and entered in one commit, never changed later.

Whoever decides names the snapshot that the evidence was read at (the newest one, unless told otherwise), so that what
was known can be asked later on: `carlos sql --snapshot N`. A takedown hides the LoRA from search at the next question
(`mart.removed`), and what is the same as it is in the queue at once (`mart.signal_removed_duplicate`).
"""

import uuid
from collections.abc import Iterable, Sequence

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.ledger.chain import moment
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.moderation.approval import ApprovedBatch
from carlos_tasks.moderation.cases import CaseFile, case_files, concept_named, whole_id
from carlos_tasks.moderation.decision_row import APPROVAL, DECISION, decision_id, decision_row
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.moderation.recording import Scribe, ids_of, record
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore

#: How the rows of core.decision and core.approval are appended.
_DECISIONS = ("add_decisions", "drafted", DECISION)
_APPROVALS = ("add_approvals", "approved", APPROVAL)


def decide(settings: Settings, draft: DecisionDraft, signer: Signer | None = None) -> Row:
    """Record one step; returns and raises as `decide_many`."""
    (row,) = decide_many(settings, [draft], signer=signer)
    return row


def decide_many(
    settings: Settings,
    drafts: Sequence[DecisionDraft],
    approved: ApprovedBatch | None = None,
    *,
    signer: Signer | None = None,
) -> list[Row]:
    """Record several steps in one commit, with their entries in the chain: all of them, or none.

    Args:
        settings: where the lake and the kept images lie, and whose evidence is read (the profile).
        drafts: one for each LoRA.
        approved: what they were approved together as; a batch is written once, however often it is run.
        signer: the key of the analyst who decides, if it is at hand; every draft is that person's.

    Returns:
        Rows of `mart.decision` in the order of the drafts, with how each is held (`mart.decision_signature`).

    Raises:
        NotFound: a LoRA, a snapshot or the lake is not there.
        PermanentError: something else was recorded as this batch; or a key may not sign this, or one is missing.
        SettingsError: CARLOS_SIGNING_KEY names no usable key.
        CarlosError: a draft does not fit what the lake knows; the message says how.
        PassingError: the lake did not take it; nothing was written.
    """
    if not drafts:
        raise CarlosError("there is nothing to decide: name a LoRA")

    # One for all tries: a try whose answer was lost may have been written, and the next one finds it.
    batch_id = approved.batch_id if approved else None
    recording_id = batch_id or uuid.uuid4().hex
    scribe = Scribe(settings, signer)

    def write(con: duckdb.DuckDBPyConnection, facts: Row) -> list[Row]:
        lora_ids = whole_ids(con, [draft.lora_id for draft in drafts])
        meant = dict(zip(lora_ids, drafts, strict=True))
        ids = {lora_id: decision_id(recording_id, lora_id, draft.action) for lora_id, draft in meant.items()}
        recorded = _written(con, batch_id, ids.values())
        if recorded:
            _same_batch(recorded, meant, batch_id)
        else:
            recorded = _decided(con, settings, meant, ids, batch_id)
            at = moment(con)
            if approved:
                scribe.append(con, facts, "approval", _APPROVALS, {approved.batch_id: approved.row()}, at)
            n_decisions = scribe.append(con, facts, "decision", _DECISIONS, ids_of(recorded, "decision_id"), at)
            facts |= {"n_decisions": n_decisions, "batch_id": batch_id}
        return _as_written(con, lora_ids, {row["decision_id"] for row in recorded})

    return record(settings, "decide", write)


def still_there(settings: Settings, recorded: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Tell who decided what is left to look at.

    Args:
        settings: where the lake lies.
        recorded: what `decide_many` returned.

    Returns:
        What is the same as the LoRAs that were taken down (of_id, kind, lora_id, name, cosine, listed_at); and the
        rows of `mart.removed` of those that a label, a no_action or an overturned decision leaves out of search:
        another decision stands.
    """
    down = [row["lora_id"] for row in recorded if row["action"] == "takedown"]
    kept = [row["lora_id"] for row in recorded if row["action"] in ("label", "no_action", "overturn")]
    with connect(settings) as con, lake_errors():
        copies = rows(con, statement("ask/moderation/copies_of"), {"lora_ids": down}) if down else []
        removed = rows(con, statement("ask/moderation/removed_of"), {"lora_ids": kept}) if kept else []
    return copies, removed


def whole_ids(con: duckdb.DuckDBPyConnection, named: Sequence[str]) -> list[str]:
    """The LoRAs that ids, or their first digits, name.

    Raises:
        NotFound: one of them names none, or more than one.
        CarlosError: two of them name the same.
    """
    lora_ids = [whole_id(con, lora_id) for lora_id in named]
    twice = next((lora_id for lora_id in lora_ids if lora_ids.count(lora_id) > 1), None)
    if twice:
        raise CarlosError(f"LoRA {twice[:12]} is named twice: decide once on each LoRA")
    return lora_ids


def _written(con: duckdb.DuckDBPyConnection, batch_id: str | None, ids: Iterable[str]) -> list[Row]:
    """What an earlier run of the same batch has written, or an earlier try."""
    query = (
        "select decision_id, lora_id, action from core.decision "
        "where batch_id = $batch_id or decision_id in (select unnest($ids::varchar[]))"
    )
    return rows(con, query, {"batch_id": batch_id, "ids": list(ids)})


def _same_batch(recorded: Sequence[Row], drafts: dict[str, DecisionDraft], batch_id: str | None) -> None:
    if {row["lora_id"]: row["action"] for row in recorded} != {lora_id: one.action for lora_id, one in drafts.items()}:
        raise PermanentError(f"another batch was recorded as {batch_id}: nothing of this one is; use another id")


def _decided(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    drafts: dict[str, DecisionDraft],
    ids: dict[str, str],
    batch_id: str | None,
) -> list[Row]:
    """Rows of core.decision, but for their time; drafts, and ids of the steps, by whole id of the LoRA."""
    profile_id = load_profile(settings.profile).profile_id
    newest = snapshot_id(con)
    store = open_store(settings.store)
    known = case_files(con, store, profile_id, drafts)
    past: dict[int | None, dict[str, CaseFile]] = {}
    for snapshot in {draft.snapshot_id for draft in drafts.values() if draft.snapshot_id not in (None, newest)}:
        its_loras = [lora_id for lora_id, draft in drafts.items() if draft.snapshot_id == snapshot]
        past[snapshot] = _case_files_at(settings, profile_id, snapshot, its_loras)
    recorded = []
    for lora_id, draft in drafts.items():
        seen = past.get(draft.snapshot_id, known)[lora_id]
        concept = concept_named(con, draft.concept) if draft.concept else {}
        _check_evidence(store, draft.evidence or (), seen)
        row = decision_row(draft, known[lora_id], seen, concept, batch_id)
        row["decision_id"] = ids[lora_id]
        row["snapshot_id"] = newest if draft.snapshot_id is None else draft.snapshot_id
        row["profile_id"] = profile_id if seen.is_measured else None
        recorded.append(row)
    return recorded


def _check_evidence(store: ObjectStore, named: Sequence[str], seen: CaseFile) -> None:
    """Refuse what nobody could look up later on."""
    of_case = {*seen.evidence(), *(f"notice/{notice['notice_id']}" for notice in seen.notices)}
    for entry in named:
        if entry not in of_case and not _is_kept(store, entry):
            raise CarlosError(
                f"{entry[:80]!r} is no evidence on LoRA {seen.lora_id[:12]}: name a signal or a notice of its case, "
                "or a key of the store"
            )


def _is_kept(store: ObjectStore, key: str) -> bool:
    try:
        return store.exists(key)
    except ValueError:  # it is no key
        return False


def _case_files_at(
    settings: Settings, profile_id: str, snapshot: int | None, lora_ids: Sequence[str]
) -> dict[str, CaseFile]:
    """What stood on record at a snapshot."""
    with connect(settings, snapshot=snapshot) as con, lake_errors():
        try:
            for lora_id in lora_ids:
                whole_id(con, lora_id)
            return case_files(con, open_store(settings.store), profile_id, lora_ids)
        except NotFound as exc:
            raise NotFound(f"at snapshot {snapshot}, {exc}") from exc
        except duckdb.CatalogException as exc:
            raise CarlosError(f"snapshot {snapshot} is of before cases were kept: name a later one") from exc


def _as_written(con: duckdb.DuckDBPyConnection, lora_ids: Sequence[str], decision_ids: set[str]) -> list[Row]:
    steps = rows(con, statement("ask/moderation/steps_of"), {"lora_ids": list(lora_ids)})
    held = rows(con, statement("ask/moderation/signatures_of"), {"decision_ids": list(decision_ids)})
    by_id = {row.pop("decision_id"): row for row in held}
    by_lora = {step["lora_id"]: step | by_id[step["decision_id"]] for step in steps if step["decision_id"] in by_id}
    return [by_lora[lora_id] for lora_id in lora_ids if lora_id in by_lora]

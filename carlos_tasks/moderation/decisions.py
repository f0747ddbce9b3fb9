"""Signing decisions: checked against what the lake knows, appended in one commit, never changed afterwards.

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
from carlos_tasks.moderation.cases import CaseFile, case_files, concept_named, whole_id
from carlos_tasks.moderation.drafts import DecisionDraft
from carlos_tasks.moderation.signed_row import DECISION, decision_id, signed_row
from carlos_tasks.moderation.signing import append, sign
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore


def decide(settings: Settings, draft: DecisionDraft) -> Row:
    """Sign one step; returns and raises as `decide_many`."""
    (row,) = decide_many(settings, [draft])
    return row


def decide_many(settings: Settings, drafts: Sequence[DecisionDraft], batch_id: str | None = None) -> list[Row]:
    """Sign several steps in one commit: all of them, or none.

    Args:
        settings: where the lake and the kept images lie, and whose evidence is read (the profile).
        drafts: one for each LoRA.
        batch_id: what they were approved together as; a batch is written once, however often it is run.

    Returns:
        Rows of `mart.decision` in the order of the drafts.

    Raises:
        NotFound: a LoRA, a snapshot or the lake is not there.
        PermanentError: something else was signed as this batch.
        CarlosError: a draft does not fit what the lake knows; the message says how.
        PassingError: the lake did not take it; nothing was written.
    """
    if not drafts:
        raise CarlosError("there is nothing to decide: name a LoRA")

    # One for all tries: a try whose answer was lost may have been written, and the next one finds it.
    signing_id = batch_id or uuid.uuid4().hex

    def write(con: duckdb.DuckDBPyConnection, facts: Row) -> list[Row]:
        lora_ids = whole_ids(con, [draft.lora_id for draft in drafts])
        meant = dict(zip(lora_ids, drafts, strict=True))
        ids = {lora_id: decision_id(signing_id, lora_id, draft.action) for lora_id, draft in meant.items()}
        signed = _written(con, batch_id, ids.values())
        if signed:
            _same_batch(signed, meant, batch_id)
        else:
            signed = _sign(con, settings, meant, ids, batch_id)
            facts |= {"n_decisions": append(con, "add_decisions", "signed", DECISION, signed), "batch_id": batch_id}
        return _as_written(con, lora_ids, {row["decision_id"] for row in signed})

    return sign(settings, "decide", write)


def still_there(settings: Settings, signed: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Tell who signed what is left to look at.

    Args:
        settings: where the lake lies.
        signed: what `decide_many` returned.

    Returns:
        What is the same as the LoRAs that were taken down (of_id, kind, lora_id, name, cosine, listed_at); and the
        rows of `mart.removed` of those that a label, a no_action or an overturned decision leaves out of search:
        another decision stands.
    """
    down = [row["lora_id"] for row in signed if row["action"] == "takedown"]
    kept = [row["lora_id"] for row in signed if row["action"] in ("label", "no_action", "overturn")]
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
        raise CarlosError(f"LoRA {twice[:12]} is named twice: sign one step for each LoRA")
    return lora_ids


def _written(con: duckdb.DuckDBPyConnection, batch_id: str | None, ids: Iterable[str]) -> list[Row]:
    """What an earlier run of the same batch has written, or an earlier try."""
    query = (
        "select decision_id, lora_id, action from core.decision "
        "where batch_id = $batch_id or decision_id in (select unnest($ids::varchar[]))"
    )
    return rows(con, query, {"batch_id": batch_id, "ids": list(ids)})


def _same_batch(signed: Sequence[Row], drafts: dict[str, DecisionDraft], batch_id: str | None) -> None:
    if {row["lora_id"]: row["action"] for row in signed} != {lora_id: one.action for lora_id, one in drafts.items()}:
        raise PermanentError(f"another batch was signed as {batch_id}: nothing of this one is; run it under another id")


def _sign(
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
    signed = []
    for lora_id, draft in drafts.items():
        seen = past.get(draft.snapshot_id, known)[lora_id]
        concept = concept_named(con, draft.concept) if draft.concept else {}
        _check_evidence(store, draft.evidence or (), seen)
        row = signed_row(draft, known[lora_id], seen, concept, batch_id)
        row["decision_id"] = ids[lora_id]
        row["snapshot_id"] = newest if draft.snapshot_id is None else draft.snapshot_id
        row["profile_id"] = profile_id if seen.is_measured else None
        signed.append(row)
    return signed


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
    by_lora = {step["lora_id"]: step for step in steps if step["decision_id"] in decision_ids}
    return [by_lora[lora_id] for lora_id in lora_ids if lora_id in by_lora]

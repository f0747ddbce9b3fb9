"""The attribution report: page, PDF, tables and an evidence bundle, all of one snapshot of the lake."""

import hashlib
from datetime import datetime
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from carlos_tasks.aliases import Json, Row
from carlos_tasks.attribution.attribute import attribute_in, one_state
from carlos_tasks.attribution.attribution import Q_FLAGGED, Attribution
from carlos_tasks.attribution.reference import Reference
from carlos_tasks.attribution.reference_pictures import picture_bytes
from carlos_tasks.embedding.image_files import picture_format
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake import catalog
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import taken_down
from carlos_tasks.ledger.chain import head
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.attribution.evidence import MAX_SHOWN, kept_images, shown_loras, shown_numbers
from carlos_tasks.reports.attribution.page import N_RANKED, page_context
from carlos_tasks.reports.attribution.words import WORDING, finding
from carlos_tasks.reports.bundles.document import Document, State, made_now, write_sealed
from carlos_tasks.reports.bundles.evidence_pictures import evidence_pairs_of
from carlos_tasks.reports.bundles.tables import arrow_table
from carlos_tasks.retrieval.session import open_session
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store

NAME = "attribution"
#: Pairs of pictures of each LoRA on the page; the bundle has all that are kept.
N_PAIRS = 4
_PICTURE_COLUMNS = ("name", "sha256", "bytes", "width", "height", "is_used", "reason")


def write_attribution(
    settings: Settings,
    reference: Reference,
    out: Path,
    k: int = 20,
    *,
    snapshot: int | None = None,
    with_pictures: bool = False,
) -> Json:
    """Write the report to a folder; returns its manifest (`carlos_tasks.reports.bundles.document.write_sealed`).

    The same reference, snapshot and k give the same tables, vectors and images, byte for byte.

    Args:
        settings: where the lake lies, the profile and the device.
        reference: what is asked about.
        out: the folder; made if it is not there.
        k: LoRAs that are shown by themselves, from 0 to MAX_SHOWN, besides those that are flagged.
        snapshot: state of the lake; None: as it is now.
        with_pictures: copy the reference pictures as well; else only their hashes.

    Raises:
        NotFound: there is no lake, no such snapshot or LoRA, or nothing is measured under the profile.
        CarlosError: k is out of range, the reference set cannot be used, or the folder cannot be written.
    """
    document = attribution_report(settings, reference, k, snapshot=snapshot, with_pictures=with_pictures)
    return write_sealed(settings, document, out)


def attribution_report(
    settings: Settings,
    reference: Reference,
    k: int = 20,
    *,
    snapshot: int | None = None,
    with_pictures: bool = False,
    now: datetime | None = None,
) -> Document:
    """Make the report; as `write_attribution`. `now`: what the manifest says when it was made."""
    if not 0 <= k <= MAX_SHOWN:
        raise CarlosError(f"k = {k}: a report shows from 0 to {MAX_SHOWN} LoRAs by themselves; its tables have all")
    profile = load_profile(settings.profile)
    with open_session(settings, snapshot=snapshot) as con, lake_errors(), one_state(con):
        attribution = attribute_in(con, settings, profile, reference, k)
        shown = shown_loras(con, attribution, shown_numbers(attribution, k))
        names = _names(con, attribution)
    store = open_store(settings.store)
    with catalog.connect(settings) as now_con, lake_errors():
        removed, last = taken_down(now_con), head(now_con)
    lora_ids = [lora["lora_id"] for lora in shown]
    pictured = [lora_id for lora_id in lora_ids if lora_id not in removed]
    made_at = now or made_now(attribution.committed_at, last)
    state = State(profile.name, profile.profile_id, attribution.snapshot_id, attribution.committed_at, made_at, last)
    tables = _tables(attribution, shown)
    facts = state.facts() | _facts(attribution) | {"k": k, "with_pictures": with_pictures}
    pictures = dict.fromkeys(lora_ids, ()) | evidence_pairs_of(store, profile.profile_id, pictured, N_PAIRS)
    context = page_context(attribution, shown, names, pictures)
    context |= {"state": state, "with_pictures": with_pictures, "taken_down": removed}
    files = kept_images(store, profile.profile_id, pictured) | {"reference/vectors.json": _vectors(attribution)}
    if with_pictures:
        files |= _picture_files(attribution)
    return Document(NAME, "attribution.html.j2", facts, tables, context, files)


def _names(con: duckdb.DuckDBPyConnection, attribution: Attribution) -> dict[str, str]:
    """Names of the LoRAs of the ranking, for people."""
    first = [attribution.measured.loras[number]["lora_id"] for number in attribution.order[:N_RANKED]]
    found = con.execute(
        "select lora_id, name from mart.lora_listing where lora_id in (select unnest($lora_ids::varchar[]))",
        {"lora_ids": first},
    )
    return {lora_id: name for lora_id, name in found.fetchall() if name}


def _facts(attribution: Attribution) -> Json:
    """What the JSON and the manifest say besides the state of the lake."""
    reference = attribution.reference
    return {
        "summary": {
            "n_compared": len(attribution.order),
            "n_flagged": int(attribution.is_flagged.sum()),
            "q_flagged": Q_FLAGGED,
            "n_tests": attribution.n_tests,
            "finding": finding(attribution),
        },
        "reference": {
            "title": reference.title,
            "rights_holder": reference.rights_holder,
            "provenance": reference.provenance,
            "licence": reference.licence,
            "collected_at": reference.collected_at.isoformat() if reference.collected_at else None,
            "texts": list(reference.texts),
            "lora_ids": [i for comparison in attribution.comparisons for i in comparison.basis.lora_ids],
            "n_pictures_used": sum(row["is_used"] for row in attribution.picture_rows),
            "n_pictures_left_out": sum(not row["is_used"] for row in attribution.picture_rows),
        },
        "neutral_texts": None
        if attribution.policy is None
        else {
            "policy": attribution.policy.head.policy,
            "policy_version": attribution.policy.head.version,
            "null_id": attribution.policy.null_id,
        },
        "wording": WORDING,
    }


def _tables(attribution: Attribution, shown: list[Row]) -> dict[str, pa.Table]:
    near = [
        {"lora_id": lora["lora_id"], "other_id": other["lora_id"]}
        | {k: other[k] for k in ("name", "creator", "cosine")}
        for lora in shown
        for other in lora["nearest"]
    ]
    pictures = [{name: row[name] for name in _PICTURE_COLUMNS} for row in attribution.picture_rows]
    few = {"claims": [lora["claims"] for lora in shown], "nearest": near, "reference": pictures}
    return {"attribution": attribution.table} | {name: arrow_table(rows) for name, rows in few.items() if rows}


def _vectors(attribution: Attribution) -> bytes:
    """The reference directions and what was taken away of them, so that every similarity can be computed anew."""
    content = {
        comparison.basis.kind: {
            "direction": comparison.basis.vector.tolist(),
            "shared_mean": comparison.shared.mean.tolist(),
            "shared_axes": comparison.shared.axes.tolist(),
        }
        for comparison in attribution.comparisons
    }
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def _picture_files(attribution: Attribution) -> dict[str, bytes]:
    used = {row["name"]: row["sha256"] for row in attribution.picture_rows if row["is_used"]}
    files = {}
    for file in attribution.reference.pictures:
        if file.name in used:
            data = picture_bytes(file)
            if hashlib.sha256(data).hexdigest() != used[file.name]:
                raise CarlosError(f"{file.name} changed while the report was made: run it again")
            # What the bytes are, not what the name says: a picture may be called page.html, and be that as well.
            files[f"reference/pictures/{used[file.name]}.{picture_format(data).lower()}"] = data
    return files

"""What the page of an attribution report shows, as its template reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.attribution.attribution import Q_FLAGGED, Attribution
from carlos_tasks.calibration.similarity import DIMENSIONS_PER_AXIS, KIN_COSINE, N_NULL
from carlos_tasks.calibration.text_null import SAME_COSINE
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.reports.attribution.words import WORDING, correlation, finding, sureness
from carlos_tasks.reports.bundles.charts import MAX_POINTS, quadrants
from carlos_tasks.reports.bundles.evidence_pictures import PairPicture

#: Rows of the ranking on the page; the tables have all.
N_RANKED = 40


def page_context(
    attribution: Attribution, shown: list[Row], names: dict[str, str], pictures: Mapping[str, Sequence[PairPicture]]
) -> dict[str, Any]:
    """All that the template reads.

    Args:
        attribution: what was found.
        shown: the LoRAs that are shown by themselves (`evidence.shown_loras`).
        names: of LoRAs of the ranking, by lora_id.
        pictures: kept pairs of those that are shown, by lora_id.
    """
    measured = attribution.measured
    labels = {measured.place[lora["lora_id"]]: str(lora["rank"]) for lora in shown}
    ranked = attribution.table.slice(0, min(N_RANKED, len(attribution.order))).to_pylist()
    count = len(measured.loras)
    return {
        "reference": attribution.reference,
        "picture_rows": attribution.picture_rows,
        "finding": finding(attribution),
        "sureness": sureness(attribution),
        "wording": WORDING,
        "main": attribution.main,
        "n_members": {each.basis.kind: len(each.basis.members) for each in attribution.comparisons},
        "n_compared": len(attribution.order),
        "n_flagged": int(attribution.is_flagged.sum()),
        "n_flagged_shown": sum(lora["is_flagged"] for lora in shown),
        "n_tests": attribution.n_tests,
        "q_flagged": Q_FLAGGED,
        "ranked": [row | {"name": names.get(row["lora_id"]), "is_flagged": _is_flagged(row)} for row in ranked],
        "shown": shown,
        "pictures": pictures,
        "points": quadrants(
            attribution.strength_percentile,
            attribution.consistency_percentile,
            attribution.is_flagged,
            labels,
            [lora["lora_id"][:12] for lora in measured.loras],
        ),
        "n_points_of": (min(count, MAX_POINTS + len(labels)), count),
        "correlation": correlation(attribution),
        "profile": _profile(attribution.profile),
        "policy": attribution.policy,
        "n_null": N_NULL,
        "kin_cosine": KIN_COSINE,
        "same_text_cosine": SAME_COSINE,
        "n_axes": len(measured.field.shared.axes),
        "dimensions_per_axis": DIMENSIONS_PER_AXIS,
    }


def _is_flagged(row: Row) -> bool:
    return row["q"] is not None and row["q"] <= Q_FLAGGED


def _profile(profile: Profile) -> list[tuple[str, str]]:
    """How the pictures were made that the LoRAs were measured by."""
    use = profile.identity
    sampler = use.sampler
    seeds = ", ".join(map(str, use.seeds[:20])) + (f" and {len(use.seeds) - 20} more" if len(use.seeds) > 20 else "")
    encoder = use.encoder
    return [
        ("profile", f"{profile.name} ({profile.profile_id})"),
        ("backbone", f"{use.backbone.uri}, revision {use.backbone.revision}, {use.backbone.dtype}"),
        ("sampler", f"{sampler.scheduler}, {sampler.steps} steps, guidance {sampler.guidance_scale:g}"),
        ("size", f"{sampler.width_px} × {sampler.height_px} pixels"),
        ("LoRA scale", f"{use.lora.scale:g}; trigger words: {use.lora.trigger_words}"),
        ("prompts", f"{use.prompts.uri}, SHA-256 {use.prompts.sha256}"),
        ("seeds", seeds),
        ("encoder", f"{encoder.model}, {encoder.pretrained or encoder.revision}"),
    ]

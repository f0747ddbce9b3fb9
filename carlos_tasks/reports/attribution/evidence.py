"""What a report says of each LoRA that it shows: how it compares, what it resembles, what is claimed of it."""

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.attribution.attribution import Attribution
from carlos_tasks.attribution.comparison import Comparison
from carlos_tasks.lake.evidence import image_keys
from carlos_tasks.reports.attribution.claims import read_claims
from carlos_tasks.reports.bundles.charts import histogram
from carlos_tasks.reports.bundles.evidence_pictures import kept_image
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.store.objects import ObjectStore

N_NEAREST = 5
#: LoRAs that can be asked to be shown by themselves.
MAX_SHOWN = 50
#: Those that are flagged are shown as well, until so many LoRAs are.
FLAGGED_SHOWN = 30


def shown_numbers(attribution: Attribution, k: int) -> list[int]:
    """Numbers of the LoRAs that are shown, in the order of the ranking: the first k, and flagged ones behind them."""
    first = attribution.order[:k].tolist()
    flagged = [n for n in attribution.order[k:].tolist() if attribution.is_flagged[n]]
    return [*first, *flagged[: max(0, FLAGGED_SHOWN - len(first))]]


def shown_loras(con: duckdb.DuckDBPyConnection, attribution: Attribution, numbers: Sequence[int]) -> list[Row]:
    """A row for each LoRA that is shown, with all that the page says of it but its pictures.

    Args:
        con: the lake, in the state that the attribution is of.
        attribution: what was found.
        numbers: which LoRAs.
    """
    measured = attribution.measured
    near = {number: nearest(attribution, number) for number in numbers}
    ids = {measured.loras[other]["lora_id"] for rows in near.values() for other, _ in rows}
    claims = read_claims(con, sorted(ids | {measured.loras[number]["lora_id"] for number in numbers}))
    ranks = {int(number): rank for rank, number in enumerate(attribution.order, start=1)}
    return [
        measured.loras[number]
        | {
            "rank": ranks[number],
            "is_flagged": bool(attribution.is_flagged[number]),
            "strength_percentile": float(attribution.strength_percentile[number]),
            "consistency_percentile": float(attribution.consistency_percentile[number]),
            "comparisons": [compared(attribution, comparison, number) for comparison in attribution.comparisons],
            "claims": claims[measured.loras[number]["lora_id"]],
            "nearest": [_near(measured.loras[other], claims, cosine) for other, cosine in near[number]],
        }
        for number in numbers
    ]


def compared(attribution: Attribution, comparison: Comparison, number: int) -> Row:
    """How one LoRA came out in one comparison, with the drawing of its null."""
    low, high = _told(comparison.low[number]), _told(comparison.high[number])
    similarity = _told(comparison.similarity[number])
    null = comparison.null_of(attribution.measured, number)
    return {
        "basis": comparison.basis.kind,
        "null_kind": comparison.null_kind,
        "similarity": similarity,
        "low": low,
        "high": high,
        "percentile": _told(comparison.percentile[number]),
        "z": _told(comparison.told.z[number]),
        "p": _told(comparison.told.p[number]),
        "p_counted": _told(comparison.told.p_counted[number]),
        "n_null": int(comparison.told.n_null[number]),
        "q": _told(comparison.q[number]),
        "chart": None if similarity is None else histogram(null, similarity, low, high),
    }


def nearest(attribution: Attribution, number: int) -> list[tuple[int, float]]:
    """The LoRAs that do most nearly the same as one, by the plain cosine of their Directions: numbers and cosines."""
    units = attribution.measured.field.units
    cosines = units @ units[number]
    cosines[number] = -np.inf
    n_others = min(N_NEAREST, len(cosines) - 1)
    best = np.argpartition(-cosines, n_others - 1)[:n_others] if n_others else np.zeros(0, np.intp)
    # Ties by number, which is by lora_id.
    order = best[np.lexsort((best, -cosines[best]))]
    return [(int(other), float(cosines[other])) for other in order]


def kept_images(store: ObjectStore, profile_id: str, lora_ids: Sequence[str]) -> dict[str, bytes]:
    """The kept images of some LoRAs and those of the bare backbone of the same pairs, by their path in a bundle.

    One that is gone, or is no picture, is left out.
    """
    kept = image_keys(store, profile_id, [BASELINE, *lora_ids])
    pairs = {pair for lora_id in lora_ids for pair in kept[lora_id]}
    kept[BASELINE] = {pair: key for pair, key in kept[BASELINE].items() if pair in pairs}
    read = {
        f"evidence/{lora_id}/{pair}.webp": kept_image(store, key)
        for lora_id, keys in kept.items()
        for pair, key in keys.items()
    }
    return {path: image[0] for path, image in read.items() if image is not None}


def _near(lora: Row, claims: dict[str, Row], cosine: float) -> Row:
    claim: dict[str, Any] = claims[lora["lora_id"]]
    return {"lora_id": lora["lora_id"], "name": claim["name"], "creator": claim["creator"], "cosine": cosine}


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

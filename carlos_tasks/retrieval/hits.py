"""From a ranking to the rows that people read: parts of the score, near-duplicates, errors, facts and images."""

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Mask
from carlos_tasks.lake.evidence import Evidence, evidence
from carlos_tasks.profiles.compared import Compared
from carlos_tasks.retrieval.memory_index import MemoryIndex
from carlos_tasks.retrieval.query import Query
from carlos_tasks.retrieval.ranking import Ranked
from carlos_tasks.retrieval.uncertainty import read_prompt_sums, score_se, shares_in_top
from carlos_tasks.store.objects import Objects

#: Hits up to which errors, stability and images are looked up: each takes the differences of four LoRAs, prompt by
#: prompt, and a listing of the object store.
MOST_LOOKED_UP = 100
# Near-duplicates that a hit names, and hits that are compared with the whole index in one pass.
_ALIKE_SHOWN, _AT_ONCE = 50, 16


def hit_rows(
    index: MemoryIndex, store: Objects, compared: Mapping[str, Compared], query: Query, hits: Ranked
) -> list[Row]:
    """Rows of hits, best first, with everything but errors and near-duplicates.

    Args:
        index: where their facts are.
        store: where their images are.
        compared: the profiles that are ranked, by id.
        query: what is asked for.
        hits: the hits.
    """
    facts, keys = index.facts(hits.rows), index.directions.keys_of(hits.rows)
    images = _images(store, keys) if len(hits) <= MOST_LOOKED_UP else {}
    cosines, contributions = query.part_cosines(hits.cosines), query.contributions(hits.cosines)
    found = []
    for place, (profile_id, lora_id) in enumerate(keys):
        parts = [
            {
                "asked": part.asked,
                "weight": part.weight,
                "cosine": float(cosines[place, number]),
                "contribution": float(contributions[place, number]),
            }
            for number, part in enumerate(query.parts)
        ]
        shown = facts[int(hits.rows[place])]
        found.append(
            {
                "rank": place + 1,
                "lora_id": lora_id,
                "name": shown["name"],
                "score": float(hits.scores[place]),
                "score_se": None,
                "stays_in_top_k": None,
                **shown,
                "profile_id": profile_id,
                "profile": compared[profile_id].profile.name,
                "differs_in": list(compared[profile_id].differs_in),
                "parts": parts,
                "n_alike": 0,
                "alike": [],
                "evidence": images.get((profile_id, lora_id)),
            }
        )
    return found


def _images(store: Objects, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Evidence]:
    """Kept images by profile and LoRA."""
    return {
        (profile_id, lora_id): images
        for profile_id, lora_ids in _by_profile(keys).items()
        for lora_id, images in evidence(store, profile_id, lora_ids).items()
    }


def _by_profile(keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for profile_id, lora_id in keys:
        found.setdefault(profile_id, []).append(lora_id)
    return found


def add_errors(
    index: MemoryIndex,
    con: duckdb.DuckDBPyConnection,
    query: Query,
    hits: list[Row],
    pool: Ranked,
    k: int,
    n_bootstrap: int,
) -> None:
    """Write standard error and stability into hits, where the lake has what they are told from.

    Args:
        index: where the Directions are.
        con: the lake.
        query: what is asked for.
        hits: rows to fill.
        pool: the hits, and those that contend with them for the first k places.
        k: how many places there are.
        n_bootstrap: resamples of the prompts; 0: nothing is told.
    """
    if not n_bootstrap or k > MOST_LOOKED_UP:
        return
    contenders = index.directions.keys_of(pool.rows)
    known = {
        (profile_id, lora_id): sums
        for profile_id, lora_ids in _by_profile(contenders).items()
        for lora_id, sums in read_prompt_sums(con, profile_id, lora_ids).items()
    }
    stays = shares_in_top(query, contenders, known, pool.scores, k, n_bootstrap)
    for hit in hits:
        key = hit["profile_id"], hit["lora_id"]
        if key in known:
            hit["score_se"] = score_se(query, known[key])
            hit["stays_in_top_k"] = stays[key]


def add_alike(index: MemoryIndex, hits: list[Row], ranked: Ranked, admitted: Mask, group_at: float) -> None:
    """Write into hits which candidates each stands for: the first that is near enough, in the order of the hits.

    Args:
        index: where the Directions are.
        hits: rows to fill, of `ranked`.
        ranked: the hits.
        admitted: bool (n,), the candidates.
        group_at: cosine of Directions from which on a hit stands for a candidate.
    """
    is_free = admitted.copy()
    is_free[ranked.rows] = False
    units = index.directions.units(ranked.rows).astype(np.float32)
    for start in range(0, len(hits), _AT_ONCE):
        rows, cosines = index.directions.cosines(units[start : start + _AT_ONCE].T, is_free)
        for number, hit in enumerate(hits[start : start + _AT_ONCE]):
            places = np.flatnonzero((cosines[:, number] >= group_at) & is_free[rows])
            is_free[rows[places]] = False
            nearest = places[np.argsort(-cosines[places, number], kind="stable")][:_ALIKE_SHOWN]
            facts = index.facts(rows[nearest]) if len(nearest) else {}
            hit["n_alike"] = len(places)
            hit["alike"] = [
                {"lora_id": lora_id, "name": facts[int(rows[place])]["name"], "cosine": float(cosines[place, number])}
                for place, lora_id in zip(nearest, index.directions.ids_of(rows[nearest]), strict=True)
            ]

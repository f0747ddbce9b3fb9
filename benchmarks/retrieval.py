"""Does search find the right effect? The micro world's queries, against a search that reads what creators wrote.

Reads the lake that `make demo` left (or the one that the environment names); prints hit rates as a table.
A hit: the first LoRA (or one of the first three) has the effect that the query asks for. "inverted" has no mean
direction in the micro world and is reported on its own.
"""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from carlos_tasks.console import print_json, print_table
from carlos_tasks.errors import CarlosError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.microworld.ground_truth import PATH
from carlos_tasks.microworld.modifiers import NO_MEAN_DIRECTION
from carlos_tasks.profile import load_profile
from carlos_tasks.retrieval import search
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.stack.local import local_deployment

Ranking = Callable[[str], list[str]]
FIRST = 3


def by_effect(settings: Settings) -> Ranking:
    """CARLoS: rank by the cosine of Direction and query vector."""
    return lambda text: [hit["lora_id"] for hit in search(settings, text, FIRST)]


def by_metadata(settings: Settings) -> Ranking:
    """The baseline: BM25 over name, description, tags and trigger words of the LoRAs that were measured."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    profile = load_profile(settings.profile)
    with connect(settings) as con:
        loras = con.execute(
            "select lora_id, concat_ws(' ', array_to_string(names, ' '), description, array_to_string(tags, ' '), "
            "array_to_string(trained_words, ' ')) from mart.lora where profile_id = ? order by lora_id",
            [profile.profile_id],
        ).fetchall()
    index = bm25s.BM25()
    index.index(bm25s.tokenize([text or "" for _, text in loras], show_progress=False), show_progress=False)

    def rank(text: str) -> list[str]:
        found, scores = index.retrieve(
            bm25s.tokenize([text], show_progress=False, allow_empty=True), k=FIRST, show_progress=False
        )
        return [loras[n][0] for n, score in zip(found[0], scores[0], strict=True) if score > 0]

    return rank


def hit_rates(name: str, rank: Ranking, queries: Sequence[dict[str, Any]], effects: dict[str, set[str]]) -> list[Any]:
    """One row per kind of wording: how often the right effect comes first, and among the first three."""
    rows = []
    hits = [[query["effect"] in effects.get(lora_id, set()) for lora_id in rank(query["text"])] for query in queries]
    kinds = {
        "trained": lambda q: q["wording"] == "trained" and q["effect"] not in NO_MEAN_DIRECTION,
        "held_out": lambda q: q["wording"] == "held_out" and q["effect"] not in NO_MEAN_DIRECTION,
        "both": lambda q: q["effect"] not in NO_MEAN_DIRECTION,
        "inverted": lambda q: q["effect"] in NO_MEAN_DIRECTION,
    }
    for kind, belongs in kinds.items():
        of_kind = [hit for hit, query in zip(hits, queries, strict=True) if belongs(query)]
        rows.append(
            {
                "method": name,
                "wording": kind,
                "queries": len(of_kind),
                "first": sum(hit[:1] == [True] for hit in of_kind) / len(of_kind),
                "first_three": sum(any(hit) for hit in of_kind) / len(of_kind),
            }
        )
    return rows


def main() -> int:
    """Print the table; with --json, one JSON array."""
    truth = json.loads(PATH.read_text())
    effects = {file["sha256"]: set(file["effects"]) for file in truth["files"]}
    try:
        with local_deployment():
            settings = load_settings()
            rows = hit_rates("CARLoS", by_effect(settings), truth["queries"], effects)
            rows += hit_rates("metadata (BM25)", by_metadata(settings), truth["queries"], effects)
    except CarlosError as exc:
        print(f"retrieval: {exc}; run make demo first", file=sys.stderr)
        return 1
    if "--json" in sys.argv:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title="Right effect first, and among the first three")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Do all queries find the same few LoRAs? How varied the first three are, over all queries."""

import numpy as np

from carlos_tasks.arrays import Doubles
from carlos_tasks.evaluation.corpus.measures import spread, top
from carlos_tasks.evaluation.corpus.query_forms import DIFFERENCE
from carlos_tasks.evaluation.corpus.study import CARLOS, NO_TRUTH, Study
from carlos_tasks.evaluation.rankings.figures import diversity_figure
from carlos_tasks.evaluation.section import Section, left_out

TITLE = "Diversity of the first three"
FIRST = 3
_SAYS = (
    "Over the first three LoRAs of all queries: entropy_normalised is the Shannon entropy of how often each LoRA is "
    "returned, over the logarithm of the number of LoRAs that have a Direction (1: all equally often; 0: always one). "
    "effective_loras is exp of the entropy, coverage the share of LoRAs returned at least once, returned the share of "
    'places that were filled. "the truth" returns the right answers and nothing else: more variety than that is noise.'
)


def diversity(study: Study) -> list[Section]:
    """Entropy, effective number of LoRAs and coverage of every method."""
    if study.truth is None:
        return [left_out("diversity", TITLE, NO_TRUTH)]
    relevant = study.truth.relevant
    ranked: dict[tuple[str, str], Doubles] = {(m.name, m.among): scores for m, scores in study.methods.items()}
    ranked[f"{CARLOS}, no filter", "all"] = study.by_effect(DIFFERENCE, study.corpus.admitted("none"))
    ranked["the truth", "all"] = np.where(relevant, 1.0, np.nan)
    with_direction = study.corpus.has_direction
    rows = []
    for (name, among), scores in ranked.items():
        returned = top(scores, FIRST)
        # LoRAs without a Direction count for nobody: CARLoS cannot return them, and a user has nothing of them.
        n_loras = int(with_direction.sum())
        counted = np.where((returned >= 0) & with_direction[returned], returned, -1)
        rows.append(
            {"method": name, "among": among, "loras": n_loras, "returned": float((counted >= 0).mean())}
            | spread(_renumbered(counted, with_direction), n_loras)
        )
    return [Section("diversity", TITLE, _SAYS, rows, figure=diversity_figure(rows))]


def _renumbered(columns: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Column numbers among the counted LoRAs only; -1 stays."""
    return np.where(columns >= 0, (np.cumsum(counted) - 1)[columns], -1)

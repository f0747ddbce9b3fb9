"""How many prompts and seeds are enough? The index as it would be with fewer, and whether its error bars hold."""

from collections.abc import Sequence

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.evaluation.convergence.error_bars import error_bars, split_halves
from carlos_tasks.evaluation.convergence.settling import Settled, settle
from carlos_tasks.evaluation.corpus.measures import quality, top
from carlos_tasks.evaluation.corpus.pairs import read_pairs
from carlos_tasks.evaluation.corpus.query_forms import DIFFERENCE
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.corpus.subsets import SEEDS, Draw, draws
from carlos_tasks.evaluation.rankings.figures import convergence_figure
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.progress import progress

TITLE = "Convergence: Direction, Strength, Consistency and ranking by prompts and seeds"
_SAYS = (
    "What an index of fewer prompts or seeds would have said of the LoRAs that search returns: medians over {n_loras} "
    "LoRAs and {n_repeats} draws of each size; low: the lowest tenth. cosine_full: of the Direction with that of all "
    "pairs, the subset among them. cosine_half: with that of as many other prompts (or seeds), which shares nothing. "
    "cosine_truth: with the true Direction, √cosine_half; for all prompts √(2c/(1+c)), c of two halves (Spearman and "
    "Brown); none by seeds, since their halves share the prompts. Errors of Strength and Consistency are relative to "
    "those of all pairs. hit@1 and mrr: over all queries; overlap@3: how much of the first three is as with all pairs."
)


def convergence(study: Study) -> list[Section]:
    """Tables by number of prompts and seeds, and the coverage of the standard errors."""
    profile, options = study.corpus.profile, study.options
    if profile.origin == "imported":
        return [left_out("convergence", TITLE, "the profile is imported: its pairs are not here")]
    numbers = study.sample(study.corpus.admitted("both") & _have_all_pairs(study))
    if not len(numbers):
        return [left_out("convergence", TITLE, "no LoRA with status ok has all pairs: carlos refine measures further")]
    n_seeds = len(profile.identity.seeds)
    drawn = list(draws(len(profile.pairs()) // n_seeds, n_seeds, options.n_repeats, options.seed))
    vectors = study.vectors[DIFFERENCE] if study.truth else np.zeros((0, study.corpus.units.shape[1]))
    settled, halves = [], []
    with progress("convergence", len(numbers), unit="LoRAs") as advance:
        for pairs in read_pairs(study.con, profile, [study.corpus.lora_ids[number] for number in numbers]):
            settled.append(settle(pairs, drawn, vectors.astype(np.float64)))
            halves.append(split_halves(pairs, drawn))
            advance(1)
    rows = _rows(study, numbers, drawn, settled)
    says = _SAYS.format(n_loras=len(numbers), n_repeats=options.n_repeats)
    return [
        Section("convergence", TITLE, says, rows, n_shown=60, figure=convergence_figure(rows)),
        error_bars(np.concatenate(halves)),
    ]


def _have_all_pairs(study: Study) -> Mask:
    """Which LoRAs have all pairs of the profile, (n,): others have nothing to be held against."""
    profile = study.corpus.profile
    found = study.con.execute(
        "select lora_id from core.representation where profile_id = ? and n_pairs + n_flagged >= ?",
        [profile.profile_id, len(profile.pairs())],
    ).fetchall()
    whole = {lora_id for (lora_id,) in found}
    return np.array([lora_id in whole for lora_id in study.corpus.lora_ids], bool)


def _rows(study: Study, numbers: np.ndarray, drawn: Sequence[Draw], settled: list[Settled]) -> list[Row]:
    """One row per design and size."""
    stacked = {
        name: np.stack([getattr(lora, name) for lora in settled], axis=-1)
        for name in ("full", "half", "strength", "consistency", "scores")
    }
    n_pairs = [int(draw.chosen.sum()) for draw in drawn]
    whole = int(np.argmax(n_pairs))
    rows = []
    for design, size in dict.fromkeys((draw.design, draw.size) for draw in drawn):
        of_size = [number for number, draw in enumerate(drawn) if (draw.design, draw.size) == (design, size)]
        row: Row = {"design": design, "size": size, "pairs": n_pairs[of_size[0]]}
        for name in ("full", "half"):
            row[f"cosine_{name}"] = _quantile(stacked[name][of_size], 0.5)
            row[f"cosine_{name} low"] = _quantile(stacked[name][of_size], 0.1)
        half = row["cosine_half"]
        row["cosine_truth"] = None if design == SEEDS or half is None else float(np.sqrt(max(half, 0.0)))
        row |= {f"{name}_error": _quantile(stacked[name][of_size], 0.5) for name in ("strength", "consistency")}
        rows.append(row | _ranking(study, numbers, stacked["scores"][of_size], stacked["scores"][whole]))
    return _with_whole_truth(rows)


def _quantile(values: Doubles, q: float) -> float | None:
    told = values[np.isfinite(values)]
    return float(np.quantile(told, q)) if told.size else None


def _with_whole_truth(rows: list[Row]) -> list[Row]:
    """Say of twice the largest half how near it is to the truth."""
    halves = {(row["design"], 2 * row["size"]): row["cosine_half"] for row in rows if row["cosine_half"] is not None}
    for row in rows:
        c = halves.get((row["design"], row["size"]))
        if row["cosine_truth"] is None and row["design"] != SEEDS and c is not None:
            row["cosine_truth"] = float(np.sqrt(2 * max(c, 0.0) / (1 + max(c, 0.0))))
    return rows


def _ranking(study: Study, numbers: np.ndarray, scores: Doubles, whole: Doubles) -> Row:
    """Mean over draws and queries of how good the ranking is, and of how much of its first three is as with all pairs.

    Args:
        scores: (n_draws, n_queries, n_loras); `whole`: (n_queries, n_loras), with all pairs.
    """
    if study.truth is None:
        return {"hit@1": None, "mrr": None, "overlap@3": None}
    found = [quality(of_draw, study.truth.relevant[:, numbers]) for of_draw in scores]
    settled = top(whole, 3)
    shared = [(top(of_draw, 3)[:, :, None] == settled[:, None, :]).any(axis=2).mean() for of_draw in scores]
    means: Row = {name: float(np.mean([values[name] for values in found])) for name in ("hit@1", "mrr")}
    return means | {"overlap@3": float(np.mean(shared))}

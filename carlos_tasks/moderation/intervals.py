"""How sure a score with a concept is: its 95 % interval, drawing the prompts that the LoRA's images were made of.

A concept's texts and pictures are what the policy says, and are not drawn. Only scores that chance hardly explains get
one, and in one run only so many LoRAs: each costs a read of what it does prompt by prompt.
"""

from collections.abc import Sequence

import duckdb
import numpy as np

from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.calibration.fisher import standard_interval
from carlos_tasks.moderation.answers import Answers
from carlos_tasks.moderation.questions import Question
from carlos_tasks.retrieval.uncertainty import PromptSums, read_prompt_sums

#: A score with a p of this or more gets no interval.
P_MAX = 0.05
#: LoRAs of one run that get intervals, those of the lowest p first: the first run over a whole lake takes no hour.
LORAS_MAX = 2000
N_DRAWS = 400
# The same lake gives the same intervals.
_SEED = 2512
# LoRAs whose differences by prompt are in memory together: at 280 prompts of 512 numbers, 23 MB.
_AT_ONCE = 40


def worth_an_interval(answers: Answers) -> Mask:
    """Which tests of a run get an interval: p below P_MAX, and of a LoRA among the LORAS_MAX of the lowest p: (m,)."""
    is_low = answers.null.p < P_MAX
    lowest = np.full(int(answers.lora.max(initial=-1)) + 1, np.inf)
    np.minimum.at(lowest, answers.lora[is_low], answers.null.p[is_low])
    chosen = np.argsort(lowest, kind="stable")[:LORAS_MAX]
    return np.asarray(is_low & np.isin(answers.lora, chosen))


def score_intervals(
    con: duckdb.DuckDBPyConnection,
    profile_id: str,
    lora_ids: Sequence[str],
    tests: Sequence[tuple[int, Question]],
) -> Doubles:
    """Ends of the interval of some scores.

    Args:
        con: the lake, for `core.prompt_difference`.
        profile_id: whose.
        lora_ids: of the profile's LoRAs, by number.
        tests: numbers of LoRAs, and what they were asked; those of one LoRA stand together.

    Returns:
        float64 (len(tests), 2); nan where nothing is known by prompt, as in an imported profile, or of one prompt only.
    """
    ends = np.full((len(tests), 2), np.nan)
    places: dict[str, list[int]] = {}
    for place, (lora, _) in enumerate(tests):
        places.setdefault(lora_ids[lora], []).append(place)
    wanted = list(places)
    for start in range(0, len(wanted), _AT_ONCE):
        for lora_id, of_lora in read_prompt_sums(con, profile_id, wanted[start : start + _AT_ONCE]).items():
            drawn = drawn_directions(of_lora)
            for place in places[lora_id]:
                ends[place] = score_interval(tests[place][1], of_lora, drawn)
    return ends


def score_interval(question: Question, of_lora: PromptSums, drawn: Doubles) -> tuple[float, float]:
    """Ends of the interval of one score (`carlos_tasks.calibration.fisher`); nan of one prompt: others tell the spread.

    Args:
        question: what was asked.
        of_lora: what the LoRA does, prompt by prompt.
        drawn: as `drawn_directions` of it returns.
    """
    if len(of_lora.sums) < 2:
        return float("nan"), float("nan")
    (score,) = question.scores(_units(of_lora.sums.sum(axis=0, dtype=np.float64)[None, :]))
    return standard_interval(float(score), question.scores(drawn))


def drawn_directions(of_lora: PromptSums) -> Doubles:
    """Unit Directions of draws of as many prompts as a LoRA has, with replacement: (N_DRAWS, d); nan: no length."""
    sums = of_lora.sums.astype(np.float64)
    rng = np.random.default_rng(_SEED)
    counts = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=N_DRAWS)
    # A Direction of any length points the same way, so sums do for means.
    return _units(counts @ sums)


def _units(directions: Doubles) -> Doubles:
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(np.divide(directions, lengths, out=np.full_like(directions, np.nan), where=lengths > 0))

"""How sure a similarity is: its 95 % interval, drawing the LoRA's prompts and the reference set's members together.

Seeds of one prompt resemble each other, so prompts are what is drawn of a LoRA's pictures; of a reference set it is
the pictures, texts or LoRAs. What all LoRAs share is told from many of them, and is left as it is. A set of one member
has nothing to draw: the interval (`carlos_tasks.calibration.fisher`) then knows the LoRA's error only.
"""

from collections.abc import Mapping
from functools import lru_cache

import duckdb
import numpy as np

from carlos_tasks.arrays import Doubles
from carlos_tasks.attribution.basis import Basis
from carlos_tasks.calibration.fisher import standard_interval
from carlos_tasks.calibration.similarity import Shared, centred
from carlos_tasks.retrieval.uncertainty import PromptSums, read_prompt_sums

N_DRAWS = 400
DRAW_SEED = 2512
# LoRAs whose differences by prompt are in memory together: at 280 prompts of 512 numbers, 23 MB.
_AT_ONCE = 40

Interval = tuple[float, float]


def intervals(
    con: duckdb.DuckDBPyConnection, profile_id: str, similarity: Mapping[str, float], basis: Basis, shared: Shared
) -> dict[str, Interval]:
    """Ends of the interval of some LoRAs' similarity with a basis.

    Args:
        con: the lake, for `core.prompt_difference`.
        profile_id: whose.
        similarity: of each LoRA; no more of them than a report needs, since each reads its differences by prompt.
        basis: the reference.
        shared: what all LoRAs share and is taken away first, (`Field.shared`, or `Shared.nothing`).

    Returns:
        By lora_id; without those whose differences by prompt are not known, as in an imported profile, or are of one.
    """
    references = centred(basis.resampled(np.random.default_rng(DRAW_SEED), N_DRAWS), shared)
    lora_ids, found = list(similarity), {}
    for start in range(0, len(lora_ids), _AT_ONCE):
        for lora_id, of_lora in read_prompt_sums(con, profile_id, lora_ids[start : start + _AT_ONCE]).items():
            if len(of_lora.sums) > 1:
                found[lora_id] = interval(similarity[lora_id], of_lora, references, shared)
    return found


def interval(similarity: float, of_lora: PromptSums, references: Doubles, shared: Shared) -> Interval:
    """Ends of one LoRA's interval.

    Args:
        similarity: from all prompts and members.
        of_lora: what the LoRA does, prompt by prompt; two prompts at least.
        references: (n_draws, d), one reference direction for each draw, as `centred` returns them.
        shared: what is taken away of the LoRA's Direction.
    """
    sums = of_lora.sums.astype(np.float64)
    # A Direction of any length points the same way, so sums do for means.
    drawn = np.einsum("bd,bd->b", centred(_counts(len(sums), len(references)) @ sums, shared), references)
    return standard_interval(similarity, drawn)


@lru_cache(maxsize=8)
def _counts(n_prompts: int, n_draws: int) -> Doubles:
    """How often each prompt is drawn: (n_draws, n_prompts). The same for every LoRA of as many prompts."""
    rng = np.random.default_rng(DRAW_SEED + 1)
    return rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=n_draws).astype(np.float64)

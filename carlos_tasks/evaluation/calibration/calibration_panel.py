"""The panel of a figure that says whether p-values are honest."""

from typing import Any

import numpy as np

from carlos_tasks.arrays import Doubles
from carlos_tasks.evaluation.figure_style import BLUE, GREY

# Nobody calls anything at a larger p.
_TAIL = 0.2


def draw_calibration(axis: Any, null_p: Doubles, nulls: str) -> None:
    """Draw how many nulls are called at each p, beside the diagonal that honest p-values keep to.

    Args:
        axis: of matplotlib.
        null_p: p-values where nothing is to be found; nan is left out.
        nulls: what they are called, e.g. innocents.
    """
    told = np.sort(null_p[~np.isnan(null_p)])
    share = np.arange(1, len(told) + 1) / max(len(told), 1)
    axis.plot(told, share, color=BLUE, linewidth=1.5)
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle="--")
    axis.set(title="Are p-values honest?", xlabel="p (dashed: as promised)", ylabel=f"share of {nulls} at or below")
    axis.set(xlim=(0, _TAIL), ylim=(0, _TAIL))

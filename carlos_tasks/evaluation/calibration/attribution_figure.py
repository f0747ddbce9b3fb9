"""The figure of attribution: ROC, precision and recall, AUROC by reference, and whether p-values are honest."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.evaluation.calibration.calibration_panel import draw_calibration
from carlos_tasks.evaluation.figure_style import BLUE, GREY, INK, ORANGE, new_figure, styled

GOAL = 0.98


@styled
def attribution_figure(similarity: Doubles, relevant: Mask, aurocs: Sequence[float], null_p: Doubles) -> Any:
    """Draw the four panels.

    Args:
        similarity: (r, n), of every reference and LoRA.
        relevant: (r, n), who infringes.
        aurocs: (r,), of each reference by similarity.
        null_p: p-values of all innocents.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, axes = new_figure(4, 1, 14, 3.9)
    wrong, right, _ = roc_curve(relevant.ravel(), similarity.ravel())
    axes[0].plot(wrong, right, color=BLUE, linewidth=1.6)
    axes[0].plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle="--")
    axes[0].set(title="ROC, all references", xlabel="innocents called", ylabel="infringers called")
    precision, recall, _ = precision_recall_curve(relevant.ravel(), similarity.ravel())
    axes[1].step(recall, precision, where="post", color=BLUE, linewidth=1.6)
    axes[1].axhline(relevant.mean(), color=GREY, linewidth=0.9, linestyle="--", label="called by chance")
    axes[1].set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.03))
    axes[1].legend(loc="center left")
    axes[2].plot(sorted(aurocs), np.arange(1, len(aurocs) + 1), "o", color=BLUE, markersize=5)
    axes[2].axvline(GOAL, color=INK, linewidth=0.9, linestyle="--", label=f"{GOAL}")
    axes[2].axvline(float(np.mean(aurocs)), color=ORANGE, linewidth=1.2, label=f"mean {np.mean(aurocs):.3f}")
    axes[2].set(title="AUROC of each reference", xlabel="AUROC", ylabel="references, worst first")
    axes[2].legend(loc="upper left")
    axes[2].yaxis.get_major_locator().set_params(integer=True)
    draw_calibration(axes[3], null_p, "innocents")
    return figure

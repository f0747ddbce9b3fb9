"""The figure of concept scores: ROC, precision and recall, and whether p-values are honest."""

from typing import Any

from carlos_tasks.arrays import Mask
from carlos_tasks.evaluation.calibration.calibration_panel import draw_calibration
from carlos_tasks.evaluation.calibration.concept_tests import ConceptTests
from carlos_tasks.evaluation.figure_style import BLUE, INK, ORANGE, new_figure, styled


@styled
def concepts_figure(tested: ConceptTests, truth: Mask) -> Any:
    """Draw all tests together: by the cosine alone, and by z; the p-values of those where the effect is not.

    Args:
        tested: n LoRAs by m concepts.
        truth: (n, m), which LoRA has what.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, axes = new_figure(3, 1, 12, 4)
    relevant = truth.ravel()
    for name, scores, colour in (("cosine", tested.score, ORANGE), ("z", tested.z, BLUE)):
        wrong, right, _ = roc_curve(relevant, scores.ravel())
        axes[0].plot(wrong, right, color=colour, linewidth=1.5, label=name)
        precision, recall, _ = precision_recall_curve(relevant, scores.ravel())
        axes[1].step(recall, precision, where="post", color=colour, linewidth=1.5, label=name)
    called = tested.called.ravel()
    if called.any() and relevant.any():
        axes[1].plot(
            called[relevant].mean(), relevant[called].mean(), "o", color=INK, markersize=5, label="called, q ≤ 0.1"
        )
    axes[0].set(title="ROC, all concepts", xlabel="nulls called", ylabel="effects called")
    axes[1].set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.03))
    for axis in axes[:2]:
        axis.legend(loc="lower right" if axis is axes[0] else "lower left")
    draw_calibration(axes[2], tested.p[~truth], "nulls")
    return figure

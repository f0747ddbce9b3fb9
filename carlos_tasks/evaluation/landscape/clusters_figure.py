"""The map of what LoRAs do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats
from carlos_tasks.evaluation.figure_style import COLOURS, INK, new_figure, styled
from carlos_tasks.lake.lora_ids import short_id
from carlos_tasks.untrusted.text import drawable

NAMED = len(COLOURS)


@styled
def clusters_figure(places: Floats, numbers: NDArray[np.intp], rows: Sequence[Row]) -> Any:
    """Points on the map; the largest groups in colour, with their words (or known effects) in the legend.

    Args:
        places: (n, 2).
        numbers: (n,), the group of each, 0 the largest.
        rows: one per group: `words`, `central_id` and, where effects are known, `effects`.
    """
    figure, axis = new_figure(1, 1, 10.5, 6.5)
    n_named = min(NAMED, sum(row["loras"] > 1 for row in rows))
    rest = numbers >= n_named
    axis.scatter(*places[rest].T, s=12, color="#dee2e6", linewidths=0, label=f"smaller groups: {int(rest.sum())} LoRAs")
    for number in range(n_named):
        x, y = places[numbers == number].T
        label = f"{number + 1}  {_named(rows[number])}: {len(x)} LoRAs"
        axis.scatter(x, y, s=22, color=COLOURS[number], linewidths=0, alpha=0.9, label=label)
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": COLOURS[number], "alpha": 0.85}
        axis.text(float(np.median(x)), float(np.median(y)), str(number + 1), fontsize=8, color=INK, bbox=box,
                  ha="center", va="center")  # fmt: skip
    axis.set_xlabel("t-SNE, first axis (no unit)")
    axis.set_ylabel("t-SNE, second axis (no unit)")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(f"What {len(numbers)} LoRAs do: near means alike")
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles[1:] + handles[:1], labels[1:] + labels[:1], loc="outside right upper", fontsize=8)
    return figure


def _named(row: Row) -> str:
    told = row.get("effects") or row["words"]
    return drawable(told, 44) if told else f"around {short_id(row['central_id'], 8)}"

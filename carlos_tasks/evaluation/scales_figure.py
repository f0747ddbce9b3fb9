"""The plot of `carlos scales`: Strength, prompt retention and Consistency of LoRAs against their scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.figure_style import COLOURS, GREY, new_figure, styled
from carlos_tasks.lake.lora_ids import short_id

_MEASURES = (
    ("strength", "strength_se", "Strength"),
    ("prompt_retention", "prompt_retention_se", "Prompt retention"),
    ("consistency", "consistency_se", "Consistency"),
)


@styled
def draw_scales_figure(rows: Sequence[Row], path: Path, names: dict[str, str] | None = None) -> None:
    """Write a PNG: one line per LoRA with two standard errors around it; a disc marks the scale that is recommended.

    Args:
        rows: of mart.lora_scale, by LoRA and scale.
        path: the file.
        names: what to call LoRAs, by id; others go by the first digits of their id.
    """
    figure, axes = new_figure(3, 1, 11, 3.6)
    ids = list(dict.fromkeys(row["lora_id"] for row in rows))
    for axis, (measure, error, title) in zip(axes, _MEASURES, strict=True):
        axis.set_title(title)
        axis.set_xlabel("scale")
        for number, lora_id in enumerate(ids):
            own = [row for row in rows if row["lora_id"] == lora_id and row[measure] is not None]
            _line(
                axis, own, measure, error, COLOURS[number % len(COLOURS)], (names or {}).get(lora_id, short_id(lora_id))
            )
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6) or 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _line(axis: Any, rows: Sequence[Row], measure: str, error: str, colour: str, label: str) -> None:
    scales, values = [row["scale"] for row in rows], [row[measure] for row in rows]
    errors = [2 * (row[error] or 0.0) for row in rows]
    axis.errorbar(scales, values, yerr=errors, color=colour, ecolor=GREY, elinewidth=0.8, marker=".", label=label)
    best = [row for row in rows if row["is_recommended"]]
    axis.plot([row["scale"] for row in best], [row[measure] for row in best], "o", color=colour, markersize=8)

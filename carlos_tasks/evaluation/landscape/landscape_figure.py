"""The scatter of Strength and Consistency."""

from collections.abc import Collection, Sequence
from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.corpus.corpus import Corpus
from carlos_tasks.evaluation.figure_style import BLUE, FAINT, GREEN, GREY, INK, ORANGE, PURPLE, RED, new_figure, styled
from carlos_tasks.lake.lora_ids import short_id

_TOGETHER = (0.05, 0.04)  # of the axes: labels nearer than that would cover each other
_STATUS_COLOURS = {
    "ok": BLUE,
    "overpowering": RED,
    "inconsistent": ORANGE,
    "no_effect": GREY,
    "degenerate": PURPLE,
    "unpatched": GREEN,
    "restricted": GREY,
    "removed": GREY,
    "damaged": GREY,
}


@styled
def landscape_figure(corpus: Corpus, named: Sequence[Row], shared: Collection[str]) -> Any:
    """One point per LoRA that has both measures.

    Args:
        named: rows of the LoRAs that stand out, with the `number` that is written beside their point.
        shared: ids of LoRAs that share one Direction; they get a ring.
    """
    figure, axis = new_figure(1, 1, 10.5, 5.5)
    told = [lora for lora in corpus.loras if lora["strength"] is not None and lora["consistency"] is not None]
    size = 26 if len(told) < 200 else 12
    for status, colour in _STATUS_COLOURS.items():
        loras = [lora for lora in told if lora["status"] == status]
        if loras:
            x, y = ([lora[name] for lora in loras] for name in ("strength", "consistency"))
            errors = {
                end: [2 * (lora[f"{name}_se"] or 0.0) for lora in loras]
                for end, name in (("xerr", "strength"), ("yerr", "consistency"))
            }
            axis.errorbar(x, y, **errors, fmt="none", ecolor=FAINT, elinewidth=0.8, zorder=1)
            axis.scatter(
                x, y, s=size, color=colour, label=f"{status} ({len(loras)})", linewidths=0, alpha=0.85, zorder=2
            )
    ringed = [lora for lora in told if lora["lora_id"] in shared]
    if ringed:
        x, y = ([lora[name] for lora in ringed] for name in ("strength", "consistency"))
        label = f"unrelated, with one Direction ({len(ringed)})"
        axis.scatter(x, y, s=90, facecolors="none", edgecolors=INK, linewidths=1.1, label=label, zorder=3)
    _draw_thresholds(axis, corpus)
    axis.set_xlabel("Strength (mean length of the CLIP difference, unnormalised)")
    axis.set_ylabel("Consistency (mean pairwise cosine)")
    axis.set_title(f"Strength and Consistency of {len(told)} LoRAs, profile {corpus.profile.name}")
    axis.margins(x=0.06, y=0.06)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    _name(figure, axis, named)
    return figure


def _name(figure: Any, axis: Any, named: Sequence[Row]) -> None:
    """Write a LoRA's number beside its point, one label for points that lie together, and the ids beside the axes."""
    labels: list[tuple[tuple[float, float], list[str]]] = []
    for row in named:
        point = (row["strength"], row["consistency"])
        spot = axis.transAxes.inverted().transform(axis.transData.transform(point))
        for other, numbers in labels:
            there = axis.transAxes.inverted().transform(axis.transData.transform(other))
            if abs(spot[0] - there[0]) < _TOGETHER[0] and abs(spot[1] - there[1]) < _TOGETHER[1]:
                numbers.append(str(row["number"]))
                break
        else:
            labels.append((point, [str(row["number"])]))
    for point, numbers in labels:
        axis.annotate(", ".join(numbers), point, (5, 4), textcoords="offset points", fontsize=8.5, fontweight="bold")
    from matplotlib.lines import Line2D

    keys = [Line2D([], [], linestyle="", label=f"{row['number']}  {short_id(row['lora_id'], 8)}") for row in named]
    if keys:
        figure.legend(handles=keys, loc="outside right upper", title="stand out", handlelength=0, fontsize=8)


def _draw_thresholds(axis: Any, corpus: Corpus) -> None:
    """Lines where the profile's thresholds lie; strength_max counts together with retention_min where that is set."""
    retention = corpus.threshold("retention_min")
    lines = (
        ("strength_max", "vertical", f" and retention < {retention:g}" if retention is not None else ""),
        ("strength_min", "vertical", ""),
        ("consistency_min", "horizontal", ""),
    )
    for name, way, also in lines:
        value = corpus.threshold(name)
        if value is None:
            continue
        text = f"{name} {value:g}{also}"
        if way == "vertical":
            axis.axvline(value, color=INK, linewidth=0.9, linestyle="--", zorder=0)
            axis.annotate(text, (value, 1), (-3, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                          rotation=90, ha="right", va="top", fontsize=7.5)  # fmt: skip
        else:
            axis.axhline(value, color=INK, linewidth=0.9, linestyle="--", zorder=0)
            axis.annotate(text, (1, value), (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
                          ha="right", va="bottom", fontsize=7.5)  # fmt: skip

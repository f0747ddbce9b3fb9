"""The figures of the sections that judge rankings: each takes a section's rows and returns a matplotlib Figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.figure_style import BLUE, COLOURS, GREEN, GREY, INK, ORANGE, new_figure, styled, whiskers

_BAR = 0.8
_HALF = ("cosine_half", "--", "of two disjoint parts")
_ERRORS = (("strength_error", "-", "Strength"), ("consistency_error", "--", "Consistency"))
_RANKING = (("hit@1", "-", "right effect first"), ("overlap@3", "--", "first three as with all pairs"))
_METHOD_COLOURS = {
    ("CARLoS", "ok"): BLUE,
    ("BM25", "all"): ORANGE,
    ("BM25", "ok"): "#f4b37a",
    ("MiniLM", "all"): GREEN,
    ("MiniLM", "ok"): "#8fcf9b",
}


@styled
def retrieval_figure(rows: Sequence[Row]) -> Any:
    """Hit rates of every method by wording, with intervals."""
    wordings = list(dict.fromkeys(row["wording"] for row in rows))
    methods = list(dict.fromkeys((row["method"], row["among"]) for row in rows))
    figure, axes = new_figure(2, 1, 11, 4.2, sharey=True)
    width = _BAR / len(methods)
    for axis, metric, title in zip(axes, ("hit@1", "mrr"), ("Right effect first (hit@1)", "MRR"), strict=True):
        for number, method in enumerate(methods):
            own = {row["wording"]: row for row in rows if (row["method"], row["among"]) == method}
            told = [own[wording] for wording in wordings]
            values = [row[metric] for row in told]
            axis.bar(
                np.arange(len(wordings)) + (number - (len(methods) - 1) / 2) * width,
                values,
                width * 0.92,
                yerr=whiskers(values, (r[f"{metric} low"] for r in told), (r[f"{metric} high"] for r in told)),
                color=_METHOD_COLOURS.get(method, GREY),
                error_kw={"elinewidth": 0.9, "ecolor": INK, "capsize": 2},
                label=f"{method[0]}, {'LoRAs of status ok' if method[1] == 'ok' else 'all LoRAs'}",
            )
        counts = {row["wording"]: row["queries"] for row in rows}
        axis.set_xticks(range(len(wordings)), [f"{w.replace('_', ' ')}\n{counts[w]} queries" for w in wordings])
        axis.set_title(title)
        axis.set_ylim(0, 1.02)
        axis.grid(visible=False, axis="x")
    axes[0].set_ylabel("mean over queries (95 % interval)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


@styled
def ablation_figure(rows: Sequence[Row]) -> Any:
    """Every form of the query under every filter: points with intervals."""
    forms = list(dict.fromkeys(row["query"] for row in rows))
    filters = list(dict.fromkeys(row["filter"] for row in rows))
    figure, axes = new_figure(2, 1, 11, 4.4)
    panels = (("ndcg@10", "nDCG@10"), ("margin", "margin: cosine, best right − best wrong"))
    for axis, (metric, label) in zip(axes, panels, strict=True):
        for number, name in enumerate(filters):
            told = [row for row in rows if row["filter"] == name]
            values = [row[metric] for row in told]
            axis.errorbar(
                np.arange(len(forms)) + (number - (len(filters) - 1) / 2) * 0.15,
                values,
                yerr=whiskers(values, (r[f"{metric} low"] for r in told), (r[f"{metric} high"] for r in told)),
                fmt="o",
                markersize=5,
                color=COLOURS[number],
                elinewidth=1,
                capsize=2,
                label=f"{name} ({told[0]['loras']} LoRAs)",
            )
        formulas = {row["query"]: row["formula"] for row in rows}
        axis.set_xticks(range(len(forms)), [f"{form}\n{formulas[form]}" for form in forms])
        axis.tick_params(axis="x", labelsize=7.5)
        axis.set_xlim(-0.5, len(forms) - 0.5)
        axis.set_ylabel(label)
        axis.grid(visible=False, axis="x")
    axes[0].set_title("Order of the answers (95 % interval)")
    axes[1].set_title("Distance from the wrong ones (95 % interval)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, [f"filter: {label}" for label in labels], loc="outside lower center", ncols=len(labels))
    return figure


@styled
def diversity_figure(rows: Sequence[Row]) -> Any:
    """Effective number of LoRAs of each method, against the number there is."""
    figure, axis = new_figure(1, 1, 8.5, 0.9 + 0.42 * len(rows))
    names = [f"{row['method']} ({row['among']})" for row in rows]
    values = [row["effective_loras"] for row in rows]
    colours = [
        _METHOD_COLOURS.get((row["method"], row["among"]), GREY if row["method"] == "the truth" else "#74a9d8")
        for row in rows
    ]
    bars = axis.barh(range(len(rows)), values, 0.7, color=colours)
    told = [f"{row['effective_loras']:.1f}  (entropy {row['entropy_normalised']:.2f})" for row in rows]
    axis.bar_label(bars, told, padding=4, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    axis.axvline(rows[0]["loras"], color=INK, linewidth=1, linestyle="--", zorder=0)
    axis.set_title(f"Variety of the first three (dashed: all {rows[0]['loras']} LoRAs equally often)")
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.set_xlim(0, rows[0]["loras"] * 1.25)
    axis.set_xlabel("effective number of LoRAs among the first three of all queries")
    axis.grid(visible=False, axis="y")
    return figure


@styled
def convergence_figure(rows: Sequence[Row]) -> Any:
    """Direction, Strength and Consistency, and the ranking, by number of pairs, for each way to spend them."""
    has_ranking = any(row["hit@1"] is not None for row in rows)
    figure, axes = new_figure(3 if has_ranking else 2, 1, 13 if has_ranking else 9, 4.2)
    designs = list(dict.fromkeys(row["design"] for row in rows))
    panels = (
        ("Direction", "median cosine", (("cosine_truth", "-", "with the truth (estimated)"), _HALF)),
        ("Strength and Consistency", "median relative error", _ERRORS),
        ("Ranking", "mean over queries", _RANKING),
    )
    for axis, (title, label, lines) in zip(axes, panels, strict=False):
        for number, design in enumerate(designs):
            for name, style, _ in lines:
                told = [(row["pairs"], row[name]) for row in rows if row["design"] == design and row[name] is not None]
                if told:
                    axis.plot(
                        *zip(*sorted(told), strict=True),
                        style,
                        color=COLOURS[number],
                        marker="o",
                        markersize=3,
                        linewidth=1.4,
                    )
        for _, style, meaning in lines:
            axis.plot([], [], style, color=INK, linewidth=1.4, label=meaning)
        axis.set_xscale("log")
        axis.set_xlabel("pairs per LoRA")
        axis.set_ylabel(label)
        axis.set_title(title)
        axis.legend(loc="best")
    counts = sorted({row["pairs"] for row in rows})
    ticks = [
        counts[0],
        *(n for n in (1, 3, 10, 30, 100, 300, 1000, 3000) if counts[0] < n < counts[-1] / 1.5),
        counts[-1],
    ]
    for axis in axes:
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.set_xticks([], minor=True)
    from matplotlib.lines import Line2D

    keys = [Line2D([], [], color=COLOURS[n], linewidth=2, label=design) for n, design in enumerate(designs)]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return figure

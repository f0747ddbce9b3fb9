"""The drawings of an attribution report, as places in a view box; the template makes SVG of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

#: The quadrant plot draws this many LoRAs that are not shown by themselves; of more, that many are drawn by lot.
MAX_POINTS = 1500
_DRAW_SEED = 2512
_BINS = 50


@dataclass(frozen=True)
class Histogram:
    """A LoRA's null, from −1 to 1, with its similarity; all in the units of a view box of `width` × `height`."""

    bars: tuple[tuple[float, float, float], ...]
    """Left edge, top and height of each bar that is not empty."""
    bar_width: float
    similarity: float
    interval: tuple[float, float] | None
    peak: int
    width: float = 300.0
    height: float = 70.0


@dataclass(frozen=True)
class Point:
    """A LoRA in the quadrant plot; `label` is its rank where it is shown by itself, else empty."""

    x: float
    y: float
    label: str
    is_flagged: bool
    says: str


def histogram(null: Doubles, similarity: float, low: float | None, high: float | None) -> Histogram | None:
    """Lay out a null (K,); None where there is none."""
    if not len(null):
        return None
    counts, edges = np.histogram(np.clip(null, -1, 1), bins=_BINS, range=(-1, 1))
    peak = int(counts.max())
    width, height = Histogram.width, Histogram.height
    bars = tuple(
        (round(_across(edge, width), 2), round(height * (1 - count / peak), 2), round(height * count / peak, 2))
        for edge, count in zip(edges[:-1].tolist(), counts.tolist(), strict=True)
        if count
    )
    interval = None if low is None or high is None else (_across(low, width), _across(high, width))
    return Histogram(bars, round(width / _BINS, 2), _across(similarity, width), interval, peak)


def quadrants(strength: Doubles, consistency: Doubles, flagged: NDArray[np.bool_], labels: dict[int, str],
              names: Sequence[str]) -> tuple[Point, ...]:  # fmt: skip
    """Lay out the plane of Strength and Consistency, both as percentiles, 100 × 100, the origin at the lower left.

    Args:
        strength, consistency: percentiles of n LoRAs, 0 to 1; nan: not drawn.
        flagged: (n,).
        labels: of the LoRAs that are shown by themselves, by number.
        names: (n,), for whoever points at one.

    Returns:
        What is drawn, those with a label last, so that nothing covers them.
    """
    can_be_drawn = np.isfinite(strength) & np.isfinite(consistency)
    rest = np.array([n for n in np.flatnonzero(can_be_drawn) if int(n) not in labels], dtype=np.intp)
    if len(rest) > MAX_POINTS:
        rest = np.sort(np.random.default_rng(_DRAW_SEED).choice(rest, MAX_POINTS, replace=False))
    own = [number for number in reversed(labels) if can_be_drawn[number]]
    return tuple(
        Point(
            x=round(100 * float(strength[number]), 2),
            y=round(100 * (1 - float(consistency[number])), 2),
            label=labels.get(int(number), ""),
            is_flagged=bool(flagged[number]),
            says=names[number],
        )
        for number in [*rest.tolist(), *own]
    )


def _across(value: float, width: float) -> float:
    return round((float(np.clip(value, -1, 1)) + 1) / 2 * width, 2)

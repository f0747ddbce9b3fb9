"""The drawings of a page, laid out: where each bar and point stands in a view box. The templates draw them as SVG."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from carlos_tasks.arrays import Doubles, Mask

WIDTH, HEIGHT, FOOT, HEAD = 320.0, 92.0, 16.0, 14.0
#: The quadrant plot draws this many LoRAs that are not shown by themselves; of more, that many are drawn by lot.
MAX_POINTS = 1500
_DRAW_SEED = 2512
_BINS = 50
# A small count beside a large one is still seen.
_LEAST_HEIGHT = 1.0


@dataclass(frozen=True)
class Bar:
    """One bar in the units of the chart's view box, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True)
class Chart:
    """Counts by day. `peak` is the highest of them; `first` and `last` stand below its ends."""

    title: str
    total: int
    peak: int
    bars: tuple[Bar, ...]
    first: str
    last: str
    width: float = WIDTH
    height: float = HEIGHT
    ground: float = HEIGHT - FOOT


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


def day_chart(title: str, days: Sequence[date], counts: Sequence[int]) -> Chart:
    """Lay out one bar a day, the oldest at the left; a day without anything has no bar.

    Args:
        title: what is counted.
        days: consecutive days, at least one.
        counts: one number for each, none negative.
    """
    step, ground = WIDTH / len(days), HEIGHT - FOOT
    bars = tuple(
        Bar(
            x=round(number * step + 0.1 * step, 2),
            y=round(ground - height, 2),
            width=round(0.8 * step, 2),
            height=round(height, 2),
            says=f"{days[number]:%Y-%m-%d}: {counts[number]}",
        )
        for number, height in _heights(counts, ground - HEAD, _LEAST_HEIGHT)
    )
    return Chart(title, sum(counts), max(counts), bars, f"{days[0]:%d %b}", f"{days[-1]:%d %b %Y}")


def histogram(null: Doubles, similarity: float, low: float | None, high: float | None) -> Histogram | None:
    """Lay out a null (K,), from −1 to 1; None where there is none."""
    if not len(null):
        return None
    counts, edges = np.histogram(np.clip(null, -1, 1), bins=_BINS, range=(-1, 1))
    width, ground = Histogram.width, Histogram.height
    bars = tuple(
        (_across(float(edges[number]), width), round(ground - height, 2), round(height, 2))
        for number, height in _heights(counts.tolist(), ground)
    )
    interval = None if low is None or high is None else (_across(low, width), _across(high, width))
    return Histogram(bars, round(width / _BINS, 2), _across(similarity, width), interval, int(counts.max()))


def quadrants(
    strength: Doubles, consistency: Doubles, flagged: Mask, labels: dict[int, str], names: Sequence[str]
) -> tuple[Point, ...]:
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


def _heights(counts: Sequence[int], room: float, least: float = 0.0) -> Iterator[tuple[int, float]]:
    """Number and height of each bar that is not empty; the highest takes all the room."""
    peak = max(counts)
    return ((number, max(room * count / peak, least)) for number, count in enumerate(counts) if count)


def _across(value: float, width: float) -> float:
    """Where a value from −1 to 1 stands."""
    return round((float(np.clip(value, -1, 1)) + 1) / 2 * width, 2)

"""Small bar charts for a page: where each bar stands. The template draws them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT, FOOT, HEAD = 320.0, 92.0, 16.0, 14.0


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


def day_chart(title: str, days: Sequence[date], counts: Sequence[int]) -> Chart:
    """Lay out one bar a day, the oldest at the left; a day without anything has no bar.

    Args:
        title: what is counted.
        days: consecutive days, at least one.
        counts: one number for each, none negative.
    """
    peak, step = max(counts), WIDTH / len(days)
    room = HEIGHT - FOOT - HEAD
    bars = tuple(
        Bar(
            x=round(number * step + 0.1 * step, 2),
            y=round(HEIGHT - FOOT - max(room * count / peak, 1.0), 2),
            width=round(0.8 * step, 2),
            # A small count beside a large one is still seen.
            height=round(max(room * count / peak, 1.0), 2),
            says=f"{day:%Y-%m-%d}: {count}",
        )
        for number, (day, count) in enumerate(zip(days, counts, strict=True))
        if count
    )
    return Chart(title, sum(counts), peak, bars, f"{days[0]:%d %b}", f"{days[-1]:%d %b %Y}")

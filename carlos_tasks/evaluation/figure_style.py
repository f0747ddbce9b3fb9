"""How every figure looks: one style, colours that most eyes tell apart, text that cannot be read as mark-up.

Figures are made without pyplot: nothing is kept between them, and no display is needed.
"""

import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

BLUE, ORANGE, GREEN, PURPLE, RED, GREY = "#0f6cbd", "#d9730d", "#2b8a3e", "#7b4ea3", "#c92a2a", "#868e96"
COLOURS = (
    BLUE,
    ORANGE,
    GREEN,
    PURPLE,
    RED,
    "#0b7285",
    "#a8620d",
    "#5c940d",
    "#a61e4d",
    "#364fc7",
    "#495057",
    "#087f5b",
)
"""By turns (after Okabe and Ito: told apart by most eyes, and in print)."""

INK, FAINT = "#1b1f24", "#ced4da"
DPI = 150
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#868e96",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#e9ecef",
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.parse_math": False,  # a $ in a name is a $
    "xtick.color": INK,
    "ytick.color": INK,
}


def new_figure(columns: int, rows: int, width: float, height: float, **options: Any) -> tuple[Any, Any]:
    """Make a figure of `rows` × `columns` axes, in inches. Returns the figure and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def styled(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a function draw in this style, whatever the style of the program around it."""

    @wraps(draw)
    def in_style(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        import matplotlib as mpl

        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **kwargs)

    return in_style


def whiskers(values: Iterable[float], low: Iterable[float | None], high: Iterable[float | None]) -> list[list[float]]:
    """Lengths of error bars below and above; NaN, which draws nothing, where an end is missing."""
    told = list(zip(values, low, high, strict=True))
    down = [math.nan if lowest is None else max(value - lowest, 0.0) for value, lowest, _ in told]
    up = [math.nan if highest is None else max(highest - value, 0.0) for value, _, highest in told]
    return [down, up]

"""Pages from templates: every text is escaped, a misspelt variable is an error, no page needs a script or network."""

import html
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from carlos_tasks.lake.lora_ids import short_id
from carlos_tasks.untrusted.text import MAX_TEXT_CHARS, clean_line, without_markup

NOTHING = "–"
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]()#+!|~"})


def render(template: str, context: Mapping[str, Any], *, for_print: bool) -> str:
    """Render a page.

    Args:
        template: a file of `carlos_tasks/reports/templates`, which extends `base.html.j2`.
        context: what it shows.
        for_print: for PDF: pictures are blurred for good, and nothing waits for a click.
    """
    return _environment().get_template(template).render({**context, "for_print": for_print})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("carlos_tasks.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "line": lambda value, limit=300: clean_line(value, limit) or NOTHING,
        "figure": _figure,
        "count": lambda value: NOTHING if value is None else f"{value:,}".replace(",", "\u202f"),
        "percent": _percent,
        "probability": _probability,
        "moment": lambda value: NOTHING if value is None else f"{value:%Y-%m-%d %H:%M} UTC",
        "day": lambda value: value if isinstance(value, str) else NOTHING if value is None else f"{value:%Y-%m-%d}",
        "hours": _hours,
        "short": lambda value: NOTHING if value is None else short_id(str(value)),
        "shown": _shown,
        "without_markup": without_markup,
        "words": _words,
        "markdown": _markdown,
    }
    environment.filters |= filters
    return environment


def _figure(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits; what is not known is a dash."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:.{digits}g}"
    # A true minus sign is as wide as a digit, so columns of numbers stand straight.
    return (f"{value:.0f}" if "e" in text and abs(value) >= 1 else text).replace("-", "\u2212")


def _percent(share: float | None, digits: int = 0) -> str:
    """A share as per cent; never 0 or 100 where it is only near."""
    if share is None or not math.isfinite(share):
        return NOTHING
    step = 10.0 ** -(digits + 2)
    if 0 < share < step / 2:
        return f"<\u202f{100 * step:.{digits}f}\u202f%"
    if 1 - step / 2 < share < 1:
        return f">\u202f{100 * (1 - step):.{digits}f}\u202f%"
    return f"{100 * share:.{digits}f}\u202f%"


def _probability(value: float | None) -> str:
    """A p-value or q-value: two digits, and in powers of ten where it is small."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value >= 0.001:
        return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
    return "<\u202f10⁻⁹" if value < 1e-9 else f"{value:.0e}".replace("e-0", "e-").replace("-", "\u2212")


def _hours(value: float | None) -> str:
    """A length of time, in the unit that one would say it in."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 1:
        return f"{60 * value:.0f} min"
    return f"{value:.1f} h" if value < 48 else f"{value / 24:.1f} days"


def _words(code: str | None) -> str:
    """A code as words: own_initiative is own initiative, and of the DSA's codes the part that tells them apart."""
    if not code:
        return NOTHING
    told = code.removeprefix("STATEMENT_CATEGORY_").removeprefix("DECISION_VISIBILITY_").removeprefix("SOURCE_")
    return told.replace("_", " ").lower()


def _markdown(text: str) -> str:
    """One line of Markdown in which no text from outside is mark-up: neither Markdown nor HTML reads it as its own."""
    return Markup(html.escape(clean_line(text, MAX_TEXT_CHARS).translate(_MARKDOWN), quote=False))  # noqa: S704 - escaped


def _shown(value: Any) -> str:
    """Whatever a table holds, as a person would write it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _figure(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or NOTHING
    return clean_line(str(value)) or NOTHING

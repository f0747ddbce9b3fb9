"""How the command line speaks: JSON for programs, tables and bars for people."""

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

BAR_CELLS = 12
UNFOLDED = 12  # as long as the short form of an id
# Where nobody looks at a terminal, there is no width to fold lines to: a file or a pager takes them whole.
WIDTH_OF_A_FILE = 1000
# Behind the last sign that JSON escapes or that is plain: DEL, C1 controls, marks of direction, lone surrogates.
_NOT_ASCII = re.compile(r"[^\x00-\x7e]+")


def print_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON array of objects to standard output and nothing else, each as soon as it is there."""
    sys.stdout.write("[")
    for number, row in enumerate(rows):
        sys.stdout.write(", " if number else "")
        sys.stdout.write(_json({name: json_value(value) for name, value in row.items()}))
    sys.stdout.write("]\n")


def _json(row: Mapping[str, Any]) -> str:
    """An object as JSON, with escapes for what drives a terminal, and for what standard output cannot write."""
    if (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8":
        return json.dumps(row)
    return _NOT_ASCII.sub(_escaped_in_json, json.dumps(row, ensure_ascii=False))


def _escaped_in_json(found: re.Match[str]) -> str:
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in found[0])


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print lines for people; names in them do not drive the terminal."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr if to_stderr else sys.stdout)


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], bar: str | None = None, title: str | None = None
) -> None:
    """Write a table; text from outside is shown as it is, never read as markup or as terminal commands.

    Args:
        rows: what to show.
        columns: which columns, in order; one that a row lacks is empty.
        bar: a column of numbers in [0, 1] that also gets a bar.
        title: shown above.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    table.title = Text(printable(title)) if title else None
    for column in columns:
        numbers = [row[column] for row in rows if row.get(column) is not None]
        is_number = bool(numbers) and all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
        # Folding keeps every character of an id or a path that somebody will copy; numbers and short words stay whole.
        longest = max((len(_shown(row.get(column))) for row in rows), default=0)
        table.add_column(
            Text(printable(column)),
            justify="right" if is_number else "left",
            overflow="fold",
            min_width=longest if is_number or longest <= UNFOLDED else UNFOLDED,
        )
    if bar:
        table.add_column("", no_wrap=True)
    for row in rows:
        cells = [Text(_shown(row.get(column))) for column in columns]
        table.add_row(*cells, *([Text(_bar(row[bar]), style="green")] if bar else []))
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE).print(table)


def printable(text: str) -> str:
    """Text with its control and direction characters shown as escapes: names must not drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _bar(share: float | None) -> str:
    return "█" * round(BAR_CELLS * min(max(share or 0.0, 0.0), 1.0))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list | tuple):
        if len(value) > 8 and all(isinstance(item, float) for item in value):
            return f"[{len(value)} numbers]"
        return printable(", ".join(map(str, value)))
    return printable(str(value))


def json_value(value: Any) -> Any:
    """A value as JSON holds it: what is no number as null, times as ISO 8601, bytes as hex."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)

"""Text and JSON that strangers wrote, made safe to store and to log.

Removed are the characters that break things downstream: NUL (SQL text), other control characters (log lines,
terminals), bidirectional overrides (a name that reads differently than it is), lone surrogates (no UTF-8
form). Everything else stays, in any language; escaping for HTML, CSV and SQL happens where text leaves the
platform.
"""

import math
import re
from typing import Any

MAX_LINE_CHARS = 300
MAX_TEXT_CHARS = 100_000
MAX_DEPTH = 20
_MAX_EXACT_INT = 2**63 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")
_BIDI_AND_MARKS = "\u202a-\u202e\u2066-\u2069\ufeff"
_NOT_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI_AND_MARKS}]")
_NOT_IN_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI_AND_MARKS}]")


def clean_text(value: object, limit: int = MAX_TEXT_CHARS) -> str:
    """Return a text of several lines; what is no text or number becomes the empty string."""
    text = _as_text(value).replace("\r\n", "\n").replace("\r", "\n")
    return _cut(_NOT_IN_TEXT.sub("", text), limit)


def clean_line(value: object, limit: int = MAX_LINE_CHARS) -> str:
    """Return a text of one line, with white space collapsed."""
    return _cut(" ".join(_NOT_IN_LINE.sub(" ", _as_text(value)).split()), limit)


def clean_lines(values: object, max_items: int, limit: int = MAX_LINE_CHARS) -> tuple[str, ...]:
    """Return the non-empty lines of a list; what is no list becomes an empty tuple."""
    if not isinstance(values, list):
        return ()
    lines = (clean_line(value, limit) for value in values[:max_items])
    return tuple(line for line in lines if line)


def clean_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return parsed JSON whose texts are clean and whose numbers any JSON reader can hold."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= _MAX_EXACT_INT else str(value)
    if isinstance(value, dict | list) and depth == 0:
        return "(nested too deeply, left out)"
    if isinstance(value, dict):
        return {clean_line(key): clean_json(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item, depth - 1) for item in value]
    return value


def _as_text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value) if isinstance(value, float) or abs(value) <= _MAX_EXACT_INT else ""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

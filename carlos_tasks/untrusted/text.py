"""Text and JSON that strangers wrote, made safe to store and to log.

Removed are the characters that break things downstream: NUL (SQL text), other control characters (log lines,
terminals), bidirectional overrides (a name that reads differently than it is), lone surrogates (no UTF-8
form). Everything else stays, in any language; escaping for HTML, CSV and SQL happens where text leaves the
platform.
"""

import html
import math
import re
import unicodedata
from functools import lru_cache
from typing import Any

import orjson

MAX_LINE_CHARS = 300
MAX_TEXT_CHARS = 100_000
MAX_DEPTH = 20
_MAX_EXACT_INT = 2**63 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")
_BIDI_AND_MARKS = "\u202a-\u202e\u2066-\u2069\ufeff"
_NOT_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI_AND_MARKS}]")
_ESCAPED_CONTROL = re.compile(
    rb"\\[bfru]"
)  # as orjson writes control characters, those of a text's lines but \r left out
# Of "<<<…", no start looks at more than one letter.
_TAG = re.compile(r"<[^<>]*>")
_NOT_IN_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI_AND_MARKS}]")


def clean_text(value: object, limit: int = MAX_TEXT_CHARS) -> str:
    """Return a text of several lines; what is no text or number becomes the empty string."""
    text = _as_text(value).replace("\r\n", "\n").replace("\r", "\n")
    if text.isprintable():
        return _cut(text, limit)
    return _cut(_NOT_IN_TEXT.sub("", text), limit)


def clean_line(value: object, limit: int = MAX_LINE_CHARS) -> str:
    """Return a text of one line, with white space collapsed."""
    if type(value) is str and len(value) <= limit and value.isprintable():  # as most are: then spaces are all there is
        return value if "  " not in value and value.strip() == value else " ".join(value.split())
    return _cut(" ".join(_NOT_IN_LINE.sub(" ", _as_text(value)).split()), limit)


def says_something(text: str | None) -> bool:
    """Tell whether a text holds a letter or a digit of any script: what is made of invisible characters does not."""
    return any(map(str.isalnum, text or ""))


def without_markup(text: str) -> str:
    """Return what a text in HTML says, in one line: a space for each tag, and its character references resolved."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def drawable(text: str, limit: int = 40) -> str:
    """Return what a font of Latin letters can draw of a text: accents go, other scripts become dots, lines are one."""
    shown = (c for c in unicodedata.normalize("NFKD", " ".join(text.split())) if not unicodedata.combining(c))
    drawn = "".join(c if " " <= c <= "~" else "·" for c in shown)
    return drawn if len(drawn) <= limit else f"{drawn[: limit - 1].rstrip()}…"


def clean_lines(values: object, max_items: int, limit: int = MAX_LINE_CHARS) -> tuple[str, ...]:
    """Return the non-empty lines of a list; what is no list becomes an empty tuple."""
    if not isinstance(values, list):
        return ()
    lines = (clean_line(value, limit) for value in values[:max_items])
    return tuple(line for line in lines if line)


def clean_json(value: Any) -> Any:
    """Return parsed JSON whose texts are clean and whose numbers any JSON reader can hold."""
    return value if is_clean_json(value) else _cleaned(value, MAX_DEPTH)


def is_clean_json(value: Any) -> bool:
    """Tell whether `clean_json` would change nothing: the JSON as one text tells it faster than its values do."""
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested too deeply, a lone surrogate, a number beyond 64 bits
        return False
    if b"\x7f" in text or _ESCAPED_CONTROL.search(text):
        return False
    return (text.isascii() or not _NOT_IN_TEXT.search(text.decode())) and _is_clean_shape([value], MAX_DEPTH + 1)


def _cleaned(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= _MAX_EXACT_INT else _digits(value)
    if isinstance(value, dict | list) and depth == 0:
        return "(nested too deeply, left out)"
    if isinstance(value, dict):
        return {clean_line(key): _cleaned(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, depth - 1) for item in value]
    return value


def _is_clean_shape(value: Any, depth: int) -> bool:
    """Tell whether everything but the texts' characters is as `_cleaned` would leave it."""
    if depth == 0 or (type(value) is dict and not all(map(_is_clean_key, value))):
        return False
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is str:
            if len(item) > MAX_TEXT_CHARS:
                return False
        elif kind is dict or kind is list:
            if not _is_clean_shape(item, depth - 1):
                return False
        elif kind is int:
            if not -_MAX_EXACT_INT <= item <= _MAX_EXACT_INT:
                return False
        elif kind is float and not math.isfinite(item):
            return False
    return True


@lru_cache(maxsize=4096)
def _is_clean_key(key: str) -> bool:
    return clean_line(key) == key


def _digits(number: int) -> str:
    """Return a number of a few hundred digits as text; Python refuses to write out the longest."""
    return str(number) if abs(number) < 10**MAX_LINE_CHARS else "(a number too long, left out)"


def _as_text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value) if isinstance(value, float) or abs(value) <= _MAX_EXACT_INT else ""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""Text that strangers wrote, made safe to store and to log.

Removed are the characters that break things downstream: NUL (SQL text), other control characters (log lines,
terminals), bidirectional overrides (a name that reads differently than it is), lone surrogates (no UTF-8
form). Everything else stays, in any language; escaping for HTML, CSV and SQL happens where text leaves the
platform.
"""

import html
import re
import unicodedata

MAX_LINE_CHARS = 300
MAX_TEXT_CHARS = 100_000
_MAX_EXACT_INT = 2**63 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")
_BIDI_AND_MARKS = "\u202a-\u202e\u2066-\u2069\ufeff"
_NOT_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI_AND_MARKS}]")
# Of "<<<…", no start looks at more than one letter.
_TAG = re.compile(r"<[^<>]*>")
_NOT_IN_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI_AND_MARKS}]")


def clean_text(value: object, limit: int = MAX_TEXT_CHARS) -> str:
    """Return a text of several lines; what is no text or number becomes the empty string."""
    if type(value) is str and "\r" not in value and value.replace("\n", "").isprintable():  # as most are
        return _cut(value, limit)
    text = _as_text(value).replace("\r\n", "\n").replace("\r", "\n")
    return _cut(_NOT_IN_TEXT.sub("", text), limit)


def clean_line(value: object, limit: int = MAX_LINE_CHARS) -> str:
    """Return a text of one line, with white space collapsed."""
    if type(value) is str and len(value) <= limit and value.isprintable():  # as most are: then spaces are all there is
        return value if "  " not in value and value.strip() == value else " ".join(value.split())
    if value is None:
        return ""
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
    return tuple([line for value in values[:max_items] if (line := clean_line(value, limit))])


def _as_text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value) if isinstance(value, float) or abs(value) <= _MAX_EXACT_INT else ""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""JSON that strangers wrote, made safe to store: clean texts, numbers that any reader can hold, bounded nesting.

Nearly every value is clean as it came. It is written once, as the text that is stored, and that text and the value's
keys and nesting tell that cleaning would change nothing. Only what is not clean is walked through value by value.
"""

import math
import re
from typing import Any

import orjson

from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.text import MAX_LINE_CHARS, MAX_TEXT_CHARS, clean_line, clean_text

MAX_DEPTH = 20
_MAX_EXACT_INT = 2**63 - 1
# An integer beyond 53 bits is seen by this option: those beyond 63 are not clean, and the rest are few.
_WRITTEN = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_NESTING = frozenset({dict, list})
# As orjson writes control characters, those of a text's lines but \r left out.
_ESCAPED_CONTROL = re.compile(rb"\\[bfru]")
# In UTF-8, the other characters that `clean_text` removes.
_NOT_IN_TEXT = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf")
# Keys that were found clean. The same few hundred come in every record; hostile ones shall not fill the memory.
_known_keys: set[str] = set()
_MAX_KNOWN_KEYS = 4096


def clean_json(value: Any) -> Any:
    """Return parsed JSON whose texts are clean and whose numbers any JSON reader can hold."""
    return _cleaned(value, MAX_DEPTH)


def clean_json_text(value: Any) -> bytes:
    """Return the canonical text of what `clean_json` makes of a value."""
    try:
        text = orjson.dumps(value, option=_WRITTEN)  # it writes NaN and infinity as null, which is what they become
    except orjson.JSONEncodeError:  # nested too deeply, a lone surrogate, a large integer
        return canonical_json(clean_json(value))
    # A text this short holds no single text that would be cut.
    if len(text) <= MAX_TEXT_CHARS and _has_clean_characters(text) and _has_clean_shape(value):
        return text
    return canonical_json(clean_json(value))


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


def _has_clean_characters(text: bytes) -> bool:
    """Tell whether JSON text holds none of the characters that `clean_text` changes; keys count as well."""
    # Single bytes are looked for at once; only a text that has one of them is searched through.
    if b"\\" in text and _ESCAPED_CONTROL.search(text):
        return False
    is_plain = text.isascii() or not (b"\xc2" in text or b"\xe2" in text or b"\xef" in text)
    return (is_plain and b"\x7f" not in text) or not _NOT_IN_TEXT.search(text)


def _has_clean_shape(value: Any) -> bool:
    """Tell whether every key is one clean line, and nothing is nested too deeply."""
    level = [value] if type(value) in _NESTING else []
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                if not _known_keys.issuperset(node) and not all(map(_is_clean_key, node)):
                    return False
                node = node.values()
            for child in node:
                if type(child) in _NESTING:
                    below.append(child)
        if not below:
            return True
        level = below
    return False


def _is_clean_key(key: str) -> bool:
    if len(key) > MAX_LINE_CHARS or clean_line(key) != key:
        return False
    if len(_known_keys) >= _MAX_KNOWN_KEYS:
        _known_keys.clear()
    _known_keys.add(key)
    return True


def _digits(number: int) -> str:
    """Return a number of a few hundred digits as text; Python refuses to write out the longest."""
    return str(number) if abs(number) < 10**MAX_LINE_CHARS else "(a number too long, left out)"

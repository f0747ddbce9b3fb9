"""The one way to write a record as bytes, so that a hash of it says the same wherever it is taken.

JSON in UTF-8: keys sorted, no spaces, no escapes that JSON does not ask for. Times are texts in UTC with microseconds.
Whoever has the record can write it so with any JSON library; nothing of CARLoS is needed to check a hash.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

from carlos_tasks.aliases import Row


def canonical_json(value: Any) -> bytes:
    """Write a value as canonical JSON.

        {"b": [1, None], "a": datetime(2026, 11, 23, 14, 30, tzinfo=UTC)}
        {"a":"2026-11-23T14:30:00.000000Z","b":[1,null]}

    Raises:
        ValueError: it holds what has no one form: a time without a zone, nan, a key that is no text, a whole number
            beyond 64 bits, a lone surrogate, a type that JSON does not know.
    """
    try:
        return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as exc:
        raise ValueError(f"no canonical JSON: {exc}") from exc


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of a record's content as canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def without_nulls(row: Row) -> Row:
    """The content of a row: a column that a table gained later is null in the rows of before, and changes no hash."""
    return {name: value for name, value in row.items() if value is not None}


def utc_text(moment: datetime) -> str:
    """Write a time as canonical JSON has it."""
    if moment.tzinfo is None:
        raise ValueError("no canonical JSON: a time without a zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"no canonical JSON: {value}")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("no canonical JSON: a key that is no text")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"no canonical JSON: a value of type {type(value).__name__}")

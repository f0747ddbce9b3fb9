"""JSON of reports, for people and programs."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson


def json_bytes(value: Any) -> bytes:
    """JSON for people and programs: two spaces, times as ISO 8601, what is no number as null."""
    how = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=_json, option=how)


def _json(value: Any) -> Any:
    """What orjson does not know: exact numbers, paths; the rest is no content of a report."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value)} has no place in a report")

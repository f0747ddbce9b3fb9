"""One JSON value of somebody else's: read in any form, written in one."""

import json
from typing import Any

import orjson


class NotJson(ValueError):
    """The text is not JSON, or not of the shape that is asked for."""


def parse(text: bytes) -> object:
    """Parse one value; what Python's own parser takes beside the standard (NaN, lone surrogates) is taken too.

    Raises:
        NotJson: not JSON, or nested too deeply.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise NotJson("not JSON") from exc


def parse_file(data: bytes) -> object:
    """Parse a JSON file in any encoding that editors write: UTF-8, UTF-16 (with a mark in front or not), Windows' own.

    Raises:
        NotJson: as `parse`.
    """
    try:
        return parse(data)
    except NotJson:
        return parse(data.decode("cp1252", errors="replace").encode())


def canonical_json(value: Any) -> bytes:
    """Write JSON in the one way that is hashed: sorted keys, no spaces, no NaN."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

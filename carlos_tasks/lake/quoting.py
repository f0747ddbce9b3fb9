"""Texts as SQL literals, for the few statements that take no parameters, and as names of files."""

import re

_OF_PATTERNS = re.compile(r"[\[*?]")


def literal(text: str) -> str:
    """Quote a text as a SQL literal.

    Raises:
        ValueError: it holds a NUL, which no SQL text can.
    """
    if "\0" in text:
        raise ValueError("a SQL literal cannot hold a NUL")
    return "'" + text.replace("'", "''") + "'"


def as_pattern(url: str) -> str:
    """The pattern that DuckDB matches with this file alone: it takes every name of a file as a pattern."""
    return _OF_PATTERNS.sub(r"[\g<0>]", url)

"""The words of a statement as DuckDB's own lexer splits it, so that no comment and no quote deceives the gate.

Needed where `json_serialize_sql` gives no tree: before EXPLAIN, within PIVOT, and for COPY.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

_NAME = re.compile(rb"[A-Za-z_]\w*")
_LITERAL = re.compile(rb"'(?:[^']|'')*'")


@dataclass(frozen=True)
class Word:
    """A token: where it begins, in bytes; its kind for DuckDB; and its text.

    The text is a name in small letters, a whole literal in single quotes, or else the first character.
    """

    start: int
    kind: str
    text: str


def words_of(text: str) -> list[Word]:
    """The tokens of a text without its comments; those after an unended quote are missing."""
    content = text.encode()
    return [Word(start, kind.name, _text(content, start, kind.name)) for start, kind in duckdb.tokenize(text)]


def _text(content: bytes, start: int, kind: str) -> str:
    if kind in {"keyword", "identifier"} and (name := _NAME.match(content, start)):
        return name[0].decode().lower()
    if kind == "string_const" and (literal := _LITERAL.match(content, start)):
        return literal[0].decode()
    return content[start : start + 1].decode(errors="replace")


def depths(words: Sequence[Word]) -> list[int]:
    """How many brackets are open at each word; a bracket stands outside of what it holds."""
    found, open_ = [], 0
    for word in words:
        is_bracket = word.kind == "operator"
        open_ -= is_bracket and word.text in ")]}"
        found.append(open_)
        open_ += is_bracket and word.text in "([{"
    return found


def between(text: str, start: int, end: int | None) -> str:
    """The part of a text between two places given in bytes."""
    return text.encode()[start:end].decode()

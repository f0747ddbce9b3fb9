"""What the DSA transparency database answers to a call with several statements, read by statement.

Source: github.com/digital-services-act/transparency-database, StatementMultipleAPIController. It takes a call
whole (201, `{"statements": [{"puid": …}]}`) or not at all (422). `errors` then names statements by their place in the
call (`statement_0`), or lists ids that it has already (`existing_puids`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from carlos_tasks.aliases import Json, Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.untrusted.text import clean_text

MAX_CHARS = 1_000_000
MAX_SAID_CHARS = 2_000
_PLACE = re.compile(r"statements?[_.](\d{1,3})(?:\.(.+))?")


@dataclass(frozen=True)
class DatabaseAnswer:
    """An answer: as it came, what it says of single statements by puid, and which it has already."""

    text: str | None = None
    faults: dict[str, str] = field(default_factory=dict)
    known: tuple[str, ...] = ()

    def columns(self) -> Row:
        """Its columns of core.submission."""
        return {
            "answer": self.text,
            "faults": orjson.dumps(self.faults, option=orjson.OPT_SORT_KEYS).decode() if self.faults else None,
            "known_puids": list(self.known),
        }


def read_answer(text: str, puids: Sequence[str], state: str) -> DatabaseAnswer:
    """Read what the database answered to a file.

    Args:
        text: the answer, JSON.
        puids: of the file's statements, in their order.
        state: accepted or refused: what it is said to be.

    Raises:
        CarlosError: it is no answer, or not that of this file, or says something else.
    """
    kept = clean_text(text, MAX_CHARS)
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise CarlosError("the answer is no JSON: keep what the database sent, as it came") from exc
    if not isinstance(answer, dict):
        raise CarlosError("the answer is no JSON object: keep what the database sent, as it came")
    is_taken = "statements" in answer and "errors" not in answer
    if is_taken != (state == "accepted"):
        raise CarlosError(f"the answer says that the file was {'accepted' if is_taken else 'refused'}, not {state}")
    if is_taken:
        if _puids(answer["statements"]) != set(puids):
            raise CarlosError("the answer is about other statements than those of the file")
        return DatabaseAnswer(kept)
    errors = answer.get("errors")
    errors = errors if isinstance(errors, dict) else {}
    known = [puid for puid in puids if puid in _texts(errors.get("existing_puids"))]
    faults = _faults(errors, puids)
    faults |= dict.fromkeys(known, "the database has it already")
    return DatabaseAnswer(kept, faults, tuple(known))


def _faults(errors: Json, puids: Sequence[str]) -> dict[str, str]:
    """Return what is said of each statement: `statement_3` is the fourth of the call."""
    said: dict[str, list[str]] = {}
    for name, given in errors.items():
        place = _PLACE.fullmatch(name)
        if place and int(place[1]) < len(puids):
            words = f"{place[2]}: {_words(given)}" if place[2] else _words(given)
            said.setdefault(puids[int(place[1])], []).append(words)
    return {puid: clean_text("; ".join(words), MAX_SAID_CHARS) for puid, words in said.items()}


def _words(given: Any) -> str:
    if isinstance(given, dict):
        return "; ".join(f"{name}: {_words(value)}" for name, value in given.items())
    return " ".join(_texts(given)) if isinstance(given, list) else str(given)


def _puids(statements: Any) -> set[str]:
    listed = statements if isinstance(statements, list) else []
    return {str(one["puid"]) for one in listed if isinstance(one, dict) and "puid" in one}


def _texts(given: Any) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list) else []

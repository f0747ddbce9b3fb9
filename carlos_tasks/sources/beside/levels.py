"""JSON objects of strangers: fields found under any spelling of their name, and only where they say something.

{"TrainedWords": […]}, {"trained_words": […]}, {"trained words": […]}     all are `trainedwords`
{"sd version": "Unknown"}                                                 says nothing
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from carlos_tasks.untrusted.json_values import NotJson, parse_file
from carlos_tasks.untrusted.text import clean_line

_NOT_IN_NAME = re.compile(r"[^a-z0-9]")
_MAX_NAME_CHARS = 64
_SAYS_NOTHING = frozenset({"", "unknown", "none", "null", "undefined", "n/a", "nan"})
_EXTRA_NETWORK = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>", re.IGNORECASE)  # prompt syntax that loads a file
_BETWEEN_WORDS = re.compile(r"[,;\n]")
_WORD_FIELDS = ("word", "name", "text", "tag", "value")


def says(value: object) -> bool:
    """Tell whether a value says something."""
    if isinstance(value, str):
        return value.strip().lower() not in _SAYS_NOTHING
    return value is not None and value not in ([], {})


class Level:
    """One object: its fields by their names in lower case, without spaces, dots and the like."""

    def __init__(self, raw: object) -> None:
        self.raw: Mapping[str, Any] = raw if isinstance(raw, dict) else {}

    def __bool__(self) -> bool:
        return bool(self.raw)

    def get(self, *names: str) -> Any:
        """Return the first of several fields that says something, or None."""
        return next((value for name in names for value in self._fields.get(name, ())), None)

    def level(self, name: str) -> "Level":
        """Return an object in a field; an empty one where there is none."""
        return next((Level(value) for value in self._fields.get(name, ()) if isinstance(value, dict)), Level(None))

    def levels(self, name: str) -> list["Level"]:
        """Return the objects of a list in a field."""
        value = self.get(name)
        return [Level(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    @cached_property
    def _fields(self) -> Mapping[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for key, value in self.raw.items():
            if len(key) <= _MAX_NAME_CHARS and says(value):
                found.setdefault(_NOT_IN_NAME.sub("", key.lower()), []).append(value)
        return found


def words_of(value: object) -> list[str]:
    """Return words that are written as a list, as a list of objects, or as one text with commas.

    rgthree lists tags of the training captions among its words, marked as `metadata`: they are no trigger words.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_file(value.encode(errors="replace"))
        except NotJson:
            return []
    if isinstance(value, str):
        return [word for part in _BETWEEN_WORDS.split(value) if (word := _word(part))]
    return [word for item in value if (word := _word(item))] if isinstance(value, list) else []


def _word(item: object) -> str:
    if isinstance(item, dict):
        fields = Level(item)
        if fields.get("metadata") is True and not (fields.get("civitai") is True or fields.get("user") is True):
            return ""
        item = fields.get(*_WORD_FIELDS)
    if isinstance(item, int) and not isinstance(item, bool):  # a year, as a word
        item = clean_line(item)
    if not isinstance(item, str):
        return ""
    word = clean_line(_EXTRA_NETWORK.sub(" ", item), len(item) + 1).strip(" ,;")
    return word if says(word) else ""

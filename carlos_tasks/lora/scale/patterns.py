"""`rank_pattern` and `alpha_pattern` of PEFT: numbers for modules by name, matched as PEFT matches them.

PEFT takes each key as a regular expression for a module's name from any dot on, and the first key that matches counts.
The keys are a stranger's, and some expressions take hours. So plain names are looked up, and of the others only those
that are quickly matched are followed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MAX_KEYS = 8192  # a large transformer has a thousand modules
MAX_KEY_CHARS = 300
MAX_EXPRESSIONS = 8
MAX_NAME_CHARS = 200  # of a module that expressions are matched with
_NAME = re.compile(r"[\w.-]+")
# What an expression may be made of: letters and escaped dots, numbers, anything, one of several names. Numbers end at
# something else, and no group is repeated: else matching could take all time.
_NUMBER = r"(?:\\d|\[0-9\])(?:\+(?=\\\.|[A-Za-z_)$-]|$))?"
_EXPRESSION = re.compile(rf"\^?(?:[\w-]|\\\.|\.[*+]?|{_NUMBER}|\((?:\?:)?[\w.|-]{{1,200}}\))+\$?")
_ANYTHING = re.compile(r"(?<!\\)\.[*+]")


@dataclass(frozen=True)
class Patterns:
    """Numbers by module: of plain names with their place in the order, and of expressions."""

    names: Mapping[str, tuple[int, float]]
    expressions: tuple[tuple[int, re.Pattern[str], float], ...]

    def find(self, module_names: Iterable[str]) -> float | None:
        """Return the number for a module that goes by these names, or None if no key is for it."""
        found = [hit for name in module_names for hit in self._hits(name)]
        return min(found)[1] if found else None

    def _hits(self, name: str) -> Iterator[tuple[int, float]]:
        starts = [0, *(place + 1 for place, letter in enumerate(name) if letter == ".")]
        for start in starts:
            if hit := self.names.get(name[start:]):
                yield hit
        for place, expression, number in self.expressions:
            tried = starts[:1] if _is_for_all(expression.pattern) else starts
            if len(name) <= MAX_NAME_CHARS and any(expression.fullmatch(name, start) for start in tried):
                yield place, number


NO_PATTERNS = Patterns({}, ())


def compile_patterns(numbers: Mapping[str, float]) -> Patterns | None:
    """Compile a pattern of a configuration; None if there is a key that cannot be followed."""
    if len(numbers) > MAX_KEYS:
        return None
    names: dict[str, tuple[int, float]] = {}
    expressions = []
    for place, (key, number) in enumerate(numbers.items()):
        if len(key) > MAX_KEY_CHARS:
            return None
        plain = key.replace("\\.", ".")
        if _NAME.fullmatch(plain):
            names.setdefault(plain, (place, number))
        elif (expression := _compiled(key)) is not None:
            expressions.append((place, expression, number))
        else:
            return None
    return Patterns(names, tuple(expressions)) if len(expressions) <= MAX_EXPRESSIONS else None


def _is_for_all(key: str) -> bool:
    """Tell whether an expression is for whole names: it says so, or starts with anything."""
    return key.startswith(("^", ".*"))


def _compiled(key: str) -> re.Pattern[str] | None:
    is_slow = len(_ANYTHING.findall(key)) > 1 + _is_for_all(key) or key.count("(") > 1
    if is_slow or not _EXPRESSION.fullmatch(key):
        return None
    try:
        return re.compile(key)
    except re.error:
        return None

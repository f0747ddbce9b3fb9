"""What is wrong with a policy, told by file and field: what its files say, and what an encoder makes of its texts."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from pydantic import ValidationError

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, PassingError, SettingsError
from carlos_tasks.policies.policy import Concept, Policy
from carlos_tasks.policies.schema import NEUTRAL

_SAID = {"missing": "is missing", "extra_forbidden": "is no field here", "too_short": "is empty: give one or more"}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field of one file of a policy."""

    file: str
    field: str
    fault: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.file}: {self.field}: {self.fault}" if self.field else f"{self.file}: {self.fault}"

    def row(self) -> Row:
        """The same by column."""
        return asdict(self)


def told_by_field(file: str, exc: ValidationError) -> list[Fault]:
    """What pydantic says of a file, as faults."""
    return [
        Fault(
            file,
            ".".join(map(str, error["loc"])),
            _SAID.get(error["type"], error["msg"].removeprefix("Value error, ")),
        )
        for error in exc.errors()
    ]


def refused_texts(policy: Policy, encode: Callable[[str], object]) -> Iterator[Fault]:
    """The texts of a policy that an encoder refuses, or sees nothing in.

    Args:
        policy: whose texts are tried.
        encode: a text to its vector; raises CarlosError.

    Raises:
        PassingError, SettingsError: the encoder cannot be loaded.
    """
    asked = [(concept.file, field, text) for concept in policy.concepts for field, text in _texts_of(concept)]
    for file, field, text in [*asked, *((NEUTRAL, "", text) for text in policy.neutral_texts)]:
        try:
            encode(text)
        except (PassingError, SettingsError):
            raise
        except CarlosError as exc:
            yield Fault(file, field, f"{text!r} cannot be asked for: {exc}")


def _texts_of(concept: Concept) -> list[tuple[str, str]]:
    return [("texts", text) for text in concept.texts] + [("counter_texts", text) for text in concept.counter_texts]

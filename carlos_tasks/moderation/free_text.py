"""The texts that people write into decisions, notices, submissions and keys: their length, and that all of it shows."""

import unicodedata

from carlos_tasks.errors import CarlosError
from carlos_tasks.untrusted.unseen import unseen_character

#: Most characters of each text.
LIMITS = {
    "reasons": 5000,
    "ground_reference": 500,
    "analyst": 200,
    "assignee": 200,
    "sender": 500,
    "text": 20_000,
    "recorded_by": 200,
    "name": 200,
    "reason": 500,
}


def check_text(name: str, text: str | None) -> None:
    """Refuse a text that is too long, or holds a character that nobody sees.

    Args:
        name: which of `LIMITS` it is.
        text: what somebody wrote; None: nothing.

    Raises:
        CarlosError: the message says what it holds, and where.
    """
    if text is None:
        return
    if len(text) > LIMITS[name]:
        raise CarlosError(f"{name} has {len(text)} characters: at most {LIMITS[name]}")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t" for character in text):
        raise CarlosError(f"{name} holds a control character: write plain text")
    if found := unseen_character(text):
        raise CarlosError(f"{name} holds {found}, which nobody sees: write it without")

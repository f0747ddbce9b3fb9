"""Query texts as people give them: brought to one form, and read with a weight."""

import re
import unicodedata

from carlos_tasks.errors import CarlosError

# Lucene's boost. What follows the last ^ must be a number, or else the ^ is part of the text.
_WEIGHTED = re.compile(r"(?P<text>.*\S)\s*\^\s*(?P<weight>[+-]?(\d+\.?\d*|\.\d+))\s*", re.DOTALL)


def normalised_text(text: str) -> str:
    """Return a query text in the form that it is encoded and kept in: Unicode NFC, single spaces.

    Raises:
        CarlosError: nothing is left of it, or it holds a control character.
    """
    asked = " ".join(unicodedata.normalize("NFC", text).split())
    if not asked:
        raise CarlosError("the query is empty: say what the LoRA should do, e.g. carlos search 'pencil sketch'")
    # A lone surrogate (Cs) is what Python makes of bytes that are no UTF-8.
    strange = next((sign for sign in asked if unicodedata.category(sign) in ("Cc", "Cs")), None)
    if strange is not None:
        raise CarlosError(f"the query holds a control character (U+{ord(strange):04X}): leave it out")
    return asked


def parse_weighted(text: str) -> tuple[str, float]:
    """Read a text with its weight: "night^0.5" is ("night", 0.5), and without a weight it is 1.

    Raises:
        CarlosError: the weight is not above 0.
    """
    found = _WEIGHTED.fullmatch(text)
    if found is None:
        return text, 1.0
    weight = float(found["weight"])
    if weight <= 0:
        raise CarlosError(f"{text!r}: a weight is above 0; ask for what is not wanted by itself (--not)")
    return found["text"], weight

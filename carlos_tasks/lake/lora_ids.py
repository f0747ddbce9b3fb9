"""LoRAs by their ids as people type and read them."""

import re
from collections.abc import Iterable

from carlos_tasks.errors import NotFound

_SHA256 = re.compile("[0-9a-f]{64}")


def named_id(given: str, lora_ids: Iterable[str]) -> str | None:
    """The one of some ids that a text names: whole, or by its first digits; None where it names none.

    A whole id may be where others begin: civitai-21221 and civitai-212213.

    Args:
        given: what somebody typed; spaces around it and capitals do not count.
        lora_ids: those it may name. Of a query, the first two in their order are enough: a whole id is the first.

    Raises:
        NotFound: it names more than one.
    """
    wanted = given.strip().lower()
    found = [lora_id for lora_id in lora_ids if wanted and lora_id.startswith(wanted)]
    if wanted in found:
        return wanted
    if len(found) > 1:
        raise NotFound(f"more than one LoRA id begins with {given!r}: give more of its digits")
    return found[0] if found else None


def short_id(text: str, digits: int = 12) -> str:
    """The first digits of a hash, which name a LoRA as well; any other text as it is."""
    return text[:digits] if _SHA256.fullmatch(text) else text

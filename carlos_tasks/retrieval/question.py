"""What somebody asks for, as they say it, and the query that it becomes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carlos_tasks.errors import CarlosError

if TYPE_CHECKING:
    import duckdb

    from carlos_tasks.profiles.profile import Profile
    from carlos_tasks.retrieval.query import Part, Query
    from carlos_tasks.settings import Settings
    from carlos_tasks.store.objects import Objects


@dataclass(frozen=True)
class Question:
    """All that one query asks for; the parts are added up, each by its weight.

    Texts and LoRA ids may end in a weight, as in `night^0.5`; without one it is 1.

    Args:
        texts: effects that are wanted.
        not_texts: effects that are unwanted; they only ever lower a score.
        like: LoRAs whose effect is wanted; they are left out of the answer.
        unlike: LoRAs whose effect is unwanted; left out as well.
        images: pictures, or folders of them, that look as wanted.
        before: pictures without the effect, as many as `after`.
        after: the same pictures with it, in the same order.
    """

    texts: tuple[str, ...] = ()
    not_texts: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    images: tuple[Path, ...] = ()
    before: tuple[Path, ...] = ()
    after: tuple[Path, ...] = ()


def make_query(
    con: "duckdb.DuckDBPyConnection",
    profile: "Profile",
    settings: "Settings",
    store: "Objects",
    question: Question,
) -> "Query":
    """Turn a question into a query of one profile.

    Args:
        con: the lake, for the Directions of LoRAs and the mean of the baseline.
        profile: names encoder and retrieval prompts.
        settings: the device.
        store: where query vectors are kept.
        question: what is asked for.

    Raises:
        CarlosError: nothing is wanted, a text is empty or too long, a picture cannot be read, pictures do not pair.
        NotFound: a LoRA that is named is not there.
    """
    # The command line reads this module before it knows whether anything is asked.
    from carlos_tasks.retrieval.query import Query
    from carlos_tasks.retrieval.query_parts import image_part, lora_part, pair_part, parse_weighted, text_part

    if not (question.texts or question.like or question.images or question.before or question.after):
        raise CarlosError("nothing is asked for: name an effect, e.g. carlos search 'pencil sketch'")
    parts: list[Part] = []
    for sign, texts in ((1.0, question.texts), (-1.0, question.not_texts)):
        for text, weight in map(parse_weighted, texts):
            parts.append(text_part(profile, text, sign * weight, settings.device, store))
    named = set()
    for sign, lora_ids in ((1.0, question.like), (-1.0, question.unlike)):
        for lora_id, weight in map(parse_weighted, lora_ids):
            found, part = lora_part(con, profile, lora_id, sign * weight)
            parts.append(part)
            named.add(found)
    if question.images:
        parts.append(image_part(con, profile, question.images, 1.0, settings))
    if question.before or question.after:
        parts.append(pair_part(profile, question.before, question.after, 1.0, settings))
    return Query(profile.profile_id, tuple(parts), frozenset(named))

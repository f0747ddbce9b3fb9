"""One question at a time: search, similar, show. Whoever asks many holds a `Searcher`."""

from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.errors import NotFound
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.lora_ids import named_id
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.profiles.compared import compared_profiles
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.retrieval.question import Question
from carlos_tasks.retrieval.searcher import Searcher
from carlos_tasks.settings import Settings

__all__ = ["Searcher", "search", "show", "similar"]


def search(settings: Settings, question: Question | str, k: int = 10, **how: Any) -> list[Row]:
    """The k LoRAs that do best what is asked for, best first.

    Args:
        settings: where the lake lies, and which profile is searched.
        question: a text, or a question of several parts.
        k: how many at most.
        how: filters, diversity, group_at, n_bootstrap, as `Searcher.search` takes them.

    Returns:
        Rows as of `Searcher.search`.

    Raises:
        CarlosError: the text is empty or too long, or k or a filter is wrong.
        NotFound: there is no lake yet.
    """
    with Searcher(settings) as searcher:
        return searcher.search(question, k, **how)


def similar(settings: Settings, lora_id: str, k: int = 10, **how: Any) -> list[Row]:
    """The k LoRAs whose Direction is nearest to that of another one, best first.

    Args:
        settings: where the lake lies, and which profile is searched.
        lora_id: a whole id, or its first digits where they name only one.
        k: how many at most.
        how: as in `search`.

    Raises:
        NotFound: no LoRA, or more than one, has that id.
        CarlosError: the LoRA has no Direction to compare with.
    """
    return search(settings, Question(like=(lora_id,)), k, **how)


def show(settings: Settings, lora_id: str) -> Row:
    """All that the lake knows of one LoRA under the profile, or else under one that this is compared with.

    Args:
        settings: where the lake lies, and which profile is searched.
        lora_id: a whole id, or its first digits where they name only one.

    Raises:
        NotFound: no LoRA, or more than one, has that id.
    """
    profile = load_profile(settings.profile)
    with connect(settings) as con, lake_errors():
        found = rows(
            con,
            statement("ask/retrieval/named_lora"),
            {
                "profile_ids": [compared.profile.profile_id for compared in compared_profiles(profile)],
                "lora_id": lora_id.strip().lower(),
            },
        )
    facts = {row["lora_id"]: row for row in found}
    named = named_id(lora_id, facts)
    if named is None:
        raise NotFound(f"no LoRA {lora_id!r} is indexed under profile {profile.name}: see carlos sql 'from mart.lora'")
    return facts[named]

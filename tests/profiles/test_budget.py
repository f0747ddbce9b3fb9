"""The order in which pairs are drawn, and looks at them."""

from collections import Counter
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from carlos_tasks.errors import SettingsError
from carlos_tasks.profiles.budget import balanced
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.profiles.prompts import Prompt

BUDGET = {
    "order": "balanced",
    "looks": [30, 60, 120],
    "settled": {"direction_cosine": 0.98, "strength_error": 0.02, "status_errors": 2.0},
}


def prompts(**counts: int) -> list[Prompt]:
    """So many prompts of each category, in subcategories of three."""
    return [
        Prompt(prompt_id=f"{category}-{n}", category=category, subcategory=f"{category}-{n // 3}", text=f"{n}")
        for category, count in counts.items()
        for n in range(count)
    ]


def test_every_prefix_is_balanced() -> None:
    order = balanced(prompts(a=30, b=15, c=15), (4, 2))
    assert len(set(order)) == len(order) == 120
    for n in range(1, 121):
        counts = Counter(prompt.category for prompt, _ in order[:n])
        assert abs(counts["a"] - n / 2) <= 1
        assert abs(counts["b"] - n / 4) <= 1
        by_prompt = Counter(prompt.prompt_id for prompt, _ in order[:n])
        assert max(by_prompt.values()) - min([*by_prompt.values(), n // 60]) <= 1
    assert {seed for _, seed in order[:60]} == {4}
    # Subcategories come in turn, too: none a second time before each has come once.
    first = [prompt.subcategory for prompt, _ in order[:60] if prompt.category == "a"]
    assert len(set(first[:10])) == 10


def test_the_order_follows_from_the_prompts_alone() -> None:
    some = prompts(a=6, b=6)
    assert balanced(some, (0,)) == balanced(some, (0,))
    # Only which of two equal places comes first depends on ids, never on how the file is sorted.
    assert [p.category for p, _ in balanced(some[::-1], (0,))] == [p.category for p, _ in balanced(some, (0,))]


def with_budget(**changes: Any) -> Profile:
    document = load_profile("micro").model_dump(mode="json")
    return Profile.model_validate(document | {"budget": BUDGET | changes})


def test_shards_end_at_looks_and_the_baseline_has_every_pair() -> None:
    profile = with_budget()
    sizes = [len(pairs) for pairs in profile.shards()]
    assert sizes == [30, 30, 40, 20]
    assert [pair for pairs in profile.shards() for pair in pairs] == profile.drawn()
    assert [pair for pairs in profile.baseline_shards() for pair in pairs] == profile.pairs()
    assert set(profile.drawn()) == set(profile.pairs())
    assert len(profile.baseline_shards()) == 3


def test_a_budget_is_no_part_of_the_identity() -> None:
    assert with_budget().profile_id == with_budget(looks=[40, 120]).profile_id == "7f31a931d2d804c1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"looks": [60, 30]}, "are to grow"),
        ({"looks": [30, 30]}, "are to grow"),
        ({"looks": [1, 30]}, "from 2 pairs on"),
        ({"looks": []}, "at least 1 item"),
        ({"order": "random"}, "balanced"),
        ({"order": None}, "balanced"),
        ({"settled": {"direction_cosine": 1.0, "strength_error": 0.02, "status_errors": 2}}, "less than 1"),
        ({"settled": {"direction_cosine": 0.9, "strength_error": 0.02, "status_errors": 0}}, "greater than 0"),
    ],
)
def test_what_is_no_budget_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        with_budget(**changes)


def test_a_budget_without_an_order_is_refused() -> None:
    document = load_profile("micro").model_dump(mode="json")
    with pytest.raises(ValidationError, match="order"):
        Profile.model_validate(document | {"budget": {"looks": [30], "settled": BUDGET["settled"]}})


def test_a_look_at_more_pairs_than_there_are_is_refused() -> None:
    with pytest.raises(SettingsError, match="a look at 140 pairs, of which there are 120"):
        with_budget(looks=[30, 140]).shards()


def test_prompts_of_one_category_cannot_be_balanced(tmp_path: Any) -> None:
    from tests.commit.small_index import small_profile

    profile = small_profile(tmp_path, n_prompts=1, budget={**BUDGET, "looks": [2, 3]})
    with pytest.raises(SettingsError, match="one category"):
        profile.looks()


def test_pairs_without_a_budget_go_prompt_by_prompt() -> None:
    profile = load_profile("sdxl-paper")
    assert profile.budget is None
    expected = list(product(profile.indexing_prompts().prompts, profile.identity.seeds))
    assert profile.drawn() == profile.pairs() == expected

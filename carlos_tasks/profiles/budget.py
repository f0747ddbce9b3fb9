"""How many pairs a LoRA is measured with: the order in which they are drawn, the looks at them, and when it is settled.

A look is a number of pairs after which the estimates are taken. Most LoRAs are settled at the first looks; the last one
is the most that any gets. A profile without a budget draws all its pairs for every LoRA, as the paper does.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Literal

from pydantic import Field, model_validator

from carlos_tasks.profiles.prompts import Frozen, Prompt

Pair = tuple[Prompt, int]


class Settled(Frozen):
    """When a LoRA needs no further pair."""

    direction_cosine: float = Field(gt=0, lt=1, description="lower bound of the cosine with the Direction of all pairs")
    strength_error: float = Field(gt=0, lt=1, description="standard error of Strength, as a share of it")
    status_errors: float = Field(
        gt=0, description="standard errors between each measure and the thresholds of its status"
    )


class Budget(Frozen):
    """The order in which pairs are drawn, and the numbers of pairs after which the estimates are looked at.

    `balanced`: every prompt with the first seed, then with the second, and so on; within a seed, categories and
    subcategories in turn, so that each prefix holds of each its share.
    """

    order: Literal["balanced"]
    looks: tuple[int, ...] = Field(min_length=1)
    settled: Settled

    @model_validator(mode="after")
    def _grows(self) -> "Budget":
        if self.looks[0] < 2 or any(after <= before for before, after in pairwise(self.looks)):
            raise ValueError(f"the looks {list(self.looks)} are to grow, from 2 pairs on")
        return self

    @property
    def most(self) -> int:
        """The pairs of a LoRA that is measured as far as it goes."""
        return self.looks[-1]


def balanced(prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Pair]:
    """Every (prompt, seed), in an order of which each prefix is balanced over categories, prompts and seeds."""
    in_turn = _in_turn(prompts)
    return [(prompt, seed) for seed, prompt in product(seeds, in_turn)]


def _in_turn(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Categories in turn, each as often as its share asks, and the subcategories of each in the same way."""
    by_category = defaultdict(list)
    for prompt in prompts:
        by_category[prompt.category].append(prompt)
    return _merged([_merged(_by_subcategory(own)) for own in by_category.values()])


def _by_subcategory(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    found = defaultdict(list)
    # In an order of their own, and not that of the file: who writes prompts puts like beside like.
    for prompt in sorted(prompts, key=_shuffled):
        found[prompt.subcategory].append(prompt)
    return list(found.values())


def _merged(lists: Sequence[Sequence[Prompt]]) -> list[Prompt]:
    """The middle of each item's share of its list says when it comes."""
    placed = [((number + 0.5) / len(own), _shuffled(item), item) for own in lists for number, item in enumerate(own)]
    return [item for *_, item in sorted(placed, key=lambda found: found[:2])]


def _shuffled(prompt: Prompt) -> str:
    return hashlib.sha256(prompt.prompt_id.encode()).hexdigest()

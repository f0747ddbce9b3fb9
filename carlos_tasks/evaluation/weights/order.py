"""What the order of the backlog saves: how many LoRAs are measured until every effect is found."""

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Mask
from carlos_tasks.evaluation.weights.described import Described

_SHARES = (0.5, 0.9, 1.0)


def orders(found: Described, near: Mask, n_repeats: int, seed: int) -> list[Row]:
    """One row for each order: how many LoRAs are measured, in the mean, until that share of the effects has one.

    Args:
        near: which pairs are near by their weights, as mart.backlog takes them: (n, n).
        n_repeats: random orders of arrival.
    """
    rng = np.random.default_rng(seed)
    needed: dict[str, list[list[int]]] = {"arrival": [], "near to nothing known first": []}
    for _ in range(n_repeats):
        arrived = rng.permutation(len(found.numbers))
        needed["arrival"].append(_needed(found, arrived))
        needed["near to nothing known first"].append(_needed(found, unknown_first(arrived, near)))
    return [
        {"order": name, "n_loras": len(found.numbers)}
        | {f"n_until_{share:.0%}": mean for share, mean in zip(_SHARES, np.mean(counts, axis=0).tolist(), strict=True)}
        for name, counts in needed.items()
    ]


def unknown_first(arrived: NDArray[np.intp], near: Mask) -> NDArray[np.intp]:
    """Put those behind that are near to one that arrived before them."""
    is_near = np.array([bool(near[own, arrived[:place]].any()) for place, own in enumerate(arrived)])
    return np.concatenate([arrived[~is_near], arrived[is_near]])


def _needed(found: Described, order: NDArray[np.intp]) -> list[int]:
    """How many LoRAs come until each share of the effects has one."""
    effects = frozenset[str]().union(*found.effects)
    first: dict[str, int] = {}
    for place, number in enumerate(order, start=1):
        for effect in found.effects[number]:
            first.setdefault(effect, place)
    places = sorted(first.values())
    return [places[max(0, int(np.ceil(share * len(effects))) - 1)] for share in _SHARES]

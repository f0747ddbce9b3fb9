"""How well a Direction is guessed from the weights alone, each LoRA's from trainings other than its own."""

from collections.abc import Callable

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.evaluation.corpus.measures import interval
from carlos_tasks.evaluation.weights.described import Described

_RIDGE = 0.1  # of a kernel whose diagonal is 1
_NEIGHBOURS = 3


def guesses(found: Described, n_bootstrap: int, seed: int) -> list[Row]:
    """One row for each way to guess: the mean cosine of the guessed and the measured Direction."""
    names = [str(number) for number in found.numbers]
    units = found.units.astype(np.float64)
    rows: list[Row] = []
    for name, guess in WAYS.items():
        cosines = []
        for number, known in enumerate(found.is_other_training):
            guessed = guess(found.cosines["output"], units, number, known)
            length = np.linalg.norm(guessed)
            cosines.append(float(guessed @ units[number] / length) if length else 0.0)
        told = np.array(cosines)
        low, high = interval(told, names, n_bootstrap, seed, is_share=False)
        rows.append(
            {
                "guessed_from": name,
                "cosine": float(told.mean()),
                "cosine_low": low,
                "cosine_high": high,
                "median_cosine": float(np.median(told)),
                "share_above_0.9": float((told >= 0.9).mean()),
                "n_loras": len(told),
            }
        )
    return rows


def _mean(kernel: Doubles, units: Doubles, number: int, known: Mask) -> Doubles:
    mean: Doubles = units[known].mean(axis=0)
    return mean


def _nearest(kernel: Doubles, units: Doubles, number: int, known: Mask) -> Doubles:
    return units[int(np.where(known, kernel[number], -np.inf).argmax())]


def _neighbours(kernel: Doubles, units: Doubles, number: int, known: Mask) -> Doubles:
    """The mean of the nearest, each by how far it stands above the mean of all."""
    near = np.argsort(-np.where(known, kernel[number], -np.inf), kind="stable")[:_NEIGHBOURS]
    weights = np.maximum(kernel[number, near] - kernel[number, known].mean(), 0.0)
    guessed: Doubles = weights @ units[near]
    return guessed


def _ridge(kernel: Doubles, units: Doubles, number: int, known: Mask) -> Doubles:
    """Kernel ridge regression of what a Direction has beyond the mean of all."""
    mean = units[known].mean(axis=0)
    own = kernel[np.ix_(known, known)]
    level = own.mean(axis=0)
    centred = own - level - level[:, None] + level.mean()
    answers = np.linalg.solve(centred + _RIDGE * np.eye(len(own)), units[known] - mean)
    row = kernel[number, known] - level
    guessed: Doubles = mean + (row - row.mean()) @ answers
    return guessed


WAYS: dict[str, Callable[[Doubles, Doubles, int, Mask], Doubles]] = {
    "the mean of all": _mean,
    "the nearest": _nearest,
    f"the {_NEIGHBOURS} nearest": _neighbours,
    "ridge regression": _ridge,
}

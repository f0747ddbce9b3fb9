"""How far the mean over the pairs that were drawn may be from that over all pairs of the profile.

Pairs are drawn from a finite set: P prompts with S seeds each. The mean over some errs for two reasons: prompts differ,
and not every prompt was drawn as often as the others; and seeds of one prompt differ, of which some were drawn.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carlos_tasks.arrays import Doubles
from carlos_tasks.representation.pairs import Numbers


@dataclass(frozen=True)
class MeanError:
    """What is known of the error of a mean of vectors, |mean - mean of all|².

    Args:
        expected: its expected value.
        freedom: the number of independent directions that it is made of, which says how much it varies (Satterthwaite).
        n_estimated_from: differences that both were estimated from.
    """

    expected: float
    freedom: float
    n_estimated_from: int

    def upper(self, n_errors: float) -> float:
        """What the squared error exceeds as rarely as a normal variable exceeds so many standard deviations.

        The quantile of χ² after Wilson and Hilferty (1931); that `expected` is an estimate widens it.
        """
        if not self.expected > 0:
            return 0.0
        variance = 2 / (9 * self.freedom) * (1 + 1 / self.n_estimated_from)
        return float(self.expected * max(1 - variance + n_errors * math.sqrt(variance), 0.0) ** 3)


@dataclass(frozen=True)
class Drawn:
    """Which pairs were drawn, of how many.

    Args:
        prompt_no: (n,) the prompt of each.
        n_prompts, n_seeds: of the profile.
    """

    prompt_no: Numbers
    n_prompts: int
    n_seeds: int

    @cached_property
    def _prompts(self) -> tuple[Numbers, Numbers]:
        """Which row of the prompts that were drawn each pair belongs to, and how many pairs each of them has."""
        _, of_pair, n_own = np.unique(self.prompt_no, return_inverse=True, return_counts=True)
        return of_pair, n_own

    def error(self, values: Doubles) -> MeanError | None:
        """Tell the error of the mean of values, (n, d), one row a pair; None with fewer than three prompts."""
        of_pair, n_own = self._prompts
        n, k = len(of_pair), len(n_own)
        if k < 3:
            return None
        share = n_own / n
        seeds = float((share * share / n_own * (1 - n_own / self.n_seeds)).sum())
        prompts = float(((share - 1 / self.n_prompts) ** 2).sum()) + (self.n_prompts - k) / self.n_prompts**2
        means = np.zeros((k, values.shape[1]))
        np.add.at(means, of_pair, values)
        means /= n_own[:, None]
        between = means - means.mean(axis=0)
        if n == k:
            # One pair a prompt: whether prompts or seeds differ is not told, and the worse is assumed: only seeds do.
            rest = 1 - n / (self.n_prompts * self.n_seeds)
            return _mean_error(rest / n * (between**2).sum() / (k - 1), between, k - 1)
        within = values - means[of_pair]
        of_seeds = (within**2).sum() / (n - k)
        of_prompts = max((between**2).sum() / (k - 1) - of_seeds * (1 / n_own - 1 / self.n_seeds).mean(), 0.0)
        rows = np.concatenate([within * math.sqrt(seeds / (n - k)), between * math.sqrt(prompts / (k - 1))])
        return _mean_error(seeds * of_seeds + prompts * of_prompts, rows, n - k)


def _mean_error(expected: float, rows: Doubles, n_estimated_from: int) -> MeanError:
    """Args: rows, whose inner products have the spectrum of the error."""
    own = np.einsum("ij,ij->i", rows, rows)
    trace, square = own.sum(), rows.T @ rows
    # Without the rows' products with themselves, which say nothing of how many directions there are.
    squares = (square * square).sum() - (own * own).sum()
    freedom = trace * trace / squares if squares > 0 else math.inf
    return MeanError(float(expected), float(np.clip(freedom, 1, len(rows))), n_estimated_from)

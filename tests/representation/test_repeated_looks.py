"""Constants for several looks, against published ones and a simulated walk."""

import numpy as np
import pytest

from carlos_tasks.representation.repeated_looks import standard_errors


@pytest.mark.parametrize(
    # Jennison and Turnbull, Group Sequential Methods (2000), table 2.1: Pocock's constants, two-sided, equal steps.
    ("n_looks", "error", "constant"),
    [
        (1, 0.05, 1.960),
        (2, 0.05, 2.178),
        (5, 0.05, 2.413),
        (10, 0.05, 2.555),
        (5, 0.01, 2.986),
        (20, 0.1, 2.392),
        (20, 0.05, 2.672),
    ],
)
def test_they_are_pococks(n_looks: int, error: float, constant: float) -> None:
    assert standard_errors(tuple(range(1, n_looks + 1)), error) == pytest.approx(constant, abs=6e-4)


def test_a_walk_stays_inside_as_often_as_is_said() -> None:
    looks = (64, 96, 128, 256, 360, 1024, 4480)
    steps = np.diff((0, *looks))
    walks = np.cumsum(np.random.default_rng(0).normal(size=(200_000, len(looks))) * np.sqrt(steps), axis=1)
    farthest = np.abs(walks / np.sqrt(looks)).max(axis=1)
    assert (farthest < standard_errors(looks, 0.05)).mean() == pytest.approx(0.95, abs=0.002)
    assert (farthest < 1.96).mean() < 0.9  # what looking again costs

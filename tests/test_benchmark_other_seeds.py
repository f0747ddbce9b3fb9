"""A short run of the benchmark of other seeds: two LoRAs, compared with themselves and with each other."""

import numpy as np

from benchmarks.other_seeds import LEAST_COSINE, MOST_SHIFT, compared


def row(x: float, y: float, strength: float) -> dict[str, object]:
    return {"direction": np.array([x, y], np.float32), "strength": strength}


def test_what_is_the_same_is_and_what_is_not_is_seen() -> None:
    one = [row(1, 0, 2.0), row(0, 1, 3.0)]
    same = compared(one, one)
    assert (same["least_cosine"], same["most_change_of_strength"], same["most_shift"]) == (1, 0, 0)
    turned = compared(one, [row(1, 0.2, 2.2), row(0, 1, 3.0)])
    assert turned["least_cosine"] < LEAST_COSINE
    assert turned["most_shift"] == 0  # half of it is added to one side, and to the other
    assert abs(turned["most_change_of_strength"] - 0.1) < 1e-9
    noisy = compared([row(1, 0, 1.0), row(1, 0, 1.0)], [row(1, 0.3, 1.0), row(1, -0.3, 1.0)])
    assert noisy["most_shift"] > MOST_SHIFT

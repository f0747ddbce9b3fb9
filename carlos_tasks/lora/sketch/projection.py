"""Random projections of a module's inputs and outputs, computed without rounding.

A side of n inputs (or rows) is summed into `width` numbers: each is given a random sign, and number j goes into sum
(j + offset) mod width. Signs and offset follow from the module's name and shape alone, so the same module of all LoRAs
is projected alike, on every machine. Scalar products of projections are, in the mean, those of what was projected.

Before anything is added up it is rounded to multiples of a power of two, so few bits that float64 holds every sum
exactly. So no order of sums, no number of threads and no version of a library changes a bit.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles

#: So many terms a sum may have; with `_FACTOR_BITS` for each factor, products of two fill the 53 bits of a float64.
MAX_TERMS = 4096
_FACTOR_BITS = 20
_SUM_BITS = 40  # and up to 8,192 of them in one sum


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a module.

    Attributes:
        signs: float64 (n,), -1 and 1.
        offset: which sum the first number goes into.
        width: number of sums.
    """

    signs: Doubles
    offset: int
    width: int

    def sums(self, values: NDArray[np.floating], start: int = 0) -> Doubles:
        """Sum numbers of this side up: (k, n) to float64 (k, width).

        Args:
            values: (k, n), or (k, m) of the m numbers from `start` on. Those of a float16 are multiples of 2^-24 and
                below 2^16, so they need no rounding.
        """
        n = values.shape[1]
        n_rounds = -(-n // self.width)
        padded = np.zeros((len(values), n_rounds * self.width))
        exact = values if values.dtype == np.float16 else on_grid(values.astype(np.float64), _SUM_BITS, axis=1)
        np.multiply(exact, self.signs[start : start + n], out=padded[:, :n])
        sums = padded.reshape(len(values), n_rounds, self.width).sum(axis=1)
        return np.roll(sums, (self.offset + start) % self.width, axis=1)


def side_of(key: str, n: int, width: int) -> Side:
    """Draw the side of n numbers that a key names."""
    stream = hashlib.shake_256(key.encode()).digest(8 + -(-n // 8))
    bits = np.unpackbits(np.frombuffer(stream, np.uint8, offset=8), count=n)
    return Side(bits.astype(np.float64) * 2.0 - 1.0, int.from_bytes(stream[:8], "little") % width, width)


def on_grid(values: Doubles, bits: int, axis: int | None = None) -> Doubles:
    """Round to multiples of a power of two, of which the largest absolute value has less than 2^bits.

    Args:
        values: finite. bits: how fine the grid is.
        axis: along which values share a grid; None: all share one.
    """
    keep = axis is not None
    highest, lowest = (take(axis=axis, keepdims=keep, initial=0.0) for take in (values.max, values.min))
    # Numbers below 2^-960 count as 0: the power of two has to be a float64 itself.
    exponents = np.maximum(np.frexp(np.maximum(highest, -lowest))[1] - bits, -1000)
    rounded: Doubles = values * np.ldexp(1.0, -exponents)
    np.rint(rounded, out=rounded)
    rounded *= np.ldexp(1.0, exponents)
    return rounded


def product(left: Doubles, right: Doubles) -> Doubles:
    """Multiply two matrices, each rounded to 20 bits below its largest number: float64 (m, k), (k, n) to (m, n)."""
    if left.shape[1] > MAX_TERMS:
        raise ValueError(f"{left.shape[1]} terms in a sum, at most {MAX_TERMS}")
    multiplied: Doubles = on_grid(left, _FACTOR_BITS) @ on_grid(right, _FACTOR_BITS)
    return multiplied


def length(values: Doubles) -> float:
    """The Euclidean length of up to 16,384 numbers, each rounded to 19 bits below the largest."""
    rounded = on_grid(values, 19).ravel()
    return float(np.sqrt(rounded @ rounded))


def as_bytes(values: Doubles) -> bytes:
    """Keep a vector's direction: one signed byte a number, the largest is 127; empty where all are 0."""
    largest = float(np.abs(values).max(initial=0.0))
    return np.rint(values.ravel() / largest * 127.0).astype(np.int8).tobytes() if largest else b""

"""The sums over a LoRA's pairs from which its representation follows, to the bit those that the SQL takes.

Every sum is exact (`exact`), or is taken one term after the other in the order of the key: `np.cumsum` and
`np.bincount` add so, while `np.sum` adds in an order of its own. So the result depends on nothing but the pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.representation.pairs import Numbers, Pairs

# 128 pairs of 512 dimensions are 0.5 MB in double: what a block makes stays in the processor's cache.
_BLOCK = 128


@dataclass(frozen=True)
class PromptSums:
    """What each prompt's pairs add up to: one row per prompt with a pair that counts, in the order of the prompts.

    Args:
        prompt_no: which of the baseline's prompts.
        n, n_nonzero: pairs that count, and those of them that differ from the baseline.
        length: sum of |x - y|.
        v, u, y: double (prompts, d): sums of x - y, of the unit vectors (x - y) / |x - y|, and of y.
        difference: float32 (prompts, d): the mean of x - y.
    """

    prompt_no: Numbers
    n: Numbers
    n_nonzero: Numbers
    length: Doubles
    v: Doubles
    u: Doubles
    y: Doubles
    difference: Floats


def exact(x: Doubles) -> Doubles:
    """Round to multiples of 2^-32, in place, as the macro core.exact: sums of such terms are exact below 2^21."""
    x += 1572864.0
    x -= 1572864.0
    return x


def prompt_sums(pairs: Pairs) -> PromptSums:
    """Add up the pairs of each prompt."""
    prompt_no, starts, n = np.unique(pairs.prompt_no, return_index=True, return_counts=True)
    lengths = np.empty(len(pairs.prompt_no))
    v, u, y, own = (np.empty((len(n), pairs.y.shape[1])) for _ in range(4))
    for prompts in _blocks(n):
        some = slice(starts[prompts.start], starts[prompts.stop - 1] + n[prompts.stop - 1])
        with_lora, base = pairs.x[pairs.x_rows[some]], pairs.y[pairs.y_rows[some]]
        lengths[some] = length = _lengths(with_lora, base)
        difference = (with_lora - base).astype(np.float64)
        fours = _Fours(pairs.prompt_no[some], pairs.seed_no[some])
        # v = 0 has no direction: its u is 0, and it is not counted in n_nonzero.
        per_length = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
        v[prompts] = fours.sums(difference)
        u[prompts] = fours.sums(difference * per_length[:, None])
        y[prompts] = fours.sums(base.astype(np.float64))
        own[prompts] = _by_prompt(exact(difference), starts[prompts] - some.start)
    of_prompt = np.repeat(np.arange(len(n)), n)
    return PromptSums(
        prompt_no=prompt_no,
        n=n,
        n_nonzero=np.bincount(of_prompt[lengths > 0], minlength=len(n)),
        length=np.bincount(of_prompt, weights=lengths, minlength=len(n)).astype(np.float64, copy=False),
        v=v,
        u=u,
        y=y,
        difference=(own / n[:, None]).astype(np.float32),
    )


def _blocks(n: Numbers) -> Iterator[slice]:
    """Cut prompts with so many pairs each into runs of at least `_BLOCK` pairs."""
    start, held = 0, 0
    for prompt, its in enumerate(n, start=1):
        held += its
        if held >= _BLOCK or prompt == len(n):
            yield slice(start, prompt)
            start, held = prompt, 0


def _lengths(x: Floats, y: Floats) -> Doubles:
    """|x - y| of each row, as list_distance takes it in double: one square added after the other."""
    squares = x.astype(np.float64) - y
    squares *= squares
    return np.sqrt(np.cumsum(squares, axis=1, out=squares)[:, -1])


class _Fours:
    """Four seeds that follow each other are added before they are rounded; one that is missing or flagged adds 0."""

    def __init__(self, prompt_no: Numbers, seed_no: Numbers) -> None:
        is_first = np.ones(len(prompt_no), np.bool_)
        is_first[1:] = (np.diff(prompt_no) > 0) | (np.diff(seed_no // 4) > 0)
        self._slots = 4 * (np.cumsum(is_first) - 1) + seed_no % 4
        self._n_slots = 4 * int(is_first.sum())
        of_prompt = prompt_no[is_first]
        self._starts = np.flatnonzero(np.concatenate([[True], of_prompt[1:] != of_prompt[:-1]]))

    def sums(self, values: Doubles) -> Doubles:
        """Add up the rows of each prompt."""
        if len(values) < self._n_slots:
            padded = np.zeros((self._n_slots, values.shape[1]))
            padded[self._slots] = values
            values = padded
        four = values[0::4] + values[1::4]
        four += values[2::4]
        four += values[3::4]
        return _by_prompt(exact(four), self._starts)


def _by_prompt(terms: Doubles, starts: Numbers) -> Doubles:
    """Add up exact terms, of which each prompt has a run of rows that begins at its start."""
    each, rest = divmod(len(terms), len(starts))
    if not rest and (starts == np.arange(len(starts)) * each).all():
        return terms.reshape(len(starts), each, -1).sum(axis=1)
    # Seeds are missing, flagged or uneven; this takes several times as long.
    return np.add.reduceat(terms, starts)

"""Texts as the tokens of an encoder, whole or not at all: open_clip itself cuts a long text without a word."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from carlos_tasks.errors import CarlosError

#: No token of the vocabularies in use stands for more characters, so a text beyond this times the context is too long.
_CHARACTERS_PER_TOKEN = 40


class TextTooLong(CarlosError):
    """A text does not fit the encoder's context."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of n texts: `ids` is int64 (n, context), padded; `lengths` int64 (n,) counts start and end tokens too."""

    ids: Any
    lengths: Any


class TextTokens:
    """Tokenises for one encoder.

    Args:
        tokenizer: open_clip's, called as `tokenizer(texts, context_length=…)`.
        context_length: tokens that the encoder reads, start and end included.
    """

    def __init__(self, tokenizer: Callable[..., Any], context_length: int) -> None:
        self._tokenizer = tokenizer
        self.context_length = context_length
        blank = tokenizer([""], context_length=context_length)[0]
        self._padding = int(blank[-1])
        # Some tokenizers pad with the end token itself: the first of those is still part of the text.
        self._n_uncounted = int(int(blank.max()) == self._padding)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Tokenise texts.

        Raises:
            TextTooLong: one of them has more tokens than the context holds.
        """
        if any(len(text) > _CHARACTERS_PER_TOKEN * self.context_length for text in texts):
            raise TextTooLong(f"a text of {max(map(len, texts))} characters does not fit the encoder: shorten the text")
        ids = self._tokenizer(list(texts), context_length=self.context_length)
        # Only a text that reaches the end of the context can have been cut.
        for row in (ids[:, -2:] != self._padding).any(dim=1).nonzero()[:, 0].tolist():
            self._check_length(texts[row])
        return Tokens(ids, self._lengths(ids))

    def _lengths(self, ids: Any) -> Any:
        n_after = (ids != self._padding).flip(1).int().argmax(dim=1)
        return (ids.shape[1] - n_after + self._n_uncounted).clamp(max=self.context_length)

    def _check_length(self, text: str) -> None:
        room = 4 * self.context_length
        length = int((self._tokenizer([text], context_length=room)[0] != self._padding).nonzero().max()) + 1
        length += self._n_uncounted
        if length > self.context_length:
            raise TextTooLong(
                f"{text[:80]!r} has {'at least ' if length >= room else ''}{length} tokens with start and end, "
                f"the encoder reads {self.context_length}: shorten the text"
            )

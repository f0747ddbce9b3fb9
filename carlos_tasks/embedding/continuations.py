"""Features of texts that begin alike: every prefix followed by one text, by the prefix cache where it applies."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.embedding.causal_tower import CausalTower, causal_tower
from carlos_tasks.embedding.encoder import ClipEncoder
from carlos_tasks.embedding.prefix_cache import PrefixCache
from carlos_tasks.embedding.tokens import TextTooLong
from carlos_tasks.errors import CarlosError

log = logging.getLogger(__name__)

#: A cache above this is not made; the largest text tower of open_clip with 280 prompts takes 1.5 GB.
MAX_CACHE_BYTES = 2**31
# Largest difference between the cache and open_clip's own way that is rounding, as a share of the feature's length.
_ROUNDING = 1e-4


class Continuations:
    """Runs one text after each of n prefixes.

    Args:
        encoder: whose features are wanted.
        prefixes: texts that end at the end of a word.

    Raises:
        TextTooLong: a prefix does not fit the encoder's context.
    """

    def __init__(self, encoder: ClipEncoder, prefixes: Sequence[str]) -> None:
        self.encoder = encoder
        self._prefixes = list(prefixes)
        self._tokens = encoder.tokens(self._prefixes)
        self._tower = causal_tower(encoder.model)
        self._cache = self._filled_cache(self._tower) if self._tower is not None else None

    @property
    def is_cached(self) -> bool:
        """Whether only the text's own tokens are run."""
        return self._cache is not None

    @property
    def room(self) -> int:
        """Tokens that a text may have after the longest prefix."""
        return self.encoder.context_length - int(self._tokens.lengths.max())

    def bare(self) -> Floats:
        """Features u of the prefixes alone: float32 (n, d), unnormalised."""
        if self._cache is None:
            return self.encoder.embed_tokens(self._tokens.ids)
        return np.asarray(self._cache.features(self._end_token()).numpy())

    def features(self, text: str) -> Floats:
        """Features u(prefix + " " + text): float32 (n, d), unnormalised.

        Raises:
            TextTooLong: with the longest prefix before it, it does not fit the context; the message says how much does.
            CarlosError: it holds the encoder's own end mark.
        """
        tokens = self._continued(text)
        if self._tower is not None and not (self._tower.ends(tokens.ids) == tokens.lengths - 1).all():
            raise CarlosError(f"{text!r} holds the encoder's own end mark: leave it out")
        if self._cache is None:
            return self.encoder.embed_tokens(tokens.ids)
        suffix, follows = self._suffix(tokens)
        if not follows.any():
            return self.encoder.embed_tokens(tokens.ids)
        features = np.array(self._cache.features(suffix).numpy())
        if not follows.all():
            features[~follows.numpy()] = self.encoder.embed_tokens(tokens.ids[~follows])
        return features

    def _continued(self, text: str) -> Any:
        try:
            return self.encoder.tokens([f"{prefix} {text}" for prefix in self._prefixes])
        except TextTooLong as exc:
            raise TextTooLong(
                f"{_shortened(text)!r} is too long: after the longest retrieval prompt the encoder has room for "
                f"{self.room} tokens (about as many words): shorten the text"
            ) from exc

    def _suffix(self, tokens: Any) -> tuple[Any, Any]:
        """Return the text's own tokens, and for which prefixes they are just that, bool (n,).

        A tokenizer may join the end of a prefix with the beginning of a text; such a text is run whole.
        """
        import torch

        starts = self._tokens.lengths - 1
        places = torch.arange(tokens.ids.shape[1])
        same = ((tokens.ids == self._tokens.ids) | (places >= starts[:, None])).all(dim=1)
        first = int(same.int().argmax())
        suffix = tokens.ids[first, starts[first] : tokens.lengths[first]]
        follows = same & (tokens.lengths == starts + len(suffix))
        own = (starts[:, None] + torch.arange(len(suffix))).clamp(max=tokens.ids.shape[1] - 1)
        return suffix, follows & (tokens.ids.gather(1, own) == suffix).all(dim=1)

    def _filled_cache(self, tower: CausalTower) -> PrefixCache | None:
        if PrefixCache.size_bytes(tower, self._tokens) > MAX_CACHE_BYTES:
            return None
        cache = PrefixCache(tower, self._tokens, self.encoder.device)
        # Another release of open_clip could run its blocks in another way; queries must not turn wrong unnoticed.
        expected = self.encoder.embed_tokens(self._tokens.ids[:1])[0]
        found = cache.features(self._end_token())[0].numpy()
        if np.linalg.norm(found - expected) > _ROUNDING * np.linalg.norm(expected):
            log.warning("the prefix cache does not fit this release of open_clip: queries run the slow way")
            return None
        return cache

    def _end_token(self) -> Any:
        last = int(self._tokens.lengths[0]) - 1
        return self._tokens.ids[0, last : last + 1]


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."

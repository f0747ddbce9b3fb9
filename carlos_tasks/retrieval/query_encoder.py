"""Query vectors of texts, each computed once: from memory, else from the store, else by the encoder.

The query vector of a text q is the mean over the retrieval prompts p of u(p + " " + q) − u(p), with u the unnormalised
CLIP text feature (paper, section 4). Nothing heavy is imported while the store has the answer.
"""

import logging
import threading
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.embedding.continuations import Continuations
from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.errors import CarlosError
from carlos_tasks.profiles.profile import Encoder, Profile
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.query_text import normalised_text
from carlos_tasks.retrieval.text_objects import (
    read_prompt_features,
    read_query_vector,
    write_prompt_features,
    write_query_vector,
)
from carlos_tasks.store.objects import Objects

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

# Vectors that stay in memory: 20 MB at 512 dimensions.
_IN_MEMORY = 10_000
# A difference below this share of the prompts' own feature is rounding.
_ROUNDING = 1e-5

# A query vector below this share of how far the prompts lie apart ranks by what is next to noise.
_FAINT = 0.1


class QueryEncoder:
    """Turns texts into the query vectors of one text space; threads may share it.

    Args:
        profile: names the encoder and the retrieval prompts.
        device: a torch device, or `auto`.
        store: where vectors are kept between processes; None keeps them in memory only.
        load: gives the encoder when it is needed first.
    """

    def __init__(
        self,
        profile: Profile,
        device: str = "cpu",
        store: Objects | None = None,
        load: Callable[[Encoder, str], ClipEncoder] = load_encoder,
    ) -> None:
        self.text_space_id = text_space_id(profile)
        self._prompts = [prompt.text for prompt in profile.search_prompts().prompts]
        self._load = lambda: load(profile.identity.encoder, device)
        self._store = store
        self._features: Floats | None = None  # of the prompts, (n, d)
        self._vectors: dict[str, Floats] = {}
        self._complained = False
        self._lock = threading.Lock()

    def vector(self, text: str) -> Floats:
        """Query vector of a text.

        Args:
            text: what is looked for, e.g. "pencil sketch".

        Returns:
            float32 (d,), unnormalised, not to be written to.

        Raises:
            CarlosError: the text is empty, holds a control character, or makes no difference to the encoder.
            TextTooLong: with the longest prompt before it, it does not fit the encoder's context.
        """
        text = normalised_text(text)
        known = self._vectors.get(text)
        if known is None:
            with self._lock:  # one at a time: the encoder uses every core as it is
                known = self._vectors.get(text)
                if known is None:
                    stored = self._stored(text)
                    known = self._computed(text) if stored is None else stored
                    known.setflags(write=False)
                    self._remember(text, known)
        return known

    def is_faint(self, text: str) -> bool:
        """Tell whether a text says next to nothing to the encoder, as stop words do.

        In the micro world "the", "with" and "in the style of" move a prompt's feature by 0.01 to 0.07 of how far the
        prompts lie apart (root mean square); of 102 queries for an effect, the faintest by 0.67.
        """
        vector = self.vector(text)
        if self._features is None:
            return False
        apart = np.sqrt(self._features.var(axis=0, dtype=np.float64).sum())
        return bool(np.linalg.norm(vector) < _FAINT * apart)

    def _remember(self, text: str, vector: Floats) -> None:
        while len(self._vectors) >= _IN_MEMORY:
            del self._vectors[next(iter(self._vectors))]
        self._vectors[text] = vector

    def _stored(self, text: str) -> Floats | None:
        if self._features is None:
            self._features = self._ask_store(
                lambda store: read_prompt_features(store, self.text_space_id, self._prompts)
            )
        if self._features is None:
            return None
        dimension = self._features.shape[1]
        return self._ask_store(lambda store: read_query_vector(store, self.text_space_id, text, dimension))

    def _computed(self, text: str) -> Floats:
        features = self._continuations.features(text)
        if self._features is None or self._features.shape != features.shape:
            self._features = bare = self._continuations.bare()
            self._ask_store(lambda store: write_prompt_features(store, self.text_space_id, self._prompts, bare))
        mean = self._features.mean(axis=0, dtype=np.float64)
        difference = features.mean(axis=0, dtype=np.float64) - mean
        if np.linalg.norm(difference) <= _ROUNDING * np.linalg.norm(mean):
            raise CarlosError(f"the query has no direction: the encoder sees nothing in {text!r}, use other words")
        vector = difference.astype(np.float32)
        self._ask_store(lambda store: write_query_vector(store, self.text_space_id, text, vector))
        return vector

    @cached_property
    def _continuations(self) -> Continuations:
        return Continuations(self._load(), self._prompts)

    def _ask_store(self, request: Callable[[Objects], _Answer]) -> _Answer | None:
        """Ask the store where there is one; a store that refuses costs time, not the answer."""
        if self._store is None:
            return None
        try:
            return request(self._store)
        except CarlosError as exc:
            log.log(logging.DEBUG if self._complained else logging.WARNING, "query vectors are not kept: %s", exc)
            self._complained = True
            return None


_loaded: dict[tuple[str, str, str | None], QueryEncoder] = {}
_loading = threading.Lock()


def load_query_encoder(profile: Profile, device: str = "cpu", store: Objects | None = None) -> QueryEncoder:
    """Return the query encoder of a profile's text space, the same one to all of the process.

    Args:
        profile: names the encoder and the retrieval prompts.
        device: a torch device, or `auto`.
        store: where vectors are kept between processes; None keeps them in memory only.
    """
    key = (text_space_id(profile), device, store.uri if store is not None else None)
    with _loading:
        if key not in _loaded:
            _loaded[key] = QueryEncoder(profile, device, store)
        return _loaded[key]

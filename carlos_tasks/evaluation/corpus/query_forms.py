"""Four ways to make a query vector of a text: the paper's, and those of its ablation."""

from collections.abc import Callable, Sequence

import numpy as np

from carlos_tasks.arrays import Floats
from carlos_tasks.embedding.encoder import load_encoder
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.progress import progress
from carlos_tasks.retrieval.query_parts import query_vector

DIFFERENCE = "difference"


def as_difference(profile: Profile, texts: Sequence[str], device: str) -> Floats:
    """Mean over the retrieval prompts p′ of u(p′ + " " + q) − u(p′): what search does. float32 (n, d)."""
    with progress("query vectors", len(texts), unit="queries") as advance:
        return np.stack([_advanced(query_vector(profile, text, device), advance) for text in texts])


def as_prefix(profile: Profile, texts: Sequence[str], device: str) -> Floats:
    """Mean of u(q + " " + p′) − u(p′): the text in front of the prompts. float32 (n, d)."""
    prompts = [prompt.text for prompt in profile.search_prompts().prompts]
    encoder = load_encoder(profile.identity.encoder, device)
    bare = encoder.embed_texts(prompts)
    with progress("query vectors, as prefix", len(texts), unit="queries") as advance:
        with_query = (
            _advanced(encoder.embed_texts([f"{text} {prompt}" for prompt in prompts]), advance) for text in texts
        )
        return np.stack([(changed - bare).mean(axis=0, dtype=np.float64) for changed in with_query]).astype(np.float32)


def alone(profile: Profile, texts: Sequence[str], device: str) -> Floats:
    """u(q): the text by itself. float32 (n, d)."""
    return load_encoder(profile.identity.encoder, device).embed_texts(list(texts))


def alone_from_nothing(profile: Profile, texts: Sequence[str], device: str) -> Floats:
    """u(q) − u(""): the text by itself, seen from the empty text. float32 (n, d)."""
    features = load_encoder(profile.identity.encoder, device).embed_texts([*texts, ""])
    return features[:-1] - features[-1]


FORMS: dict[str, tuple[str, Callable[[Profile, Sequence[str], str], Floats]]] = {
    DIFFERENCE: ('u(p′ + " " + q) − u(p′)', as_difference),
    "prefix": ('u(q + " " + p′) − u(p′)', as_prefix),
    "alone": ("u(q)", alone),
    "alone − nothing": ('u(q) − u("")', alone_from_nothing),
}
"""By name: the formula, averaged over the retrieval prompts p′ where these occur, and what computes it."""


def _advanced(vector: Floats, advance: Callable[[int], None]) -> Floats:
    advance(1)
    return vector

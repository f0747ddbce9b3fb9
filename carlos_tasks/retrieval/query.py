"""The query vector of a text: the CLIP text difference that it makes over the profile's retrieval prompts."""

import numpy as np

from carlos_tasks.embedding.encoder import load_encoder
from carlos_tasks.errors import CarlosError
from carlos_tasks.profile import Profile


def query_vector(profile: Profile, text: str, device: str = "cpu") -> np.ndarray:
    """Mean over the retrieval prompts p of u(p + " " + text) − u(p) (paper, section 4).

    Args:
        profile: names the encoder and the prompts.
        text: what is looked for, e.g. "pencil sketch".
        device: where the encoder runs.

    Returns:
        float32 (d,), unnormalised.

    Raises:
        CarlosError: the text is empty.
        TextTooLong: with the longest prompt before it, it does not fit the encoder's context.
    """
    asked = " ".join(text.split())
    if not asked:
        raise CarlosError("the query is empty: say what the LoRA should do, e.g. carlos search 'pencil sketch'")
    prompts = [prompt.text for prompt in profile.search_prompts().prompts]
    encoder = load_encoder(profile.identity.encoder, device)
    features = encoder.embed_texts([*prompts, *(f"{prompt} {asked}" for prompt in prompts)])
    bare, with_query = features[: len(prompts)], features[len(prompts) :]
    return np.asarray((with_query - bare).mean(axis=0, dtype=np.float64).astype(np.float32))

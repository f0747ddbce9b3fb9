"""The query vector is the mean text difference over the retrieval prompts."""

import numpy as np
import pytest

from carlos_tasks.embedding.encoder import TextTooLong, load_encoder
from carlos_tasks.errors import CarlosError
from carlos_tasks.profile import Profile
from carlos_tasks.retrieval.query import query_vector


def test_it_is_the_mean_of_the_differences(micro: Profile) -> None:
    encoder = load_encoder(micro.identity.encoder, "cpu")
    differences = [
        encoder.embed_texts([f"{prompt.text} striped"])[0] - encoder.embed_texts([prompt.text])[0]
        for prompt in micro.search_prompts().prompts
    ]
    np.testing.assert_allclose(query_vector(micro, "striped"), np.mean(differences, axis=0), atol=1e-5)


def test_white_space_does_not_matter(micro: Profile) -> None:
    np.testing.assert_array_equal(
        query_vector(micro, "  a\tstriped \n picture "), query_vector(micro, "a striped picture")
    )


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_query_says_what_to_do(micro: Profile, text: str) -> None:
    with pytest.raises(CarlosError, match="the query is empty: say what"):
        query_vector(micro, text)


def test_a_query_that_does_not_fit_names_the_limit(micro: Profile) -> None:
    with pytest.raises(TextTooLong, match="shorten the text"):
        query_vector(micro, "striped " * 60)

"""The query vector is the mean text difference over the retrieval prompts."""

import numpy as np
import pytest

from carlos_tasks.embedding.encoder import load_encoder
from carlos_tasks.embedding.tokens import TextTooLong
from carlos_tasks.errors import CarlosError
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query_parts import query_vector, text_part
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store


@pytest.mark.parametrize("text", ["striped", "a checkerboard pattern", "水彩 🎨", "the of and", "?!", "xqzzk"])
def test_it_is_the_mean_of_the_differences(micro: Profile, text: str) -> None:
    encoder = load_encoder(micro.identity.encoder, "cpu")
    prompts = [prompt.text for prompt in micro.search_prompts().prompts]
    differences = encoder.embed_texts([f"{prompt} {text}" for prompt in prompts]) - encoder.embed_texts(prompts)
    found = query_vector(micro, text)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, differences.mean(axis=0, dtype=np.float64), atol=1e-5)


def test_white_space_and_the_form_of_unicode_do_not_matter(micro: Profile) -> None:
    np.testing.assert_array_equal(
        query_vector(micro, "  a\tstriped \n picture "), query_vector(micro, "a striped picture")
    )
    np.testing.assert_array_equal(query_vector(micro, "cafe\u0301"), query_vector(micro, "café"))


@pytest.mark.parametrize("text", ["", "  \n", "\u3000"])
def test_an_empty_query_says_what_to_do(micro: Profile, text: str) -> None:
    with pytest.raises(CarlosError, match="the query is empty: say what"):
        query_vector(micro, text)


@pytest.mark.parametrize(("text", "name"), [("a\0b", "U+0000"), ("\x1b[31mred", "U+001B"), ("caf\udce9", "U+DCE9")])
def test_control_characters_and_broken_bytes_are_refused(micro: Profile, text: str, name: str) -> None:
    with pytest.raises(CarlosError, match=f"control character \\({name.replace('+', '[+]')}\\)"):
        query_vector(micro, text)


@pytest.mark.parametrize("text", ["striped " * 60, "a" * 500, "red " * 1_000_000])
def test_a_query_that_does_not_fit_names_the_limit(micro: Profile, text: str) -> None:
    with pytest.raises(TextTooLong, match=r"has room for \d+ tokens .*: shorten the text"):
        query_vector(micro, text)


def test_a_query_that_the_encoder_does_not_see_has_no_direction(micro: Profile) -> None:
    # The end mark at the end is where the text would end anyway.
    with pytest.raises(CarlosError, match="has no direction: the encoder sees nothing"):
        query_vector(micro, "<|endoftext|>")


def test_an_end_mark_in_the_middle_is_refused(micro: Profile) -> None:
    with pytest.raises(CarlosError, match="end mark"):
        query_vector(micro, "striped <|endoftext|> red")


def test_a_text_part_is_kept_as_it_is_asked(micro: Profile, settings: Settings) -> None:
    part = text_part(micro, "  a striped  picture", -0.5, "cpu", open_store(settings.store))
    assert (part.asked, part.weight) == ("a striped picture", -0.5)
    np.testing.assert_allclose(part.vector, query_vector(micro, "a striped picture"), atol=1e-6)


@pytest.mark.parametrize(("text", "is_faint"), [("with the", True), ("in the style of", True), ("striped", False)])
def test_stop_words_are_answered_with_a_warning(
    micro: Profile, settings: Settings, caplog: pytest.LogCaptureFixture, text: str, is_faint: bool
) -> None:
    text_part(micro, text, 1, "cpu", open_store(settings.store))
    assert ("says next to nothing" in caplog.text) == is_faint

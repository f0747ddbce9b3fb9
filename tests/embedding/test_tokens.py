"""A text is tokenised whole or refused."""

import pytest

from carlos_tasks.embedding.tokens import TextTokens, TextTooLong
from tests.embedding.towers import micro_tokenizer, openai_tokenizer

CONTEXT = 12


# OpenAI's tokenizer pads with another token than the end, the micro world's with the end token.
@pytest.fixture(params=["openai", "micro"])
def tokens(request: pytest.FixtureRequest) -> TextTokens:
    return TextTokens(openai_tokenizer() if request.param == "openai" else micro_tokenizer(CONTEXT), CONTEXT)


@pytest.mark.parametrize(
    ("text", "length"), [("", 2), ("red", 3), ("red circle", 4), ("red " * (CONTEXT - 2), CONTEXT)]
)
def test_lengths_count_start_and_end(tokens: TextTokens, text: str, length: int) -> None:
    found = tokens(["red", text])
    assert found.lengths.tolist() == [3, length]
    assert found.ids.shape == (2, CONTEXT)
    assert found.ids.argmax(dim=1).tolist() == [2, length - 1]


def test_one_token_too_many_is_an_error(tokens: TextTokens) -> None:
    with pytest.raises(TextTooLong, match=rf"has {CONTEXT + 1} tokens with start and end, the encoder reads {CONTEXT}"):
        tokens(["red", "red " * (CONTEXT - 1)])


def test_far_too_many_are_told_as_such(tokens: TextTokens) -> None:
    with pytest.raises(TextTooLong, match=rf"has at least {4 * CONTEXT} tokens"):
        tokens(["red " * 5 * CONTEXT])


def test_a_text_of_megabytes_is_refused_before_it_is_tokenised(tokens: TextTokens) -> None:
    with pytest.raises(TextTooLong, match="3000000 characters"):
        tokens(["a" * 3_000_000])

"""A text after many prefixes: by the prefix cache where the tower allows it, with open_clip's own result everywhere."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carlos_tasks.embedding import prefix_cache
from carlos_tasks.embedding.continuations import Continuations
from carlos_tasks.embedding.encoder import ClipEncoder
from carlos_tasks.embedding.tokens import TextTooLong
from carlos_tasks.errors import CarlosError
from tests.embedding.towers import PROMPTS, micro_tokenizer, openai_tokenizer, papers_encoder, plainly, small_tower

END = 961  # of the micro world's tokenizer

# What open_clip builds: CLIP and CustomTextCLIP, with the activations, norms, heads and poolings of their families.
CAUSAL: dict[str, tuple[str, dict[str, Any]]] = {
    "OpenAI": ("ViT-B-32-quickgelu", {}),
    "LAION": ("ViT-L-14", {}),
    "CustomTextCLIP": ("EVA02-B-16", {}),
    "MobileCLIP": ("MobileCLIP-B", {}),
    "pooled at the end token by its id": ("ViT-L-14-worldwide", {"eos_id": END}),
    "layer scale": ("ViT-B-32-quickgelu", {"ls_init_value": 0.3}),
    "projection with a bias": ("PE-Core-T-16-384", {"proj_bias": True}),
    "no projection": ("PE-Core-T-16-384", {"proj_type": "none"}),
    "one layer": ("ViT-B-32-quickgelu", {"layers": 1}),
}
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SigLIP": ("ViT-B-16-SigLIP", {}),
    "SigLIP 2": ("ViT-B-16-SigLIP2", {}),
    "CLIPA": ("ViT-L-14-CLIPA", {}),
    "CoCa": ("coca_ViT-B-32", {}),
    "other blocks": ("ViT-B-32-quickgelu", {"block_type": "custom"}),
    "pooled at the last token": ("ViT-B-32-quickgelu", {"pool_type": "last"}),
}


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max() + 1e-7, rtol=0)


@pytest.mark.parametrize("name", CAUSAL)
def test_a_causal_tower_runs_from_its_cache(name: str) -> None:
    architecture, changes = CAUSAL[name]
    encoder = small_tower(architecture, **changes)
    continuations = Continuations(encoder, PROMPTS)
    assert continuations.is_cached
    for text in ("striped", "a picture with a frame around it"):
        assert_same(continuations.features(text), plainly(encoder, text))
    assert_same(continuations.bare(), encoder.embed_texts(PROMPTS))


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_tower_runs_the_plain_way(name: str) -> None:
    architecture, changes = OTHERS[name]
    encoder = small_tower(architecture, **changes)
    continuations = Continuations(encoder, PROMPTS)
    assert not continuations.is_cached
    assert_same(continuations.features("striped"), plainly(encoder, "striped"))
    assert_same(continuations.bare(), encoder.embed_texts(PROMPTS))


def test_the_papers_encoder_whole() -> None:
    encoder = papers_encoder()
    prompts = ["a portrait of an old fisherman", "a lighthouse", "two cats, asleep on a red sofa in the sun"]
    continuations = Continuations(encoder, prompts)
    assert continuations.is_cached
    for text in ("pencil sketch", "水彩画 🎨!!", "a very long text " * 12):
        assert_same(continuations.features(text), plainly(encoder, text, prompts))


def test_steps_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = small_tower("ViT-B-32-quickgelu")
    expected = Continuations(encoder, PROMPTS).features("striped picture")
    monkeypatch.setattr(prefix_cache, "TOKENS_PER_STEP", 1)
    assert_same(Continuations(encoder, PROMPTS).features("striped picture"), expected)


class _Gluing:
    """A tokenizer that joins "square" and what follows into one token, as no word-wise one does."""

    def __init__(self) -> None:
        self._inner = micro_tokenizer(77)

    def __call__(self, texts: list[str], context_length: int) -> Any:
        return self._inner([text.replace("square s", "blue") for text in texts], context_length=context_length)


@pytest.mark.parametrize("prompts", [PROMPTS, ["square", "blue square"]], ids=["one of some", "all"])
def test_a_prefix_whose_last_token_the_text_changes_runs_whole(prompts: list[str]) -> None:
    tower = small_tower("ViT-B-32-quickgelu")
    encoder = ClipEncoder(tower.model, torch.nn.Identity(), _Gluing())
    continuations = Continuations(encoder, prompts)
    assert continuations.is_cached
    assert_same(continuations.features("striped"), plainly(encoder, "striped", prompts))


def test_a_tower_that_does_not_do_as_its_parts_say_runs_the_plain_way(caplog: pytest.LogCaptureFixture) -> None:
    encoder = small_tower("ViT-B-32-quickgelu")
    handle = encoder.model.transformer.resblocks[0].register_forward_hook(lambda module, given, found: 2 * found)
    continuations = Continuations(encoder, PROMPTS)
    assert not continuations.is_cached
    assert "the slow way" in caplog.text
    assert_same(continuations.features("striped"), plainly(encoder, "striped"))
    handle.remove()


def test_a_cache_that_would_be_too_large_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = small_tower("ViT-B-32-quickgelu")
    monkeypatch.setattr("carlos_tasks.embedding.continuations.MAX_CACHE_BYTES", 10_000)
    continuations = Continuations(encoder, PROMPTS)
    assert not continuations.is_cached
    assert_same(continuations.features("striped"), plainly(encoder, "striped"))


def test_a_text_beyond_the_room_says_how_much_there_is() -> None:
    continuations = Continuations(small_tower("ViT-B-32-quickgelu", context_length=16), PROMPTS)
    assert continuations.room == 16 - 9  # start, a, blue, star, on, a, green, background, end
    continuations.features("red " * continuations.room)
    with pytest.raises(TextTooLong, match=rf"room for {continuations.room} tokens.*shorten the text"):
        continuations.features("red " * (continuations.room + 1))


def test_an_end_mark_inside_a_text_is_refused() -> None:
    # open_clip would read no further than the mark, and answer for another text.
    continuations = Continuations(small_tower("ViT-B-32-quickgelu"), PROMPTS)
    with pytest.raises(CarlosError, match="end mark: leave it out"):
        continuations.features("striped <|endoftext|> picture")


@pytest.fixture(scope="module")
def openai_words() -> Continuations:
    """A small tower under OpenAI's tokenizer, which mends, unescapes and lower-cases a text before it cuts it."""
    tower = small_tower("ViT-B-32-quickgelu", vocab_size=49408)
    return Continuations(ClipEncoder(tower.model, torch.nn.Identity(), openai_tokenizer()), ODD_PROMPTS)


ODD_PROMPTS = ["a farmer's hat &amp", "l’été, “quoted”", "naïve 42", "x <end", "Ã©tÃ©"]


@given(st.text(max_size=12) | st.text("'&;!_<>of|text\u0301\u200d 1é’Ã©🎨", max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_has_open_clip_s_own_features(openai_words: Continuations, text: str) -> None:
    text = " ".join(text.split())
    assert_same(openai_words.features(text), plainly(openai_words.encoder, text, ODD_PROMPTS))

"""Features are raw: of their own length, the same in any company."""

import numpy as np
import pytest
import torch
from PIL import Image

from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.embedding.tokens import TextTooLong
from carlos_tasks.profiles.profile import Profile


@pytest.fixture(scope="module")
def encoder(micro: Profile) -> ClipEncoder:
    return load_encoder(micro.identity.encoder, "cpu")


def noise_images(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(count)]


def test_image_features_are_float32_and_not_normalised(encoder: ClipEncoder) -> None:
    features = encoder.embed_images(noise_images(4))
    assert features.dtype == np.float32
    lengths = np.linalg.norm(features, axis=1)
    assert (np.abs(lengths - 1) > 0.1).all()


def test_the_models_own_features_come_out(encoder: ClipEncoder) -> None:
    image = noise_images(1)[0]
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = encoder.model.encode_image((pixels - 0.5) / 0.5).numpy()
    np.testing.assert_allclose(encoder.embed_images([image]), expected, atol=1e-5)


def test_company_does_not_change_a_feature(encoder: ClipEncoder) -> None:
    images = noise_images(5)
    alone = np.concatenate([encoder.embed_images([image]) for image in images])
    np.testing.assert_allclose(encoder.embed_images(images), alone, atol=1e-5)
    texts = ["a red circle", "a blue star on a green background", "a square"]
    alone = np.concatenate([encoder.embed_texts([text]) for text in texts])
    np.testing.assert_allclose(encoder.embed_texts(texts, texts_per_step=2), alone, atol=1e-5)


def test_a_text_beyond_the_context_is_an_error_not_a_cut(encoder: ClipEncoder) -> None:
    with pytest.raises(TextTooLong, match=rf"the encoder reads {encoder.context_length}"):
        encoder.embed_texts(["a red circle", "red circle " * encoder.context_length])

"""Encoders of other libraries: the model's own features, raw, by its own preprocessing; what is none is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.embedding.continuations import Continuations
from carlos_tasks.embedding.csd import FILE, load_csd, style_tower
from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.embedding.image_encoder import load_image_encoder
from carlos_tasks.embedding.random_encoders import random_csd, random_dinov2, random_siglip
from carlos_tasks.errors import PassingError, ProfileMismatch, SettingsError
from carlos_tasks.profiles.profile import Encoder, Profile, load_profile
from carlos_tasks.profiles.resources import folder_digest

declare_missing_operators()

import open_clip  # noqa: E402
from open_clip.model import CLIP  # noqa: E402

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
MAKERS = {"DINOv2": random_dinov2, "CSD": random_csd, "SigLIP": random_siglip}


def noise_images(count: int, size: int = 40) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)) for _ in range(count)]


@pytest.mark.parametrize("kind", MAKERS)
def test_features_are_raw_float32_and_the_same_in_any_company(kind: str, tmp_path: Path) -> None:
    encoder = load_image_encoder(MAKERS[kind](tmp_path / "encoder"), "cpu")
    images = noise_images(4)
    features = encoder.embed_images(images)
    assert features.dtype == np.float32
    assert (np.abs(np.linalg.norm(features, axis=1) - 1) > 0.1).all()
    assert np.linalg.norm(features - features.mean(axis=0), axis=1).min() > 1e-3
    alone = np.concatenate([encoder.embed_images([image]) for image in images])
    np.testing.assert_allclose(features, alone, atol=1e-5)


def test_dinov2_gives_the_class_token_behind_the_last_norm(tmp_path: Path) -> None:
    encoder = load_image_encoder(random_dinov2(tmp_path), "cpu")
    (image,) = noise_images(1, size=36)
    model = transformers.Dinov2Model.from_pretrained(tmp_path).eval()
    # Of 36 x 36 pixels, the size of the short side, its preprocessing keeps the middle.
    pixels = torch.from_numpy(np.array(image)[2:34, 2:34]).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    with torch.inference_mode():
        expected = model((pixels - mean) / std).last_hidden_state[:, 0].numpy()
    np.testing.assert_allclose(encoder.embed_images([image]), expected, atol=1e-5)


def test_csd_gives_the_style_of_openais_tower(tmp_path: Path) -> None:
    """Against OpenAI's own image tower as transformers writes it, with the same weights under its names."""
    encoder = load_image_encoder(random_csd(tmp_path), "cpu")
    weights = load_file(tmp_path / FILE)
    config = transformers.CLIPVisionConfig(
        **{"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 1},
        **{"image_size": 32, "patch_size": 8, "projection_dim": 48, "hidden_act": "quick_gelu"},
    )
    reference = transformers.CLIPVisionModelWithProjection(config).eval()
    reference.load_state_dict(under_names_of_transformers(weights))
    (image,) = noise_images(1, size=32)
    mean, std = (torch.tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    pixels = (torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255 - mean) / std
    with torch.inference_mode():
        expected = reference(pixels).image_embeds.numpy()
    np.testing.assert_allclose(encoder.embed_images([image]), expected, atol=1e-4)


def under_names_of_transformers(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    own = {name.removeprefix("backbone."): value for name, value in weights.items() if name.startswith("backbone.")}
    renamed = {
        "vision_model.embeddings.class_embedding": own["class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": own["conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": own["positional_embedding"],
        "visual_projection.weight": weights["last_layer_style"].T.contiguous(),
    }
    for kind in ("weight", "bias"):
        renamed[f"vision_model.pre_layrnorm.{kind}"] = own[f"ln_pre.{kind}"]
        renamed[f"vision_model.post_layernorm.{kind}"] = own[f"ln_post.{kind}"]
        for layer in range(2):
            block, theirs = f"transformer.resblocks.{layer}", f"vision_model.encoder.layers.{layer}"
            for part, name in zip(own[f"{block}.attn.in_proj_{kind}"].chunk(3), "qkv", strict=True):
                renamed[f"{theirs}.self_attn.{name}_proj.{kind}"] = part.contiguous()
            for ours, name in {
                **{"attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2"},
                **{"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"},
            }.items():
                renamed[f"{theirs}.{name}.{kind}"] = own[f"{block}.{ours}.{kind}"]
    return renamed


def test_csd_at_full_size_is_a_vit_l_of_224_pixels(tmp_path: Path) -> None:
    """From names and shapes of the published checkpoint: CLIP ViT-L/14 without its projection, and two heads."""
    with torch.device("meta"):
        clip = CLIP(**open_clip.get_model_config("ViT-L-14-quickgelu"))
        own = {f"backbone.{name}": value for name, value in clip.visual.state_dict().items() if name != "proj"}
        heads = {f"last_layer_{name}": torch.empty(1024, 768) for name in ("style", "content")}
        tower = style_tower(tmp_path, own | heads)
    assert len(own | heads) == 297  # as many tensors as the published one has
    blocks = tower.transformer.resblocks
    assert (tower.image_size, tower.patch_size, len(blocks)) == ((224, 224), (14, 14), 24)
    assert (blocks[0].attn.num_heads, tower.proj.shape) == (16, (1024, 768))


@pytest.mark.parametrize("lost", ["last_layer_style", "backbone.conv1.weight", "backbone.ln_post.bias"])
def test_what_is_no_checkpoint_of_csd_is_refused(lost: str, tmp_path: Path) -> None:
    random_csd(tmp_path)
    save_file({name: value for name, value in load_file(tmp_path / FILE).items() if name != lost}, tmp_path / FILE)
    with pytest.raises(SettingsError, match=f"is no checkpoint of CSD: .*{lost.removeprefix('backbone.')}"):
        load_csd(tmp_path, "cpu")


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    torch.save({"last_layer_style": torch.zeros(2, 2)}, tmp_path / FILE)
    with pytest.raises(SettingsError, match="is no safetensors file"):
        load_csd(tmp_path, "cpu")


def test_a_model_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    """transformers would fill them with random numbers, other ones in every process."""
    random_dinov2(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["layernorm.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    encoder = Encoder(model=str(tmp_path), revision=folder_digest(tmp_path), library="transformers")
    with pytest.raises(SettingsError, match=r"lacks 1 of its weights, layernorm\.weight for one"):
        load_image_encoder(encoder, "cpu")


def test_a_model_that_reads_text_belongs_to_open_clip(tmp_path: Path) -> None:
    transformers.CLIPConfig().save_pretrained(tmp_path)
    encoder = Encoder(model=str(tmp_path), revision=folder_digest(tmp_path), library="transformers")
    with pytest.raises(SettingsError, match="reads texts too: name it as one of open_clip"):
        load_image_encoder(encoder, "cpu")


@pytest.mark.parametrize("library", ["transformers", "csd"])
def test_a_folder_without_a_model_is_refused(library: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    encoder = Encoder.model_validate({"model": str(tmp_path), "revision": folder_digest(tmp_path), "library": library})
    with pytest.raises(SettingsError, match=f"no encoder of {library}|knows no encoder"):
        load_image_encoder(encoder, "cpu")


def test_changed_weights_are_another_encoder(tmp_path: Path) -> None:
    encoder = random_csd(tmp_path)
    random_csd(tmp_path, seed=1)
    with pytest.raises(ProfileMismatch, match="changed weights"):
        load_image_encoder(encoder, "cpu")


def test_weights_of_the_hub_that_are_not_here_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("sdxl-siglip2", "sdxl-dinov2", "sdxl-csd"):
        with pytest.raises(PassingError, match=r"encoder hub:\S+ could not be loaded; its weights are fetched once"):
            load_image_encoder(load_profile(name).identity.encoder, "cpu")


def test_words_under_an_encoder_of_pictures_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"reads pictures and no words: ask by a LoRA \(carlos similar\)"):
        load_encoder(random_dinov2(tmp_path), "cpu")


def test_siglip_embeds_texts_beside_its_images(tmp_path: Path, micro: Profile) -> None:
    encoder = load_encoder(random_siglip(tmp_path), "cpu")
    prompts = [prompt.text for prompt in micro.search_prompts().prompts][:3]
    continued = Continuations(encoder, prompts).features("striped")
    np.testing.assert_allclose(continued, encoder.embed_texts([f"{text} striped" for text in prompts]), atol=1e-6)
    assert isinstance(encoder, ClipEncoder) and continued.shape == (3, encoder.embed_images(noise_images(1)).shape[1])

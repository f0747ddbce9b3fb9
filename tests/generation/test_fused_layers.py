"""The original FLUX names have several of diffusers' layers in one: a change of it is shared out by rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.generation.attach import attached
from tests.generation.weights_by_hand import MAKERS, Array

QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
WIDTH = 128


@pytest.fixture
def flux() -> Any:
    """A FLUX pipeline of one block of each kind, 128 wide, with random weights."""
    declare_missing_operators()
    from diffusers import FluxPipeline, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=8,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 6, 6),
    )
    t5 = T5EncoderModel(T5Config(d_model=WIDTH, d_ff=32, d_kv=16, num_heads=8, num_layers=1, vocab_size=10))
    empty = dict.fromkeys(("scheduler", "vae", "text_encoder", "tokenizer", "tokenizer_2"))
    return FluxPipeline(transformer=transformer, text_encoder_2=t5, **empty)


def layers_of(flux: Any, block: str) -> list[torch.nn.Module]:
    return [flux.transformer.get_submodule(f"{block}.0.{name}") for name in QKV]


def outputs(layers: list[torch.nn.Module]) -> Array:
    noise = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return torch.cat([layer(noise) for layer in layers], dim=1).double().numpy()


@pytest.mark.parametrize(
    "kind",
    [
        *("pair", "loha", "lokr_whole", "lokr_low_rank", "dora_by_row", "dora_by_input", "full"),
        *("pair_beside_bias", "pair_with_bias"),
    ],
)
@pytest.mark.parametrize(
    "prefix", ["lora_unet_double_blocks_0_img_attn_qkv", "diffusion_model.double_blocks.0.img_attn.qkv"]
)
@pytest.mark.parametrize("fuse", [True, False])
def test_three_layers_in_one_change_together(kind: str, prefix: str, fuse: bool, flux: Any, tmp_path: Path) -> None:
    layers = layers_of(flux, "transformer_blocks")
    weight = torch.cat([layer.weight for layer in layers]).detach().double().numpy()
    before = outputs(layers)
    made = MAKERS[kind](np.random.default_rng(0), weight)
    noise = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1)).double().numpy()
    expected = before + 0.5 * (noise @ (made.weight - weight).T + (0 if made.bias is None else made.bias))
    path = tmp_path / "lora.safetensors"
    save_file({f"{prefix}.{end}": value.astype(np.float32) for end, value in made.tensors.items()}, path)
    with attached(flux, path, 0.5, fuse=fuse) as attachment:
        found = outputs(layers_of(flux, "transformer_blocks"))
    assert (attachment.modules_saved, attachment.modules_patched) == (1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert np.array_equal(outputs(layers_of(flux, "transformer_blocks")), before)


@pytest.mark.parametrize("kind", ["pair", "pair_with_bias", "lokr_whole", "full"])
@pytest.mark.parametrize("fuse", [True, False])
def test_the_final_modulation_has_its_halves_the_other_way_round(
    kind: str, fuse: bool, flux: Any, tmp_path: Path
) -> None:
    """The original has shift before scale, diffusers scale before shift."""
    layer = flux.transformer.get_submodule("norm_out.linear")
    noise = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = layer(noise).double().numpy()
    bare = layer.weight.detach().double().numpy()
    original = np.concatenate([bare[WIDTH:], bare[:WIDTH]])
    made = MAKERS[kind](np.random.default_rng(0), original)
    change = noise.double().numpy() @ (made.weight - original).T + (0 if made.bias is None else made.bias)
    expected = before + 0.5 * np.concatenate([change[:, WIDTH:], change[:, :WIDTH]], axis=1)
    name = "diffusion_model.final_layer.adaLN_modulation.1"
    tensors = {f"{name}.{end}": value.astype(np.float32) for end, value in made.tensors.items()}
    save_file(tensors, tmp_path / "lora.safetensors")
    with attached(flux, tmp_path / "lora.safetensors", 0.5, fuse=fuse) as attachment, torch.no_grad():
        found = flux.transformer.get_submodule("norm_out.linear")(noise).double().numpy()
    assert (attachment.modules_saved, attachment.modules_patched) == (1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert np.array_equal(layer.weight.detach().double().numpy(), bare)


@pytest.mark.parametrize("prefix", ["lora_te2_", "lora_te3_", "text_encoders.t5xxl.transformer."])
def test_layers_of_the_t5_encoder_change_too(prefix: str, flux: Any, tmp_path: Path) -> None:
    """diffusers attaches no adapter there and passes over the keys: the whole file is merged, whatever is asked."""
    places = {
        f"{prefix}encoder_block_0_layer_0_SelfAttention_q": (
            flux.text_encoder_2.get_submodule("encoder.block.0.layer.0.SelfAttention.q")
        ),
        "lora_unet_double_blocks_0_img_attn_proj": flux.transformer.get_submodule("transformer_blocks.0.attn.to_out.0"),
    }
    rng = np.random.default_rng(0)
    bare = {name: layer.weight.detach().double().numpy() for name, layer in places.items()}
    made = {name: MAKERS["pair"](rng, weight) for name, weight in bare.items()}
    tensors = {f"{name}.{end}": value for name in made for end, value in made[name].tensors.items()}
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, tmp_path / "lora.safetensors")
    with attached(flux, tmp_path / "lora.safetensors", 1.0, fuse=False) as attachment:
        assert (attachment.modules_saved, attachment.modules_patched) == (2, 2)
        for name, layer in places.items():
            np.testing.assert_allclose(layer.weight.detach().numpy(), made[name].weight, rtol=1e-4, atol=1e-4)
    for name, layer in places.items():
        assert np.array_equal(layer.weight.detach().double().numpy(), bare[name])

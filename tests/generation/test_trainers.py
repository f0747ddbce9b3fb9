"""Files that the trainers' own libraries write act here as they do there."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from carlos_tasks.generation.attach import attached
from carlos_tasks.lora.backbones.architecture import match_modules
from carlos_tasks.lora.backbones.base_model import tell_base_model
from carlos_tasks.lora.container.header import read_header
from carlos_tasks.lora.families import Family, tell_family

LYCORIS: dict[str, tuple[Family, dict[str, Any]]] = {
    "locon": (Family.KOHYA, {"algo": "locon"}),
    "locon, tucker": (Family.TUCKER, {"algo": "locon", "use_tucker": True}),
    "dora": (Family.DORA, {"algo": "locon", "dora_wd": True}),
    "dora by input": (Family.DORA, {"algo": "locon", "dora_wd": True, "wd_on_output": False}),
    "loha": (Family.LOHA, {"algo": "loha"}),
    "loha, tucker": (Family.LOHA, {"algo": "loha", "use_tucker": True}),
    "loha with a DoRA scale": (Family.LOHA, {"algo": "loha", "dora_wd": True}),
    "lokr": (Family.LOKR, {"algo": "lokr", "factor": 4}),
    "lokr, both of low rank": (Family.LOKR, {"algo": "lokr", "factor": 16, "decompose_both": True, "linear_dim": 2}),
    "lokr, tucker": (Family.LOKR, {"algo": "lokr", "factor": 2, "use_tucker": True}),
    "lokr, whole": (Family.LOKR, {"algo": "lokr", "full_matrix": True}),
    "lokr with a DoRA scale": (Family.LOKR, {"algo": "lokr", "factor": 4, "dora_wd": True}),
    "ia3": (Family.IA3, {"algo": "ia3"}),
    "oft": (Family.OFT, {"algo": "diag-oft", "constraint": 0.001}),
    "oft, rescaled": (Family.OFT, {"algo": "diag-oft", "rescaled": True}),
    "boft": (Family.OFT, {"algo": "boft", "linear_dim": 8, "conv_dim": 8}),
    "boft, rescaled": (Family.OFT, {"algo": "boft", "linear_dim": 8, "conv_dim": 8, "rescaled": True}),
    "glora": (Family.GLORA, {"algo": "glora"}),
    "full": (Family.FULL, {"algo": "full"}),
}  # fmt: skip
TARGETS = (
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
    "mid_block.attentions.0.transformer_blocks.0.ff.net.2",
    "down_blocks.1.resnets.0.conv1",
)


NOISE_SIZES = ((2, 128), (2, 512), (2, 64, 5, 5))


def outputs(unet: torch.nn.Module) -> list[torch.Tensor]:
    """What the target modules make of fixed noise."""
    noise = [torch.randn(size, generator=torch.Generator().manual_seed(1)) for size in NOISE_SIZES]
    with torch.no_grad():
        return [unet.get_submodule(name)(x).detach() for name, x in zip(TARGETS, noise, strict=True)]


def shake(parameters: Iterator[torch.nn.Parameter], size: float) -> None:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))


def apply_lycoris(unet: Any, **settings: Any) -> Any:
    """Put a network of LyCORIS over the target modules, and return it."""
    from lycoris import LycorisNetwork, create_lycoris

    LycorisNetwork.apply_preset({"target_name": list(TARGETS), "target_module": []})
    options = {"linear_dim": 4, "linear_alpha": 2, "conv_dim": 4, "conv_alpha": 2} | settings
    network = create_lycoris(unet, 1.0, **options)
    assert len(network.loras) == len(TARGETS)
    network.apply_to()
    return network


FUSE = pytest.mark.parametrize("fuse", [True, False])


@FUSE
@pytest.mark.parametrize("name", LYCORIS)
def test_what_lycoris_saves_acts_as_in_lycoris(name: str, fuse: bool, backbone: Any, tmp_path: Path) -> None:
    family, settings = LYCORIS[name]
    path = tmp_path / "lora.safetensors"
    bare, copied = outputs(backbone.unet), copy.deepcopy(backbone.unet)
    network = apply_lycoris(copied, **settings)
    shake(network.parameters(), 0.02)
    there = outputs(copied)
    saved = {
        key.replace("lycoris_", "lora_unet_", 1): value.contiguous() for key, value in network.state_dict().items()
    }
    save_file(saved, path)
    header = read_header(path)
    told, base_model = tell_family(header), tell_base_model(header)[0]
    assert (told.family, told.fault, base_model) == (family, None, "micro-xl")
    assert match_modules(header, told.family, base_model).fault is None
    with attached(backbone, path, 1.0, fuse=fuse) as attachment:
        here = outputs(backbone.unet)
    assert attachment.modules_patched == len(TARGETS)
    for at_home, at_ours, before in zip(there, here, bare, strict=True):
        assert (at_home - before).abs().max() > 1e-3
        torch.testing.assert_close(at_ours, at_home, rtol=1e-4, atol=1e-5)


@FUSE
@pytest.mark.parametrize("use_dora", [False, True])
def test_what_peft_saves_acts_as_in_peft(use_dora: bool, fuse: bool, backbone: Any, tmp_path: Path) -> None:
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    path = tmp_path / "lora.safetensors"
    backbone.unet.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=list(TARGETS), use_dora=use_dora), "theirs")
    try:
        trained = (value for name, value in backbone.unet.named_parameters() if ".theirs." in name)
        shake(trained, 0.05)
        there = outputs(backbone.unet)
        saved = get_peft_model_state_dict(backbone.unet, adapter_name="theirs")
    finally:
        backbone.unload_lora_weights()
    save_file({f"base_model.model.{key}": value.contiguous().clone() for key, value in saved.items()}, path)
    assert tell_family(read_header(path)).family is (Family.DORA if use_dora else Family.PEFT)
    bare = outputs(backbone.unet)
    with attached(backbone, path, 1.0, fuse=fuse):
        here = outputs(backbone.unet)
    for at_home, at_ours, before in zip(there, here, bare, strict=True):
        assert (at_home - before).abs().max() > 1e-3
        torch.testing.assert_close(at_ours, at_home, rtol=1e-4, atol=1e-5)


@FUSE
def test_what_diffusers_saves_acts_as_in_diffusers(fuse: bool, backbone: Any, tmp_path: Path) -> None:
    """With an alpha that is not the rank: diffusers keeps it in the header only."""
    from diffusers import StableDiffusionXLPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    config = LoraConfig(r=4, lora_alpha=1, target_modules=list(TARGETS))
    backbone.unet.add_adapter(config, "theirs")
    try:
        shake((value for name, value in backbone.unet.named_parameters() if ".theirs." in name), 0.1)
        there = outputs(backbone.unet)
        layers = get_peft_model_state_dict(backbone.unet, adapter_name="theirs")
        metadata = {key: value for key, value in config.to_dict().items() if isinstance(value, int | float | str)}
        StableDiffusionXLPipeline.save_lora_weights(
            tmp_path, unet_lora_layers=layers, weight_name="lora.safetensors", unet_lora_adapter_metadata=metadata
        )
    finally:
        backbone.unload_lora_weights()
    with attached(backbone, tmp_path / "lora.safetensors", 1.0, fuse=fuse):
        here = outputs(backbone.unet)
    for at_home, at_ours in zip(there, here, strict=True):
        np.testing.assert_allclose(at_ours.numpy(), at_home.numpy(), rtol=1e-4, atol=1e-5)

"""Pairs for FLUX and Qwen-Image mean here what diffusers' own conversions make of them; no backbone is needed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.generation.adapters import rename_pairs
from carlos_tasks.generation.matched import match_file
from carlos_tasks.lora.backbones.architecture import FOLDER, read_slots
from tests.samples.real import Samples

Tensors = dict[str, torch.Tensor]


def shapes_of(samples: Samples, layout: str) -> dict[str, list[int]]:
    return dict(json.loads((samples.folder / "lora_keys" / f"flux_lora_{layout}_format.json").read_text()))


def pairs_of(shapes: dict[str, list[int]]) -> Tensors:
    """Random weights for the shapes of the first blocks, with alphas that are not the rank."""
    generator = torch.Generator().manual_seed(0)
    later = [f"{mark}{n}{mark}" for mark in "._" for n in range(1, 60)]
    kept = {name: shape for name, shape in shapes.items() if not any(f"blocks{number}" in name for number in later)}
    return {
        name: torch.rand(shape, generator=generator) if shape else torch.tensor(3.0) for name, shape in kept.items()
    }


def applied(down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """What a pair makes of fixed noise: two pairs are the same change if they agree on it."""
    noise = torch.randn(down.shape[1], 2, generator=torch.Generator().manual_seed(1))
    return up.double() @ (down.double() @ noise.double())


def ours(tensors: Tensors, backbone: str, folder: Path) -> dict[str, torch.Tensor]:
    path = folder / "lora.safetensors"
    save_file(tensors, path)
    file = match_file(path, read_slots(FOLDER / f"{backbone}.json"))
    assert len(file.modules) == file.n_modules
    pairs, factors = rename_pairs(file)
    names = {f"{slot.component}.{slot.module}": factor for slot, factor in factors.items()}
    return {
        name: factor * applied(pairs[f"{name}.lora_A.weight"], pairs[f"{name}.lora_B.weight"])
        for name, factor in names.items()
    }


def theirs(tensors: Tensors, pipeline: str) -> dict[str, torch.Tensor]:
    declare_missing_operators()
    import diffusers

    found: Any = getattr(diffusers, pipeline).lora_state_dict(dict(tensors))
    halves: Tensors = found[0] if isinstance(found, tuple) else found
    names = {name.removesuffix(".lora_A.weight") for name in halves if name.endswith(".lora_A.weight")}
    assert len(halves) == 2 * len(names)
    return {name: applied(halves[f"{name}.lora_A.weight"], halves[f"{name}.lora_B.weight"]) for name in names}


def agree(mine: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    flat = {name.replace("text_encoder.text_model.", "text_encoder."): value for name, value in other.items()}
    assert mine.keys() == flat.keys()
    for name, value in mine.items():
        torch.testing.assert_close(value, flat[name], rtol=1e-4, atol=1e-4 * value.abs().max().item(), msg=name)


@pytest.mark.parametrize("layout", ["kohya", "xlabs", "diffusers"])
def test_flux_layouts_mean_what_diffusers_makes_of_them(samples: Samples, layout: str, tmp_path: Path) -> None:
    tensors = pairs_of(shapes_of(samples, layout))
    assert len(tensors) >= 8
    agree(ours(tensors, "flux", tmp_path), theirs(tensors, "FluxPipeline"))


def test_ai_toolkit_s_flux_layout_is_kohya_s_in_other_words(samples: Samples, tmp_path: Path) -> None:
    """diffusers knows no `diffusion_model.` for FLUX: it would pass over such a file without an error."""
    tensors = pairs_of(shapes_of(samples, "aitoolkit"))
    assert not any(name.startswith("transformer.") for name in theirs(tensors, "FluxPipeline"))
    kohya = {}
    for name, value in tensors.items():
        module, _, half = name.removeprefix("diffusion_model.").partition(".lora_")
        end = "lora_down" if half.startswith("A") else "lora_up"
        kohya[f"lora_unet_{module.replace('.', '_')}.{end}.weight"] = value
    agree(ours(tensors, "flux", tmp_path), theirs(kohya, "FluxPipeline"))


def test_qwen_image_s_kohya_names_mean_what_diffusers_makes_of_them(tmp_path: Path) -> None:
    modules = {
        "attn_to_q": (3072, 3072),
        "attn_to_out_0": (3072, 3072),
        "attn_add_k_proj": (3072, 3072),
        "img_mlp_net_0_proj": (3072, 12288),
        "txt_mlp_net_2": (12288, 3072),
        "img_mod_1": (3072, 18432),
    }
    shapes: dict[str, list[int]] = {}
    for module, (width, rows) in modules.items():
        name = f"lora_unet_transformer_blocks_0_{module}"
        shapes |= {f"{name}.lora_down.weight": [4, width], f"{name}.lora_up.weight": [rows, 4], f"{name}.alpha": []}
    tensors = pairs_of(shapes)
    prefixed = {f"transformer.{name}": value for name, value in theirs(tensors, "QwenImagePipeline").items()}
    agree(
        ours(tensors, "qwen-image", tmp_path),
        {n.replace("transformer.transformer.", "transformer."): v for n, v in prefixed.items()},
    )

"""A LoRA either takes hold in full, or there is a reason why not; afterwards the backbone is what it was."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from carlos_tasks.errors import IndexingFailed
from carlos_tasks.generation.attach import attached
from carlos_tasks.generation.sampling import sample_images
from carlos_tasks.profiles.profile import Profile

WIDTH = 128


def lora_file(folder: Path, modules: list[str], dtype: type = np.float32) -> Path:
    """A rank-2 LoRA over square modules, with weights large enough to be seen."""
    rng = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {}
    for module in modules:
        tensors[f"{module}.lora_A.weight"] = rng.normal(size=(2, WIDTH)).astype(dtype)
        tensors[f"{module}.lora_B.weight"] = rng.normal(size=(WIDTH, 2)).astype(dtype)
    path = folder / "lora.safetensors"
    save_file(tensors, path)
    return path


def draw(backbone: Any, micro: Profile) -> torch.Tensor:
    return sample_images(backbone, micro.identity.sampler, micro.pairs()[:2], "", images_per_step=2)


@pytest.fixture
def square_module(backbone: Any) -> str:
    """The name of a module of the backbone that maps WIDTH to WIDTH."""
    for name, module in backbone.unet.named_modules():
        if name.endswith("attn1.to_q") and module.in_features == module.out_features == WIDTH:
            return f"unet.{name}"
    raise AssertionError("the micro backbone has no such module")


def test_an_attached_lora_changes_the_image_and_leaves_no_trace(
    backbone: Any, micro: Profile, square_module: str, tmp_path: Path
) -> None:
    bare = draw(backbone, micro)
    with attached(backbone, lora_file(tmp_path, [square_module]), scale=1.0) as attachment:
        assert (attachment.modules_saved, attachment.modules_patched) == (1, 1)
        assert (draw(backbone, micro) - bare).abs().max() > 0.01
    assert torch.equal(draw(backbone, micro), bare)


def test_the_scale_is_applied(backbone: Any, micro: Profile, square_module: str, tmp_path: Path) -> None:
    bare = draw(backbone, micro)
    with attached(backbone, lora_file(tmp_path, [square_module]), scale=0.0):
        torch.testing.assert_close(draw(backbone, micro), bare, rtol=0, atol=1e-6)


def test_keys_that_match_nothing_are_told_apart_from_a_weak_effect(backbone: Any, tmp_path: Path) -> None:
    path = lora_file(tmp_path, ["base_model.model.unet.nowhere.attn1.to_q"])
    with attached(backbone, path, scale=1.0) as attachment:
        assert attachment.modules_patched == 0


def test_a_file_of_which_only_a_part_takes_hold_is_a_failure(
    backbone: Any, micro: Profile, square_module: str, tmp_path: Path
) -> None:
    bare = draw(backbone, micro)
    path = lora_file(tmp_path, [square_module, "unet.up_blocks.7.attentions.0.transformer_blocks.0.attn1.to_q"])
    with pytest.raises(IndexingFailed, match=r"partly_patched: 1 of 2"), attached(backbone, path, scale=1.0):
        pass
    assert torch.equal(draw(backbone, micro), bare)


def test_a_file_that_diffusers_refuses_is_a_failure_with_a_reason(
    backbone: Any, square_module: str, tmp_path: Path
) -> None:
    path = tmp_path / "half.safetensors"
    save_file({f"{square_module}.weight": np.zeros((2, 2), np.float32)}, path)
    with pytest.raises(IndexingFailed, match="load_failed"), attached(backbone, path, scale=1.0):
        pass


def test_a_lora_of_another_width_is_a_failure_and_leaves_no_trace(
    backbone: Any, micro: Profile, square_module: str, tmp_path: Path
) -> None:
    bare = draw(backbone, micro)
    path = tmp_path / "wide.safetensors"
    save_file(
        {
            f"{square_module}.lora_A.weight": np.ones((2, 320), np.float32),
            f"{square_module}.lora_B.weight": np.ones((320, 2), np.float32),
        },
        path,
    )
    with pytest.raises(IndexingFailed, match="load_failed"), attached(backbone, path, scale=1.0):
        pass
    assert torch.equal(draw(backbone, micro), bare)

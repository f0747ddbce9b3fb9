"""Fused into the weights a LoRA draws what it draws beside them; whatever interrupts it, the bare weights come back."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from carlos_tasks.generation.adapters import ADAPTER
from carlos_tasks.generation.attach import attached
from carlos_tasks.generation.merge import restore_bare
from carlos_tasks.generation.sampling import sample_images
from carlos_tasks.microworld.zoo import WEIGHTS
from carlos_tasks.profiles.profile import Profile
from tests.generation.interrupting import Interrupting

ZOO = sorted(WEIGHTS.glob("*.safetensors"))
WITHOUT_BIAS = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


def fingerprint(backbone: Any) -> str:
    """A hash over the name and the bytes of every weight."""
    digest = hashlib.sha256()
    for part in (backbone.unet, backbone.text_encoder, backbone.text_encoder_2):
        for name, value in part.state_dict().items():
            digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def biased_pair(folder: Path) -> Path:
    """A pair with a bias, for a layer that has none."""
    noise = torch.Generator().manual_seed(0)
    halves = {"lora_A.weight": (2, 128), "lora_B.weight": (64, 2), "lora_B.bias": (64,)}
    tensors = {f"unet.{WITHOUT_BIAS}.{end}": torch.randn(size, generator=noise) for end, size in halves.items()}
    save_file(tensors, folder / "biased.safetensors")
    return folder / "biased.safetensors"


def test_fused_it_draws_what_it_draws_beside_the_weights(backbone: Any, micro: Profile) -> None:
    pairs, bare = micro.pairs()[::12], fingerprint(backbone)
    for path in ZOO[3::14]:
        drawn = []
        for fuse in (True, False):
            with attached(backbone, path, 1.0, fuse=fuse):
                drawn.append(sample_images(backbone, micro.identity.sampler, pairs, "", images_per_step=10))
        torch.testing.assert_close(drawn[0], drawn[1], rtol=0, atol=1e-5)
        assert fingerprint(backbone) == bare


def test_float32_on_a_cpu_is_fused_and_half_precision_is_not(backbone: Any) -> None:
    for pipeline, is_fused in ((backbone, True), (copy.deepcopy(backbone).to(dtype=torch.bfloat16), False)):
        bare = {name: value.clone() for name, value in pipeline.unet.state_dict().items()}
        with attached(pipeline, ZOO[3], 1.0):
            now = {name.replace(".base_layer", ""): value for name, value in pipeline.unet.state_dict().items()}
            assert all(torch.equal(now[name], value) for name, value in bare.items()) != is_fused
            assert any(f".{ADAPTER}." in name for name in now) != is_fused


@pytest.mark.parametrize("at", [1, 2, 9])
def test_what_an_interruption_leaves_fused_is_put_back_before_anything_is_drawn(at: int, backbone: Any) -> None:
    bare = fingerprint(backbone)
    with pytest.raises(KeyboardInterrupt), Interrupting() as interruption, attached(backbone, ZOO[3], 1.0):
        interruption.at = at
    assert fingerprint(backbone) != bare
    with attached(backbone, ZOO[5], 1.0):
        between = fingerprint(backbone)
    assert fingerprint(backbone) == bare
    with attached(backbone, ZOO[5], 1.0):
        assert fingerprint(backbone) == between


@pytest.mark.parametrize("at", [1, 3])
def test_an_interruption_while_it_is_fused_leaves_no_trace(at: int, backbone: Any, tmp_path: Path) -> None:
    bare, interruption = fingerprint(backbone), Interrupting()
    interruption.at = at
    with pytest.raises(KeyboardInterrupt), interruption, attached(backbone, biased_pair(tmp_path), 1.0):
        pass
    restore_bare()
    assert fingerprint(backbone) == bare
    assert backbone.unet.get_submodule(WITHOUT_BIAS).bias is None

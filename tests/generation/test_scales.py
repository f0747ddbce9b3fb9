"""A LoRA acts by the scale that it was trained with, wherever that is stated."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from carlos_tasks.generation.attach import attached
from carlos_tasks.lora.scale.config import state_config
from tests.lora.crafted import MICRO_ATTENTION

MODULE = MICRO_ATTENTION.removeprefix("unet.")
RANDOM = np.random.default_rng(6)
PAIR = {"lora_A.weight": RANDOM.normal(size=(4, 128)), "lora_B.weight": RANDOM.normal(size=(64, 4))}
LOHA = {
    f"hada_{name}": RANDOM.normal(size=shape)
    for name, shape in (("w1_a", (64, 4)), ("w1_b", (4, 128)), ("w2_a", (64, 4)), ("w2_b", (4, 128)))
}
CONFIG: dict[str, Any] = {"peft_type": "LORA", "r": 4, "lora_alpha": 2}
#: prefix of the names, tensors, header, configuration beside the file -> alpha of rank 4
STATED: dict[str, tuple[str, dict[str, Any], dict[str, str], dict[str, Any] | None, float]] = {
    "nowhere": ("unet.", PAIR, {}, None, 4.0),
    "in the header": ("unet.", PAIR, {"lora_alpha": "2", "r": "4"}, None, 2.0),
    "beside the file": ("unet.", PAIR, {}, CONFIG, 2.0),
    "beside PEFT's file": ("base_model.model.", PAIR, {}, CONFIG, 2.0),
    "rank-stabilised": ("unet.", PAIR, {}, CONFIG | {"use_rslora": True}, 4.0),
    "for the module": ("unet.", PAIR, {}, CONFIG | {"alpha_pattern": {r"attn2\.to_(k|v)": 1}}, 1.0),
    "from the backbone's name on": ("base_model.model.", PAIR, {}, CONFIG | {"alpha_pattern": {f"^{MODULE}": 1}}, 1.0),
    "of another file": ("unet.", PAIR, {}, CONFIG | {"r": 8}, 4.0),
    "for LoHa": ("base_model.model.", LOHA, {}, {"peft_type": "LOHA", "r": 4, "alpha": 2}, 2.0),
}


def acted(backbone: Any, path: Path, stated: dict[str, Any] | None) -> torch.Tensor:
    """What the changed module makes of one input."""
    text = None if stated is None else state_config(json.dumps(stated).encode())
    found = []
    for fuse in (True, False):
        with attached(backbone, path, 1.0, text, fuse=fuse), torch.no_grad():
            found.append(backbone.unet.get_submodule(MODULE)(torch.ones(1, 128)).clone())
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)
    return found[0]


@pytest.mark.parametrize(("prefix", "tensors", "header", "beside", "alpha"), STATED.values(), ids=STATED)
def test_a_stated_scale_acts_as_an_alpha_tensor_does(
    prefix: str,
    tensors: dict[str, Any],
    header: dict[str, str],
    beside: dict[str, Any] | None,
    alpha: float,
    backbone: Any,
    tmp_path: Path,
) -> None:
    stored = {f"{prefix}{MODULE}.{end}": value.astype(np.float32) for end, value in tensors.items()}
    save_file(stored, tmp_path / "stated", header or None)
    save_file(stored | {f"{prefix}{MODULE}.alpha": np.array(alpha, np.float32)}, tmp_path / "told")
    found, wanted = acted(backbone, tmp_path / "stated", beside), acted(backbone, tmp_path / "told", None)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    bare = backbone.unet.get_submodule(MODULE)(torch.ones(1, 128))
    assert (found - bare).abs().max() > 0.1

"""Files of the zoo that are built, not trained: LoRAs in other trainers' forms, that do nothing, break, or are refused.

Every function returns the bytes of one file, the same on every machine.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load, save

Half = NDArray[np.float16]
Tensors = dict[str, Half]
LOKR_FACTOR = 4
# safetensors writes the header's metadata in no fixed order, so a built file has at most one entry.
_MICRO_HEADER = {"ss_base_model_version": "micro_xl"}
_SD15_HEADER = {"ss_base_model_version": "sd_v1-5"}


def faded(original: bytes) -> bytes:
    """Patches every layer and changes nothing that one could see: the update is a thousandth of the original's."""
    tensors = load(original)
    return save({name: _scaled(name, value, 1e-3) for name, value in tensors.items()}, _MICRO_HEADER)


def exploded(original: bytes) -> bytes:
    """Finite weights at the edge of half precision: they pass every check, and the pictures are NaN."""
    tensors = load(original)
    return save(
        {name: np.copysign(np.float16(6e4), value).astype(np.float16) for name, value in tensors.items()}, _MICRO_HEADER
    )


def prefixed(original: bytes) -> bytes:
    """PEFT's prefix left in every key: diffusers by itself loads it without an error and patches no layer."""
    tensors = load(original)
    return save({f"base_model.model.{name}": value for name, value in tensors.items()}, _MICRO_HEADER)


def lokr(original: bytes) -> bytes:
    """The same update as a LyCORIS LoKr: w1 = [[1]], w2 the pair, with an alpha that makes up for a weaker pair."""
    tensors: Tensors = {}
    for module, down, up in _pairs(original):
        name = f"lora_unet_{module.replace('.', '_')}"
        tensors[f"{name}.lokr_w1"] = np.ones((1, 1), np.float16)
        tensors[f"{name}.lokr_w2_a"] = (up / LOKR_FACTOR).astype(np.float16)
        tensors[f"{name}.lokr_w2_b"] = down
        tensors[f"{name}.alpha"] = np.full((), LOKR_FACTOR * len(down), np.float16)
    return save(tensors, {"ss_network_module": "lycoris.kohya"})


def dora(original: bytes, unet: Path) -> bytes:
    """The same update as a DoRA: the pair, and the length of every row of the weight that it makes of the UNet's."""
    tensors: Tensors = {}
    with safe_open(unet, framework="np") as backbone:
        for module, down, up in _pairs(original):
            name = f"lora_unet_{module.replace('.', '_')}"
            weight = backbone.get_tensor(f"{module}.weight").astype(np.float64) + up.astype(np.float64) @ down
            tensors[f"{name}.lora_down.weight"] = down
            tensors[f"{name}.lora_up.weight"] = up
            tensors[f"{name}.alpha"] = np.full((), len(down), np.float16)
            tensors[f"{name}.dora_scale"] = np.linalg.norm(weight, axis=1, keepdims=True).astype(np.float16)
    return save(tensors, {"ss_network_module": "lycoris.kohya"})


def foreign(original: bytes) -> bytes:
    """For a deeper UNet of the same widths: no key is for a module of this backbone."""
    tensors = load(original)
    deeper = {
        name.replace("_blocks.", "_blocks.5").replace("mid_block.", "mid_block.5."): tensors[name] for name in tensors
    }
    return save(deeper, _MICRO_HEADER)


def not_finite(original: bytes) -> bytes:
    """One weight in a hundred thousand is not a number: the training diverged, or somebody wants broken pictures."""
    tensors = load(original)
    name = max(tensors)
    broken = tensors[name].copy()
    broken[0, 0] = np.float16("nan")
    return save(tensors | {name: broken}, _MICRO_HEADER)


def other_backbone() -> bytes:
    """A LoRA for Stable Diffusion 1.5 in kohya's naming: real keys and shapes, random weights, few modules."""
    random = np.random.default_rng(15)
    widths = {"down_blocks_0": 320, "down_blocks_1": 640, "up_blocks_3": 320}
    tensors: Tensors = {}
    for block, width in widths.items():
        attention = f"lora_unet_{block}_attentions_0_transformer_blocks_0_attn"
        for name, inside in (("1_to_q", width), ("1_to_k", width), ("2_to_k", 768), ("2_to_v", 768)):
            tensors |= _kohya_module(f"{attention}{name}", inside, width, random)
    text = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    return save(tensors | _kohya_module(text, 768, 768, random), _SD15_HEADER)


def pickled() -> bytes:
    """A pickle of an empty dictionary under a model's name. It is harmless, and nothing may load it to find out."""
    return pickle.dumps({"state_dict": {}, "note": "made before safetensors"}, protocol=2)


def truncated(original: bytes) -> bytes:
    """An upload that broke off: the header is whole, a third of the tensors is missing."""
    return original[: len(original) * 2 // 3]


FROM_ANOTHER: dict[str, Callable[[bytes], bytes]] = {
    "faded": faded,
    "exploded": exploded,
    "prefixed": prefixed,
    "lokr": lokr,
    "foreign": foreign,
    "not_finite": not_finite,
    "truncated": truncated,
}
FROM_ANOTHER_AND_UNET: dict[str, Callable[[bytes, Path], bytes]] = {"dora": dora}
FROM_NOTHING: dict[str, Callable[[], bytes]] = {
    "other_backbone": other_backbone,
    "pickle": pickled,
}


def _pairs(original: bytes) -> Iterator[tuple[str, Half, Half]]:
    """Yield the module, the down half and the up half of each pair of a trained LoRA."""
    tensors = load(original)
    for name in sorted(tensors):
        if name.endswith(".lora_A.weight"):
            yield (
                name.removeprefix("unet.").removesuffix(".lora_A.weight"),
                tensors[name],
                tensors[name.replace(".lora_A.", ".lora_B.")],
            )


def _scaled(name: str, value: NDArray[np.float16], factor: float) -> NDArray[np.float16]:
    """Scale one half of each pair only: the update is the product of both."""
    return (value * np.float16(factor)).astype(np.float16) if ".lora_B." in name else value


def _random(random: np.random.Generator, *shape: int) -> NDArray[np.float16]:
    return (0.02 * random.standard_normal(shape)).astype(np.float16)


def _kohya_module(name: str, inside: int, outside: int, random: np.random.Generator) -> Tensors:
    rank = 4
    return {
        f"{name}.lora_down.weight": _random(random, rank, inside),
        f"{name}.lora_up.weight": _random(random, outside, rank),
        f"{name}.alpha": np.full((), rank, np.float16),
    }

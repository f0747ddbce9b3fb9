"""Files of the zoo that are built, not trained: LoRAs that do nothing, break, or must be refused.

Every function returns the bytes of one file, the same on every machine.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

Tensors = dict[str, NDArray[np.float16]]

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


def misnamed(original: bytes) -> bytes:
    """A trainer's prefix left in every key: the file loads without an error and patches no layer."""
    tensors = load(original)
    return save({f"base_model.model.{name}": value for name, value in tensors.items()}, _MICRO_HEADER)


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


def lokr() -> bytes:
    """A LyCORIS LoKr: Kronecker factors in place of low-rank pairs."""
    random = np.random.default_rng(8)
    tensors: Tensors = {}
    for block in ("down_blocks_0", "up_blocks_1"):
        for name in ("attn1_to_q", "attn1_to_v", "attn2_to_q"):
            module = f"lora_unet_{block}_attentions_0_transformer_blocks_0_{name}"
            tensors[f"{module}.lokr_w1"] = _random(random, 8, 8)
            tensors[f"{module}.lokr_w2"] = _random(random, 8, 8)
            tensors[f"{module}.alpha"] = np.full((), 1, np.float16)
    return save(tensors, {"ss_network_module": "lycoris.kohya"})


def pickled() -> bytes:
    """A pickle of an empty dictionary under a model's name. It is harmless, and nothing may load it to find out."""
    return pickle.dumps({"state_dict": {}, "note": "made before safetensors"}, protocol=2)


def truncated(original: bytes) -> bytes:
    """An upload that broke off: the header is whole, a third of the tensors is missing."""
    return original[: len(original) * 2 // 3]


FROM_ANOTHER: dict[str, Callable[[bytes], bytes]] = {
    "faded": faded,
    "exploded": exploded,
    "misnamed": misnamed,
    "truncated": truncated,
}
FROM_NOTHING: dict[str, Callable[[], bytes]] = {
    "other_backbone": other_backbone,
    "lokr": lokr,
    "pickle": pickled,
}


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

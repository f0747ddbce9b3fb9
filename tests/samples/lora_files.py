"""LoRA files of Stable Diffusion 1.5 as three trainers wrote them: a few modules of each kind, random weights."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Tensors = dict[str, NDArray[np.floating]]

TAGS = {"paper crane \\(origami\\)": 31} | {f"fold {number}": 30 - number for number in range(25)}
LOKR_METADATA = {
    "ss_network_module": "lycoris.kohya",
    "ss_network_args": json.dumps({"algo": "lokr", "conv_rank": "6", "conv_alpha": "6"}),
    "ss_sd_model_name": "a-model-of-ours.safetensors",
    "ss_resolution": "(512, 512)",
    "ss_dataset_dirs": json.dumps({"3_crane": {"n_repeats": 3, "img_count": 31}}),
    "ss_tag_frequency": json.dumps({"3_crane": TAGS}),
    "ss_training_comment": "fold it twice",
    "ss_v2": "False",
}
# Factors of LoKr by (rows, inputs) of the module: the first of the product, the second; a convolution's inputs are
# those of its 3 × 3 windows.
_FACTORS = {
    (768, 768): ((24, 24), (32, 32)),
    (3072, 768): ((48, 24), (64, 32)),
    (320, 320): ((16, 16), (20, 20)),
    (320, 1280): ((16, 32), (20, 40)),
    (2560, 320): ((40, 16), (64, 20)),
    (320, 2880): ((16, 48), (20, 60)),
}
_BLOCK = "lora_unet_down_blocks_0_attentions_0_"
_LOKR_MODULES = {
    "lora_te_text_model_encoder_layers_0_mlp_fc1": (3072, 768),
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (768, 768),
    "lora_te_text_model_encoder_layers_0_self_attn_out_proj": (768, 768),
    _BLOCK + "proj_in": (320, 320),
    _BLOCK + "proj_out": (320, 320),
    _BLOCK + "transformer_blocks_0_attn1_to_q": (320, 320),
    _BLOCK + "transformer_blocks_0_attn1_to_k": (320, 320),
    _BLOCK + "transformer_blocks_0_attn1_to_out_0": (320, 320),
    _BLOCK + "transformer_blocks_0_ff_net_0_proj": (2560, 320),
    _BLOCK + "transformer_blocks_0_ff_net_2": (320, 1280),
    "lora_unet_down_blocks_0_resnets_0_conv1": (320, 2880),
    "lora_unet_down_blocks_0_resnets_0_time_emb_proj": (320, 1280),
    "lora_unet_down_blocks_0_downsamplers_0_conv": (320, 2880),
}


def write_files(folder: Path) -> None:
    """Write the four files, the same tensors and metadata on every call."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_attention_processors(rank=2), folder / "own_legacy_attnproc.safetensors", {"format": "pt"})
    tensors, metadata = _numbered(rank=2)
    save_file(tensors, folder / "own_numbered.safetensors", metadata)
    for rank in (6, 3):
        stated = {"ss_network_dim": str(rank), "ss_network_alpha": f"{rank}.0"}
        save_file(_lokr(rank), folder / f"own_crane_{rank}_lokr.safetensors", LOKR_METADATA | stated)


def _weights(name: str, *shape: int) -> NDArray[np.float32]:
    """Small random numbers that follow from the tensor's name."""
    return np.random.default_rng(list(name.encode())).normal(0, 0.02, shape).astype(np.float32)


def _attention_processors(rank: int) -> Tensors:
    """The layout of diffusers before 0.17: attention processors, no prefix; text comes in with 768 numbers."""
    tensors: Tensors = {}
    for block, width in (("down_blocks.0", 320), ("down_blocks.1", 640), ("mid_block", 1280)):
        for attention, text in (("attn1", width), ("attn2", 768)):
            for part in ("to_q", "to_k", "to_v", "to_out"):
                name = f"{block}.attentions.0.transformer_blocks.0.{attention}.processor.{part}_lora"
                inputs = text if part in ("to_k", "to_v") else width
                tensors[f"{name}.down.weight"] = _weights(f"{name}.down", rank, inputs)
                tensors[f"{name}.up.weight"] = _weights(f"{name}.up", width, rank)
    return tensors


def _numbered(rank: int) -> tuple[Tensors, dict[str, str]]:
    """cloneofsimo's layout: layers by number, ranks in the header, embeddings of new tokens beside them."""
    sizes = {"unet:0": (320, 320), "unet:1": (768, 320), "unet:2": (320, 2560), "text_encoder:0": (768, 768)}
    tensors: Tensors = {"<own>": _weights("<own>", 768)}
    for name, (inputs, rows) in sizes.items():
        tensors[f"{name}:down"] = _weights(f"{name}:down", rank, inputs)
        tensors[f"{name}:up"] = _weights(f"{name}:up", rows, rank)
    metadata = {f"{name}:rank": str(rank) for name in sizes}
    metadata |= {"<own>": "<embed>", "unet": '["CrossAttention", "GEGLU"]', "text_encoder": '["CLIPAttention"]'}
    return tensors, metadata


def _lokr(rank: int) -> Tensors:
    """LyCORIS' LoKr under kohya's names: both factors of the Kronecker product are products of halves."""
    tensors: Tensors = {}
    for name, size in _LOKR_MODULES.items():
        tensors[f"{name}.alpha"] = np.array(rank, np.float16)
        for number, (rows, inputs) in enumerate(_FACTORS[size], start=1):
            part = f"{name}.lokr_w{number}"
            tensors[f"{part}_a"] = _weights(f"{part}_a", rows, rank).astype(np.float16)
            tensors[f"{part}_b"] = _weights(f"{part}_b", rank, inputs).astype(np.float16)
    return tensors

"""The base model, told from keys and shapes."""

from pathlib import Path

import pytest

from carlos_tasks.lora.backbones.base_model import tell_base_model
from carlos_tasks.lora.container.header import read_header
from tests.lora.crafted import MICRO_ATTENTION, SD15_KOHYA, Shapes, diffusers_pair, kohya_pair, write_file

CROSS = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
TEXT = "text_model_encoder_layers_0_self_attn_q_proj"
TE1, TE2, TE3 = (kohya_pair(f"lora_te{i}_{TEXT}", width, width) for i, width in ((1, 768), (2, 1280), (3, 4096)))
JOINT = "transformer.transformer_blocks.0"

BACKBONES: dict[str, tuple[str, Shapes]] = {
    "cross-attention 768": ("sd-1.5", kohya_pair(CROSS, 768, 1280)),
    "cross-attention 1024": ("sd-2.1", kohya_pair(CROSS, 1024, 1280)),
    "cross-attention 2048": ("sdxl", kohya_pair(CROSS, 2048, 1280)),
    "cross-attention 2048, kohya's SDXL names": (
        "sdxl",
        kohya_pair("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", 2048, 640),
    ),
    "cross-attention 128": ("micro-xl", diffusers_pair(MICRO_ATTENTION, 128, 64)),
    "cross-attention of PEFT's own names": ("micro-xl", diffusers_pair(f"base_model.model.{MICRO_ATTENTION}", 128, 64)),
    "cross-attention 1280": ("sdxl-refiner", kohya_pair(CROSS, 1280, 1280)),
    "cross-attention widths that disagree": ("unknown", kohya_pair(CROSS, 768, 8) | kohya_pair(SD15_KOHYA, 2048, 8)),
    "cross-attention of a LoKr": (
        "sd-1.5",
        {f"{CROSS}.lokr_w1_a": [32, 4], f"{CROSS}.lokr_w1_b": [4, 24], f"{CROSS}.lokr_w2": [40, 32]},
    ),
    "cross-attention of a LoHa": ("sdxl", {f"{CROSS}.hada_w1_a": [640, 4], f"{CROSS}.hada_w1_b": [4, 2048]}),
    "cross-attention of a full difference": ("sd-2.1", {f"{CROSS}.diff": [640, 1024]}),
    "cross-attention of a checkpoint": (
        "sd-1.5",
        {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768]},
    ),
    # sliders: no cross-attention, no text encoder
    "slider, second transformer block": (
        "sdxl",
        kohya_pair("lora_unet_down_blocks_1_attentions_0_transformer_blocks_1_attn1_to_q", 640, 640),
    ),
    "slider, tenth transformer block": (
        "sdxl",
        diffusers_pair("unet.mid_block.attentions.0.transformer_blocks.9.attn1.to_q", 1280, 1280),
    ),
    "slider, kohya's SDXL names": (
        "sdxl",
        kohya_pair("lora_unet_output_blocks_3_1_transformer_blocks_0_attn1_to_q", 640, 640),
    ),
    "slider, kohya's SDXL names, deep block": (
        "sdxl",
        kohya_pair("lora_unet_input_blocks_7_1_transformer_blocks_8_attn1_to_q", 1280, 1280),
    ),
    "slider, first level up": (
        "sdxl",
        kohya_pair("lora_unet_up_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", 1280, 1280),
    ),
    "slider, finest level, convolution in front": (
        "sd-1.5",
        {
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": [4, 320, 1, 1],
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight": [320, 4, 1, 1],
        },
    ),
    "slider, finest level, linear in front": (
        "sd-2.1",
        kohya_pair("lora_unet_up_blocks_3_attentions_0_proj_in", 320, 320),
    ),
    "slider, finest level, nothing more": (
        "unknown",
        kohya_pair("lora_unet_up_blocks_3_attentions_0_transformer_blocks_0_attn1_to_q", 320, 320),
    ),
    "slider of the micro world": (
        "micro-xl",
        diffusers_pair("unet.up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", 128, 128),
    ),
    # text encoders alone
    "text encoder 768": ("sd-1.5", kohya_pair(f"lora_te_{TEXT}", 768, 768)),
    "text encoder 1024": ("sd-2.1", diffusers_pair(f"text_encoder.{TEXT}", 1024, 1024)),
    "two text encoders": ("sdxl", TE1 | TE2),
    "three text encoders": ("sd-3", TE2 | TE3),
    "first text encoder of SDXL or FLUX": ("unknown", TE1),
    # transformers
    "FLUX, diffusers, joint blocks alone": ("flux", diffusers_pair(f"{JOINT}.attn.to_q", 3072, 3072)),
    "SD 3 medium, diffusers": ("sd-3", diffusers_pair(f"{JOINT}.attn.to_q", 1536, 1536)),
    "SD 3.5 large, diffusers": ("sd-3", diffusers_pair(f"{JOINT}.attn.to_q", 2432, 2432)),
    "SD 3, kohya": ("sd-3", kohya_pair("lora_unet_joint_blocks_0_context_block_attn_qkv", 1536, 4608)),
    "Qwen-Image, attention alone": (
        "qwen-image",
        diffusers_pair("transformer.transformer_blocks.59.attn.to_q", 3072, 3072),
    ),
    "Qwen-Image, diffusers": ("qwen-image", diffusers_pair(f"{JOINT}.img_mlp.net.0.proj", 3072, 12288)),
    # embeddings
    "embedding of 768": ("sd-1.5", {"emb_params": [8, 768]}),
    "embedding of 1024": ("sd-2.1", {"emb_params": [8, 1024]}),
    "embedding for two encoders": ("sdxl", {"clip_l": [8, 768], "clip_g": [8, 1280]}),
    "nothing known": ("unknown", {"secret_sauce": [4, 4]}),
}  # fmt: skip


@pytest.mark.parametrize("name", BACKBONES)
def test_the_base_model_is_told_by_keys_and_shapes(name: str, tmp_path: Path) -> None:
    expected, shapes = BACKBONES[name]
    base_model, evidence = tell_base_model(read_header(write_file(tmp_path / "lora", shapes)))
    assert base_model == expected, evidence
    assert 10 < len(evidence) < 100

"""What the name of one module says of its backbone: the signs that `single_signs` reads."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Blocks(StrEnum):
    """Blocks that one transformer backbone alone has; the surest first."""

    FLUX_DOUBLE = "double_blocks of FLUX"
    FLUX_SINGLE = "single_blocks of FLUX"
    FLUX_SINGLE_DIFFUSERS = "single_transformer_blocks of FLUX"
    SD3_JOINT = "joint_blocks of SD 3"
    QWEN = "img_mlp and txt_mlp of Qwen-Image"
    ANIMA = "blocks with cross_attn of Anima"


_BLOCKS = {
    Blocks.FLUX_DOUBLE: re.compile(r"(?:^|_)double_blocks_\d+_(?:img|txt|processor)_"),
    Blocks.FLUX_SINGLE: re.compile(r"(?:^|_)single_blocks_\d+_(?:linear|modulation|processor)"),
    Blocks.FLUX_SINGLE_DIFFUSERS: re.compile(r"(?:^|_)single_transformer_blocks_\d+_"),
    Blocks.SD3_JOINT: re.compile(r"(?:^|_)joint_blocks_\d+_(?:x_block|context_block)_"),
    Blocks.QWEN: re.compile(r"(?:^|_)transformer_blocks_\d+_(?:img|txt)_(?:mlp|mod)_"),
    Blocks.ANIMA: re.compile(r"(?:^|_)blocks_\d+_(?:cross|self)_attn_(?:[qkv]|output)_proj"),
}
_UNET_BLOCKS = r"(?:down_blocks|up_blocks|mid_block|input_blocks|middle_block|output_blocks)_.*_"
_CROSS_ATTENTION = re.compile(_UNET_BLOCKS + r"attn2_(?:processor_)?to_[kv]")
_UNET_ATTENTION = re.compile(_UNET_BLOCKS + r"attn[12]_")
_DEEP_BLOCK = re.compile(r"(?:_attentions|put_blocks|middle_block)(?:_\d+)+_transformer_blocks_[1-9]\d*_")
_SDXL_NAMES = re.compile(r"(?:input_blocks_[4-8]_1|middle_block_1|output_blocks_[0-5]_1)_")
# SD 1.5 and 2.1 have attention at the finest level, SDXL has it at the coarsest of the way up instead
_SD1_NAMES = re.compile(
    r"(?:input_blocks_[12]_1|output_blocks_(?:[6-9]|1[01])_1)_|(?:down_blocks_0|up_blocks_3)_attentions_"
)
_SDXL_LEVELS = re.compile(r"up_blocks_0_attentions_")
_JOINT_BLOCK = re.compile(r"(?:^|_)transformer_blocks_(\d{1,4})_(?:attn2?_|ff|norm)")


@dataclass(frozen=True)
class Signs:
    """What one name says. `text_encoder` is what stands before `text_model`, such as `lora_te1`."""

    blocks: Blocks | None
    joint_block: int | None
    is_cross_attention: bool
    is_unet_attention: bool
    is_deep: bool
    is_sd1: bool
    is_sdxl_level: bool
    is_sdxl: bool
    is_projection: bool
    text_encoder: str | None


@lru_cache(maxsize=2**15)  # all files of a trainer share their names
def read_signs(module: str) -> Signs:
    """Read the name of a module, flattened by underscores or dotted."""
    name = module.replace(".", "_")
    joint = _JOINT_BLOCK.search(name)
    text_encoder, is_text, _ = name.partition("_text_model_")
    return Signs(
        blocks=next((kind for kind, pattern in _BLOCKS.items() if pattern.search(name)), None),
        joint_block=int(joint[1]) if joint else None,
        is_cross_attention=_CROSS_ATTENTION.search(name) is not None,
        is_unet_attention=_UNET_ATTENTION.search(name) is not None,
        is_deep=_DEEP_BLOCK.search(name) is not None,
        is_sd1=_SD1_NAMES.search(name) is not None,
        is_sdxl_level=_SDXL_LEVELS.search(name) is not None,
        is_sdxl=_SDXL_NAMES.search(name) is not None,
        is_projection=name.endswith(("_proj_in", "_proj_out")),
        text_encoder=text_encoder if is_text else None,
    )

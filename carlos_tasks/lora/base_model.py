"""For which backbone a file was made, told from its keys and shapes alone; what the listing says is only compared.

The surest sign is the width of the text features that the UNet's cross-attention reads (`attn2.to_k`,
`attn2.to_v`). Files without it (SDXL "sliders") are told by which blocks have attention: a UNet of SD 1.5 or
2.1 has one transformer block per attention, SDXL up to ten. Transformer backbones are told by the names of
their blocks.
"""

import re
from collections.abc import Iterable, Mapping

from carlos_tasks.lora.header import Header
from carlos_tasks.lora.layout import Layout, Module

SD15, SD21, SDXL, SD3 = "sd-1.5", "sd-2.1", "sdxl", "sd-3"
FLUX, QWEN_IMAGE, ANIMA, MICRO_XL, UNKNOWN = "flux", "qwen-image", "anima", "micro-xl", "unknown"

_BY_CROSS_WIDTH = {
    768: SD15,
    1024: SD21,
    2048: SDXL,
    128: MICRO_XL,
}  # 128: the UNet of carlos_tasks.microworld
# What Civitai calls base models that are fine-tunes of SDXL: their LoRAs load into SDXL
_SDXL_RELATIVES = ("sdxl", "pony", "illustrious", "noobai", "animagine", "playground v2")
_CLAIMS = (
    (MICRO_XL, ("micro-xl", "micro xl")),
    (SD15, ("sd 1.5", "sd 1.4", "sd1", "sd-1", "stable diffusion 1", "stable diffusion v1")),
    (SD21, ("sd 2", "sd2", "sd-2", "stable diffusion 2")),
    (SD3, ("sd 3", "sd3", "sd-3", "stable diffusion 3")),
    (SDXL, _SDXL_RELATIVES),
    (FLUX, ("flux",)),
    (QWEN_IMAGE, ("qwen",)),
    (ANIMA, ("anima",)),
)
_BY_TEXT_WIDTH = {768: SD15, 1024: SD21}
_CROSS_ATTENTION = re.compile(r"attn2_(?:processor_)?to_[kv]")
_UNET_ATTENTION = re.compile(r"(?:down_blocks|up_blocks|mid_block|input_blocks|middle_block|output_blocks)_.*_attn1_")
_DEEP_BLOCK = re.compile(r"(?:_attentions|put_blocks|middle_block)(?:_\d+)+_transformer_blocks_[1-9]\d*_")
_SDXL_NAMES = re.compile(r"(?:input_blocks_[4-8]_1|middle_block_1|output_blocks_[0-5]_1)_")
_SD1_NAMES = re.compile(r"(?:input_blocks_[12]_1|output_blocks_(?:[6-9]|1[01])_1)_")
# SD 1.5 and 2.1 have attention at the finest level, SDXL has it at the coarsest of the way up instead
_SD1_LEVELS = re.compile(r"(?:down_blocks_0|up_blocks_3)_attentions_")
_SDXL_LEVELS = re.compile(r"up_blocks_0_attentions_")
_TRANSFORMERS = (
    (FLUX, re.compile(r"(?:^|_)double_blocks_\d+_(?:img|txt|processor)_"), "double_blocks of FLUX"),
    (FLUX, re.compile(r"(?:^|_)single_blocks_\d+_(?:linear|modulation|processor)"), "single_blocks of FLUX"),
    (FLUX, re.compile(r"(?:^|_)single_transformer_blocks_\d+_"), "single_transformer_blocks of FLUX"),
    (SD3, re.compile(r"(?:^|_)joint_blocks_\d+_(?:x_block|context_block)_"), "joint_blocks of SD 3"),
    (
        QWEN_IMAGE,
        re.compile(r"(?:^|_)transformer_blocks_\d+_(?:img|txt)_(?:mlp|mod)_"),
        "img_mlp and txt_mlp of Qwen-Image",
    ),
    (
        ANIMA,
        re.compile(r"(?:^|_)blocks_\d+_(?:cross|self)_attn_(?:[qkv]|output)_proj"),
        "blocks with cross_attn of Anima",
    ),
)
_JOINT_BLOCK = re.compile(r"(?:^|_)transformer_blocks_\d+_(?:attn_|ff|norm)")
_BY_JOINT_WIDTH = {1536: SD3, 2432: SD3, 3072: FLUX}


def tell_base_model(header: Header) -> tuple[str, str]:
    """Tell the base model and what it was told by.

    Returns:
        (base_model, evidence): one of the names above, and one short sentence.
    """
    layout = header.layout
    modules = {name.replace(".", "_"): module for name, module in layout.modules.items()}
    finding = (
        _by_transformer_names(modules)
        or _by_cross_attention(modules)
        or _by_unet_blocks(modules)
        or _by_joint_width(modules)
        or _by_text_encoders(modules)
        or _by_bare_widths(layout)
    )
    return finding or (UNKNOWN, "no key or shape that tells a backbone")


def read_claim(claim: str) -> str | None:
    """Return the base model that a listing's words name ("SD 1.5", "Pony"), or None for words that are not known."""
    words = claim.lower().strip()
    for base_model, starts in _CLAIMS:
        if words == base_model or words.startswith(starts):
            return base_model
    return None


def _by_transformer_names(modules: Mapping[str, Module]) -> tuple[str, str] | None:
    for base_model, pattern, sign in _TRANSFORMERS:
        if any(pattern.search(name) for name in modules):
            return base_model, f"keys name the {sign}"
    return None


def _by_cross_attention(modules: Mapping[str, Module]) -> tuple[str, str] | None:
    widths = _widths(module for name, module in modules.items() if _CROSS_ATTENTION.search(name))
    if not widths:
        return None
    if len(widths) > 1:
        return UNKNOWN, f"cross-attention widths {_join(widths)} disagree"
    width = next(iter(widths))
    return _BY_CROSS_WIDTH.get(width, UNKNOWN), f"cross-attention reads text features of width {width}"


def _by_unet_blocks(modules: Mapping[str, Module]) -> tuple[str, str] | None:
    widths = _widths(module for name, module in modules.items() if _UNET_ATTENTION.search(name))
    if widths and widths <= {64, 128}:
        return MICRO_XL, "attention of width 64 and 128"
    if any(_DEEP_BLOCK.search(name) for name in modules):
        return SDXL, "more than one transformer block in one attention"
    if any(_SD1_NAMES.search(name) or _SD1_LEVELS.search(name) for name in modules):
        return _by_projection(modules)
    if any(_SDXL_LEVELS.search(name) for name in modules):
        return SDXL, "attention in up_blocks.0"
    if any(_SDXL_NAMES.search(name) for name in modules):
        return SDXL, "kohya's block names for SDXL (input_blocks, output_blocks)"
    return None


def _by_projection(modules: Mapping[str, Module]) -> tuple[str, str]:
    """Tell SD 1.5 (proj_in is a convolution) from SD 2.1 (it is linear), both with attention at the finest level."""
    for name, module in modules.items():
        if name.endswith(("_proj_in", "_proj_out")) and (down := module.shapes.get("down")):
            if len(down) == 4:
                return SD15, "attention at the finest level, proj_in is a convolution"
            return SD21, "attention at the finest level, proj_in is linear"
    return _by_text_encoders(modules) or (UNKNOWN, "a UNet of SD 1.5 or 2.1: no key that tells which")


def _by_joint_width(modules: Mapping[str, Module]) -> tuple[str, str] | None:
    joint = [module for name, module in modules.items() if _JOINT_BLOCK.search(name)]
    for width in sorted(_widths(joint) & _BY_JOINT_WIDTH.keys()):
        return _BY_JOINT_WIDTH[width], f"joint transformer blocks of width {width}"
    return None


def _by_text_encoders(modules: Mapping[str, Module]) -> tuple[str, str] | None:
    starts = {name.split("_text_model_", 1)[0] for name in modules if "_text_model_" in name}
    if starts & {"lora_te3", "text_encoder_3"}:
        return SD3, "a third text encoder"
    if starts & {"lora_te2", "text_encoder_2"}:
        return SDXL, "a second text encoder"
    attention = (m for n, m in modules.items() if re.match(r"(?:lora_te|text_encoder)_text_model_.*_q_proj", n))
    widths = _widths(attention)
    if len(widths) == 1 and widths <= _BY_TEXT_WIDTH.keys():
        return _BY_TEXT_WIDTH[min(widths)], f"text encoder of width {min(widths)}"
    return None


def _by_bare_widths(layout: Layout) -> tuple[str, str] | None:
    """Tell files that name no module: cloneofsimo's numbered layers and textual inversions."""
    if {"clip_g", "clip_l"} <= layout.widths.keys():
        return SDXL, "embeddings for two text encoders"
    numbered = _widths(module for name, module in layout.modules.items() if name.startswith("unet:"))
    sign = "numbered UNet layers that read text features" if numbered else "an embedding"
    widths = numbered & _BY_TEXT_WIDTH.keys() or set(layout.widths.values())
    if len(widths) == 1 and widths <= _BY_TEXT_WIDTH.keys():
        return _BY_TEXT_WIDTH[min(widths)], f"{sign} of width {min(widths)}"
    return None


def _widths(modules: Iterable[Module]) -> set[int]:
    return {width for module in modules if (width := module.in_width) is not None}


def _join(widths: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(widths)))

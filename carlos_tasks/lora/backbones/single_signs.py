"""A backbone told by a single sign, where the modules of a file fit none that is known: damaged files, embeddings.

The surest sign is the width of the text features that a UNet's cross-attention reads (`attn2.to_k`, `attn2.to_v`).
Without it, which blocks have attention: a UNet of SD 1.5 or 2.1 has one transformer block per attention, SDXL up to
ten.
"""

from collections.abc import Iterable, Sequence

from carlos_tasks.lora.backbones.known import FLUX, MICRO_XL, QWEN_IMAGE, SD3, SD15, SD21, SDXL, UNKNOWN
from carlos_tasks.lora.backbones.module_signs import Blocks, Signs, read_signs
from carlos_tasks.lora.layout.tensor_layout import Layout, Module

_BY_CROSS_WIDTH = {
    768: SD15,
    1024: SD21,
    2048: SDXL,
    1280: "sdxl-refiner",
    128: MICRO_XL,
}  # 128: the UNet of carlos_tasks.microworld
_BY_TEXT_WIDTH = {768: SD15, 1024: SD21}
_BY_TRANSFORMER_BLOCKS = {
    Blocks.FLUX_DOUBLE: FLUX,
    Blocks.FLUX_SINGLE: FLUX,
    Blocks.FLUX_SINGLE_DIFFUSERS: FLUX,
    Blocks.SD3_JOINT: SD3,
    Blocks.QWEN: QWEN_IMAGE,
    Blocks.ANIMA: "anima",
}
_FLUX_JOINT_BLOCKS = 19  # Qwen-Image has 60, of the same width and names
_BY_JOINT_WIDTH = {1536: SD3, 2432: SD3, 3072: FLUX}


Signed = Sequence[tuple[Signs, Module]]


def tell_by_signs(layout: Layout) -> tuple[str, str] | None:
    """Return the base model that a sign tells, with the sign; None where there is none."""
    modules = [(read_signs(name), module) for name, module in layout.modules.items()]
    return (
        _by_transformer_names(modules)
        or _by_cross_attention(modules)
        or _by_unet_blocks(modules)
        or _by_joint_width(modules)
        or _by_text_encoders(modules)
        or _by_bare_widths(layout)
    )


def _by_transformer_names(modules: Signed) -> tuple[str, str] | None:
    found = {signs.blocks for signs, _ in modules}
    return next(
        ((model, f"keys name the {kind}") for kind, model in _BY_TRANSFORMER_BLOCKS.items() if kind in found), None
    )


def _by_cross_attention(modules: Signed) -> tuple[str, str] | None:
    widths = _widths(module for signs, module in modules if signs.is_cross_attention)
    if not widths:
        return None
    if len(widths) > 1:
        return UNKNOWN, f"cross-attention widths {_join(widths)} disagree"
    width = next(iter(widths))
    return _BY_CROSS_WIDTH.get(width, UNKNOWN), f"cross-attention reads text features of width {width}"


def _by_unet_blocks(modules: Signed) -> tuple[str, str] | None:
    attention = [module for signs, module in modules if signs.is_unet_attention]
    widths = _widths(attention) or _out_widths(attention)
    if widths and widths <= {64, 128}:
        return MICRO_XL, "attention of width 64 and 128"
    if any(signs.is_deep for signs, _ in modules):
        return SDXL, "more than one transformer block in one attention"
    if any(signs.is_sd1 for signs, _ in modules):
        return _by_projection(modules)
    if any(signs.is_sdxl_level for signs, _ in modules):
        return SDXL, "attention in up_blocks.0"
    if any(signs.is_sdxl for signs, _ in modules):
        return SDXL, "kohya's block names for SDXL (input_blocks, output_blocks)"
    return None


def _by_projection(modules: Signed) -> tuple[str, str]:
    """Tell SD 1.5 (proj_in is a convolution) from SD 2.1 (it is linear), both with attention at the finest level."""
    for signs, module in modules:
        if signs.is_projection and (down := module.shapes.get("down")):
            if len(down) == 4:
                return SD15, "attention at the finest level, proj_in is a convolution"
            return SD21, "attention at the finest level, proj_in is linear"
    return _by_first_encoder(modules) or (UNKNOWN, "a UNet of SD 1.5 or 2.1: no key that tells which")


def _by_joint_width(modules: Signed) -> tuple[str, str] | None:
    joint = [(signs.joint_block, module) for signs, module in modules if signs.joint_block is not None]
    widths = _widths(module for _, module in joint)
    for width in sorted(widths & _BY_JOINT_WIDTH.keys()):
        deepest = max(number for number, _ in joint)
        if _BY_JOINT_WIDTH[width] == FLUX and deepest >= _FLUX_JOINT_BLOCKS:
            return QWEN_IMAGE, f"joint transformer blocks of width {width}, up to number {deepest}"
        return _BY_JOINT_WIDTH[width], f"joint transformer blocks of width {width}"
    return None


def _by_text_encoders(modules: Signed) -> tuple[str, str] | None:
    starts = {signs.text_encoder for signs, _ in modules}
    if starts & {"lora_te3", "text_encoder_3"}:
        return SD3, "a third text encoder"
    if starts & {"lora_te2", "text_encoder_2"}:
        return SDXL, "a second text encoder"
    return _by_first_encoder(modules)


def _by_first_encoder(modules: Signed) -> tuple[str, str] | None:
    first = {"lora_te", "text_encoder"}
    encoder = [module for signs, module in modules if signs.text_encoder in first]
    widths = _widths(encoder) or _out_widths(encoder)
    for width in sorted(widths & _BY_TEXT_WIDTH.keys()):
        return _BY_TEXT_WIDTH[width], f"text encoder of width {width}"
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


def _out_widths(modules: Iterable[Module]) -> set[int]:
    """For the families whose tensors say nothing of a module's input."""
    return {width for module in modules if (width := module.out_width) is not None}


def _join(widths: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(widths)))

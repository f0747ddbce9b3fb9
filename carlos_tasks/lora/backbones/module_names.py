"""By which names the trainers call a module of a backbone, flattened and without prefixes (`file_names`).

Diffusers' own names are dotted paths. Files also have those of the original implementations: `input_blocks` of a UNet;
in FLUX and SD 3 one original layer holds several of diffusers' layers, row by row. Old attention processors end in
`to_q_lora`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

_UNET_ATTENTION = (
    *((f".to_{half}", f".processor.to_{half}_lora") for half in "qkv"),
    (".to_out.0", ".processor.to_out_lora"),
    (".to_out.0", ".to_out"),
)
_TEXT_ATTENTION = (*((f".{half}_proj", f".to_{half}_lora") for half in "qkv"), (".out_proj", ".to_out_lora"))
_UNET_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_RESNET_PARTS = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_BLOCK = re.compile(r"(down|mid|up)_block(?:s\.(\d))?\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.+)")
# Original name → diffusers' names in one block, in the order of their rows
_FLUX_DOUBLE = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "img_attn.proj": ("attn.to_out.0",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "img_mod.lin": ("norm1.linear",),
    "img_attn.norm.query_norm": ("attn.norm_q",),
    "img_attn.norm.key_norm": ("attn.norm_k",),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": ("attn.to_add_out",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "txt_mod.lin": ("norm1_context.linear",),
    "txt_attn.norm.query_norm": ("attn.norm_added_q",),
    "txt_attn.norm.key_norm": ("attn.norm_added_k",),
    "processor.qkv_lora1": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "processor.qkv_lora2": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "processor.proj_lora1": ("attn.to_out.0",),
    "processor.proj_lora2": ("attn.to_add_out",),
}
_FLUX_SINGLE = {
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
    "norm.query_norm": ("attn.norm_q",),
    "norm.key_norm": ("attn.norm_k",),
    "processor.qkv_lora": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "processor.proj_lora": ("proj_out",),
}
_FLUX_OUTSIDE = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
_SD3_JOINT = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn.proj": ("attn.to_out.0",),
    "x_block.attn.ln_q": ("attn.norm_q",),
    "x_block.attn.ln_k": ("attn.norm_k",),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "x_block.attn2.proj": ("attn2.to_out.0",),
    "x_block.attn2.ln_q": ("attn2.norm_q",),
    "x_block.attn2.ln_k": ("attn2.norm_k",),
    "x_block.mlp.fc1": ("ff.net.0.proj",),
    "x_block.mlp.fc2": ("ff.net.2",),
    "x_block.adaLN_modulation.1": ("norm1.linear",),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "context_block.attn.proj": ("attn.to_add_out",),
    "context_block.attn.ln_q": ("attn.norm_added_q",),
    "context_block.attn.ln_k": ("attn.norm_added_k",),
    "context_block.mlp.fc1": ("ff_context.net.0.proj",),
    "context_block.mlp.fc2": ("ff_context.net.2",),
    "context_block.adaLN_modulation.1": ("norm1_context.linear",),
}
_SD3_OUTSIDE = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
_Blocks = tuple[tuple[str, str, Mapping[str, tuple[str, ...]]], ...]
_FLUX_BLOCKS: _Blocks = (
    ("double_blocks", "transformer_blocks", _FLUX_DOUBLE),
    ("single_blocks", "single_transformer_blocks", _FLUX_SINGLE),
)
_SD3_BLOCKS: _Blocks = (("joint_blocks", "transformer_blocks", _SD3_JOINT),)
# Shift and scale, which diffusers keeps in the other order: here, and in the last block of SD 3, whose text is not used
_SWAPPED = "norm_out.linear"


class OriginalName(NamedTuple):
    """An original layer's name, flattened, and the modules of the transformer whose rows it holds, in their order."""

    core: str
    modules: tuple[str, ...]
    has_swapped_halves: bool


def cores_of(component: str, module: str) -> Iterator[str]:
    """Yield the names of one module in diffusers' naming, old ones too; the path itself comes first.

    Args:
        component: as the pipeline calls it, such as `unet`. module: its dotted path in the component.
    """
    path = module.removeprefix("text_model.")
    yield flat(path)
    for end, old in _UNET_ATTENTION if component in ("unet", "transformer") else _TEXT_ATTENTION:
        if path.endswith(end):
            yield flat(path.removesuffix(end) + old)


def original_unet_names(modules: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (name in the original implementation, module) of those modules of a UNet that have one.

    Args:
        modules: dotted paths of the whole UNet: how many blocks a level has is read from them.
    """
    resnets = Counter(found[1] for path in modules if (found := _FIRST_CONV.fullmatch(path)))
    n_down = resnets["down_blocks.0"] or 2
    with_attention = {path.partition(".attentions.")[0] for path in modules if ".attentions." in path}
    for module in modules:
        if original := _original_unet_name(module, n_down, with_attention):
            yield flat(original), module


def original_transformer_names(modules: Collection[str]) -> Iterator[OriginalName]:
    """Yield the original layers of FLUX or SD 3, those of which the transformer has every part.

    Args:
        modules: dotted paths of the whole transformer, which say what it is: FLUX has single blocks, SD 3 cuts the
            picture into patches.
    """
    known = set(modules)
    if any(path.startswith("single_transformer_blocks.") for path in known):
        blocks, outside, last = _FLUX_BLOCKS, _FLUX_OUTSIDE, -1
    elif "pos_embed.proj" in known:
        blocks, outside, last = _SD3_BLOCKS, _SD3_OUTSIDE, max(_numbers(known, "transformer_blocks"))
    else:
        return
    swapped = {(_SWAPPED,), (f"transformer_blocks.{last}.norm1_context.linear",)}
    for original, block, parts in blocks:
        for number in _numbers(known, block):
            for part, names in parts.items():
                found = tuple(f"{block}.{number}.{name}" for name in names)
                if known.issuperset(found):
                    yield OriginalName(flat(f"{original}.{number}.{part}"), found, found in swapped)
    for original, module in outside.items():
        if module in known:
            yield OriginalName(flat(original), (module,), (module,) in swapped)


def flat(path: str) -> str:
    """Write a dotted path as kohya's trainer does."""
    return path.replace(".", "_")


def _numbers(paths: Collection[str], block: str) -> list[int]:
    return sorted({int(path.split(".")[1]) for path in paths if path.startswith(f"{block}.")})


_FIRST_CONV = re.compile(r"(down_blocks\.\d+)\.resnets\.\d+\.conv1")


def _original_unet_name(module: str, n_down: int, with_attention: Collection[str]) -> str | None:
    """Return the original implementation's name of a module of a UNet.

    A level has n_down blocks on the way down and one more on the way up; an upsampler stands behind the attention of
    its block, if there is one.

    >>> _original_unet_name("up_blocks.0.attentions.1.proj_in", 2, ()) 'output_blocks.1.1.proj_in'
    """
    if outside := _UNET_OUTSIDE.get(module):
        return outside
    match = _UNET_BLOCK.fullmatch(module)
    if match is None:
        return None
    way, level, kind, number, rest = match[1], int(match[2] or 0), match[3], int(match[4]), match[5]
    if kind == "resnets":
        rest = _RESNET_PARTS.get(rest, rest)
    if way == "mid":
        return f"middle_block.{1 if kind == 'attentions' else 2 * number}.{rest}"
    place = (n_down + 1) * level + number
    if kind == "downsamplers":
        return f"input_blocks.{(n_down + 1) * (level + 1)}.0.op"
    if kind == "upsamplers":
        behind = 2 if f"up_blocks.{level}" in with_attention else 1
        return f"output_blocks.{(n_down + 1) * level + n_down}.{behind}.{rest}"
    return (
        f"{'input' if way == 'down' else 'output'}_blocks.{place + (way == 'down')}.{int(kind == 'attentions')}.{rest}"
    )

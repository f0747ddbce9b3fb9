"""By which names the trainers call a module of a backbone: one list of aliases, in place of rewriting rules.

Diffusers' own names are dotted paths. Kohya flattens them ("." becomes "_"), for SDXL also those of the original
implementation (`input_blocks`); PEFT puts prefixes in front; the old attention processors end in `to_q_lora`; FLUX
and SD 3 have original names in which one layer holds several of diffusers' layers, row by row.
"""

import re
from collections.abc import Iterator, Mapping

from carlos_tasks.lora.backbones.base_model import FLUX, SD3, SDXL

_ATTENTION_ENDS = (
    *((f".to_{half}", f".processor.to_{half}_lora") for half in "qkv"),
    (".to_out.0", ".processor.to_out_lora"),
)
_TEXT_ATTENTION_ENDS = (*((f".{half}_proj", f".to_{half}_lora") for half in "qkv"), (".out_proj", ".to_out_lora"))
_TEXT_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "text_encoder": ("lora_te_", "lora_te1_"),
    "text_encoder_2": ("lora_te2_",),
    "text_encoder_3": ("lora_te3_",),
}
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
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": ("attn.to_add_out",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "txt_mod.lin": ("norm1_context.linear",),
    "processor.qkv_lora1": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "processor.qkv_lora2": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "processor.proj_lora1": ("attn.to_out.0",),
    "processor.proj_lora2": ("attn.to_add_out",),
}
_FLUX_SINGLE = {
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
    "processor.qkv_lora": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "processor.proj_lora": ("proj_out",),
}
# Not here: final_layer.adaLN_modulation, whose halves diffusers keeps in the other order
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
}
_SD3_JOINT = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn.proj": ("attn.to_out.0",),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "x_block.attn2.proj": ("attn2.to_out.0",),
    "x_block.mlp.fc1": ("ff.net.0.proj",),
    "x_block.mlp.fc2": ("ff.net.2",),
    "x_block.adaLN_modulation.1": ("norm1.linear",),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "context_block.attn.proj": ("attn.to_add_out",),
    "context_block.mlp.fc1": ("ff_context.net.0.proj",),
    "context_block.mlp.fc2": ("ff_context.net.2",),
    "context_block.adaLN_modulation.1": ("norm1_context.linear",),
}
_FUSED = {
    FLUX: (
        ("double_blocks", "transformer_blocks", _FLUX_DOUBLE),
        ("single_blocks", "single_transformer_blocks", _FLUX_SINGLE),
    ),
    SD3: (("joint_blocks", "transformer_blocks", _SD3_JOINT),),
}


def names_of(base_model: str, component: str, module: str) -> Iterator[str]:
    """Yield every name by which a file may call one module of a backbone.

    Args:
        component: as the pipeline calls it, such as `unet`. module: its dotted path in the component.
    """
    if component in _TEXT_PREFIXES:
        yield from _names_in_text_encoder(component, module)
        return
    yield from _dotted(component, module)
    yield from (f"diffusion_model.{module}", *_flat(component, module))
    if component == "unet":
        for end, old in _ATTENTION_ENDS:
            if module.endswith(end):
                yield from _dotted(component, module.removesuffix(end) + old)
        if base_model == SDXL and (original := _original_unet_name(module)):
            yield from (f"diffusion_model.{original}", f"lora_unet_{original.replace('.', '_')}")


def fused_names(base_model: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield (names in files, modules of the transformer) for the original layers of FLUX and SD 3, for 60 blocks."""
    for original, block, parts in _FUSED.get(base_model, ()):
        for number in range(60):
            for part, modules in parts.items():
                names = _original(f"{original}.{number}.{part}")
                yield names, tuple(f"{block}.{number}.{module}" for module in modules)
    for original, module in _FLUX_OUTSIDE.items() if base_model == FLUX else ():
        yield _original(original), (module,)


def _original(name: str) -> tuple[str, ...]:
    return name, f"diffusion_model.{name}", f"lora_unet_{name.replace('.', '_')}"


def _names_in_text_encoder(component: str, module: str) -> Iterator[str]:
    """Transformers 5 has dropped `text_model.` from one of the two CLIP classes; files go on to say it."""
    core = module.removeprefix("text_model.")
    for name in (core, f"text_model.{core}"):
        yield from (f"{component}.{name}", f"base_model.model.{component}.{name}")
        for end, old in _TEXT_ATTENTION_ENDS:
            if name.endswith(end):
                yield f"{component}.{name.removesuffix(end)}{old}"
        for prefix in _TEXT_PREFIXES[component]:
            yield prefix + name.replace(".", "_")


def _dotted(component: str, module: str) -> tuple[str, ...]:
    return module, f"{component}.{module}", f"base_model.model.{module}", f"base_model.model.{component}.{module}"


def _flat(component: str, module: str) -> tuple[str, ...]:
    flat = module.replace(".", "_")
    return f"lora_unet_{flat}", f"lora_{component}_{flat}", f"lycoris_{flat}"


def _original_unet_name(module: str) -> str | None:
    """Return the original implementation's name of a module of SDXL's UNet.

    >>> _original_unet_name("up_blocks.0.attentions.1.proj_in") 'output_blocks.1.1.proj_in'
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
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.2.{rest}"
    place = 3 * level + number
    return (
        f"{'input' if way == 'down' else 'output'}_blocks.{place + (way == 'down')}.{int(kind == 'attentions')}.{rest}"
    )

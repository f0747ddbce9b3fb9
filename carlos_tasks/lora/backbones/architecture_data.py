"""Write the data files of `architecture` from the models' own classes, on torch's meta device (no weights needed).

`python -m carlos_tasks.lora.backbones.architecture_data`. Run it after an upgrade of diffusers or transformers: a test
builds the same and compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.lora.backbones.architecture import FOLDER, Slot

Components = Mapping[str, Any]
MICRO_BACKBONE = Path(__file__).parents[2] / "microworld" / "weights" / "backbone"
_XL = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
_SD3_SIZES: Mapping[str, dict[str, Any]] = {
    "sd-3-medium": {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536},
    "sd-3.5-medium": {
        "num_layers": 24,
        "num_attention_heads": 24,
        "caption_projection_dim": 1536,
        "qk_norm": "rms_norm",
        "dual_attention_layers": tuple(range(13)),
        "pos_embed_max_size": 384,
    },
    "sd-3.5-large": {
        "num_layers": 38,
        "num_attention_heads": 38,
        "caption_projection_dim": 2432,
        "qk_norm": "rms_norm",
    },
}


def slots_of_model(component: str, model: Any) -> Iterator[Slot]:
    """Yield the modules with a weight: layers and norms, no embeddings.

    Args:
        component: the model's name in its pipeline. model: a torch module.
    """
    from torch.nn import Embedding

    for name, module in model.named_modules():
        if getattr(module, "weight", None) is not None and not isinstance(module, Embedding):
            yield Slot(component, name, tuple(module.weight.shape), getattr(module, "bias", None) is not None)


def describe(components: Components) -> dict[str, dict[str, str]]:
    """Return what stands in a data file: {component: {module: shape of its weight, and "bias" if it has one}}."""
    return {
        component: {
            slot.module: "x".join(map(str, slot.shape)) + (" bias" if slot.has_bias else "")
            for slot in slots_of_model(component, model)
        }
        for component, model in components.items()
    }


def build_all() -> dict[str, dict[str, dict[str, str]]]:
    """Return the content of every data file, by its name."""
    declare_missing_operators()
    import torch

    with torch.device("meta"):
        return {name: describe(build()) for name, build in BUILDERS.items()}


def _unet(**config: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**config)


def _clip(width: int, layers: int, projection: bool = False) -> Any:
    """A CLIP text encoder; the projection is as wide as the encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, projection_dim=width, num_hidden_layers=layers
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _t5() -> Any:
    """The encoder of T5 1.1 XXL."""
    from transformers import T5Config, T5EncoderModel

    sizes = {"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_heads": 64, "num_layers": 24}
    return T5EncoderModel(T5Config(**sizes, feed_forward_proj="gated-gelu"))


def _micro_xl() -> Components:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    first, second = (
        CLIPTextConfig.from_pretrained(MICRO_BACKBONE / name) for name in ("text_encoder", "text_encoder_2")
    )
    return {
        "unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(MICRO_BACKBONE / "unet")),
        "text_encoder": CLIPTextModel(first),
        "text_encoder_2": CLIPTextModelWithProjection(second),
    }


def _sd21() -> Components:
    heads = (5, 10, 20, 20)
    unet = _unet(cross_attention_dim=1024, attention_head_dim=heads, use_linear_projection=True)
    return {"unet": unet, "text_encoder": _clip(1024, 23)}


def _sdxl() -> Components:
    return {"unet": _unet(**_XL), "text_encoder": _clip(768, 12), "text_encoder_2": _clip(1280, 32, projection=True)}


def _sd3(name: str) -> Components:
    from diffusers import SD3Transformer2DModel

    common = {"sample_size": 128, "pos_embed_max_size": 192, "attention_head_dim": 64, "pooled_projection_dim": 2048}
    transformer = SD3Transformer2DModel(**(common | _SD3_SIZES[name]))
    first, second = _clip(768, 12, projection=True), _clip(1280, 32, projection=True)
    return {"transformer": transformer, "text_encoder": first, "text_encoder_2": second, "text_encoder_3": _t5()}


def _flux() -> Components:
    from diffusers import FluxTransformer2DModel

    transformer = FluxTransformer2DModel(guidance_embeds=True)
    return {"transformer": transformer, "text_encoder": _clip(768, 12), "text_encoder_2": _t5()}


def _qwen_image() -> Components:
    from diffusers import QwenImageTransformer2DModel

    return {"transformer": QwenImageTransformer2DModel()}


# Qwen-Image's text encoder is a language model that nobody trains LoRAs of
BUILDERS: Mapping[str, Callable[[], Components]] = {
    "micro-xl": _micro_xl,
    "sd-1.5": lambda: {"unet": _unet(cross_attention_dim=768), "text_encoder": _clip(768, 12)},
    "sd-2.1": _sd21,
    "sdxl": _sdxl,
    "sd-3-medium": lambda: _sd3("sd-3-medium"),
    "sd-3.5-medium": lambda: _sd3("sd-3.5-medium"),
    "sd-3.5-large": lambda: _sd3("sd-3.5-large"),
    "flux": _flux,
    "qwen-image": _qwen_image,
}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in build_all().items():
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {path}: {sum(map(len, content.values()))} modules")


if __name__ == "__main__":
    main()

"""open_clip models with random weights: text towers as their architectures have them, but shallow and narrow."""

from typing import Any

import numpy as np
import torch

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.embedding.encoder import ClipEncoder
from carlos_tasks.profiles.profile import PROFILES_FOLDER

declare_missing_operators()

import open_clip  # noqa: E402
from open_clip.coca_model import CoCa  # noqa: E402
from open_clip.model import CLIP, CustomTextCLIP  # noqa: E402

TOKENIZER_FOLDER = PROFILES_FOLDER.parent / "microworld" / "weights" / "encoder"
PROMPTS = ["a red circle", "a blue star on a green background", "square", "a yellow ring in front of cyan"]

_SMALL_VISION = {"image_size": 32, "patch_size": 16, "width": 64, "head_width": 32, "layers": 1}
_SMALL_TEXT = {"width": 64, "heads": 2, "layers": 3}


def small_tower(architecture: str, **text_config: Any) -> ClipEncoder:
    """The architecture's text tower with three narrow layers, under the micro world's tokenizer; random weights.

    Args:
        architecture: a name that open_clip knows.
        text_config: further changes of its text tower.
    """
    config = open_clip.get_model_config(architecture)
    config = {name: config[name] for name in ("embed_dim", "quick_gelu", "multimodal_cfg") if name in config} | {
        "vision_cfg": _SMALL_VISION | ({"attentional_pool": True} if "multimodal_cfg" in config else {}),
        "text_cfg": config["text_cfg"] | _SMALL_TEXT | {"vocab_size": 962} | text_config,
    }
    if "multimodal_cfg" in config:
        kind = CoCa
        config["multimodal_cfg"] = config["multimodal_cfg"] | _SMALL_TEXT
    else:
        kind = CustomTextCLIP if open_clip.get_model_config(architecture).get("custom_text") else CLIP
    torch.manual_seed(0)
    model = with_large_weights(kind(**config))
    return ClipEncoder(model, torch.nn.Identity(), micro_tokenizer(model.context_length))


def papers_encoder() -> ClipEncoder:
    """ViT-B/32 whole, with its own tokenizer; random weights."""
    torch.manual_seed(1)
    model = with_large_weights(open_clip.create_model("ViT-B-32-quickgelu", pretrained=None))
    return ClipEncoder(model, torch.nn.Identity(), openai_tokenizer())


def with_large_weights(model: Any) -> Any:
    """Weights at which every layer matters: freshly made ones leave attention next to uniform."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "token_embedding" in name or "positional_embedding" in name:
                parameter.mul_(40)
            elif parameter.ndim == 2:
                parameter.mul_(2)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def micro_tokenizer(context_length: int) -> Any:
    """The micro world's tokenizer, as open_clip loads it."""
    return open_clip.get_tokenizer(f"local-dir:{TOKENIZER_FOLDER}", context_length=context_length)


def openai_tokenizer() -> Any:
    """The tokenizer of OpenAI's CLIP."""
    return open_clip.get_tokenizer("ViT-B-32-quickgelu")


def plainly(encoder: ClipEncoder, text: str, prompts: list[str] = PROMPTS) -> np.ndarray:
    """Features of the prompts followed by the text, as open_clip itself computes them."""
    tokens = encoder.tokens([f"{prompt} {text}" for prompt in prompts]).ids
    with torch.inference_mode():
        return np.asarray(encoder.model.encode_text(tokens, normalize=False).numpy())

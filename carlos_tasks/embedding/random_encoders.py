"""Small encoders of the real classes with random weights, as folders that a profile can name.

What they see means nothing. They show that loading, drawing once and embedding often work where no weights are at hand.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.embedding.csd import FILE
from carlos_tasks.profiles.profile import PROFILES_FOLDER, Encoder
from carlos_tasks.profiles.resources import folder_digest

_TOKENIZER_FOLDER = PROFILES_FOLDER.parent / "microworld" / "weights" / "encoder"
_PREPROCESSING = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def random_dinov2(folder: Path, seed: int = 0) -> Encoder:
    """Write a DINOv2 of transformers, two layers of width 64 on 32 × 32 pixels."""
    declare_missing_operators()
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    config = transformers.Dinov2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=32, patch_size=8
    )
    transformers.Dinov2Model(config).save_pretrained(folder)
    processor = transformers.BitImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}, resample=3
    )
    processor.save_pretrained(folder)
    return _encoder(folder, "transformers")


def random_csd(folder: Path, seed: int = 0) -> Encoder:
    """Write a checkpoint of CSD under the names of the real one: two layers of width 64 on 32 × 32 pixels."""
    declare_missing_operators()
    import torch
    from open_clip.model import QuickGELU
    from open_clip.transformer import VisionTransformer
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    tower = VisionTransformer(32, 8, 64, 2, 1, 4.0, output_dim=48, act_layer=QuickGELU)
    weights = {f"backbone.{name}": value for name, value in tower.state_dict().items() if name != "proj"}
    heads = {f"last_layer_{name}": torch.randn(64, 48) / 8 for name in ("style", "content")}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights | heads, folder / FILE)
    return _encoder(folder, "csd")


def random_siglip(folder: Path, seed: int = 0) -> Encoder:
    """Write a SigLIP of open_clip: an image tower of timm, a text tower that is not causal, micro's tokenizer."""
    declare_missing_operators()
    import torch
    from open_clip.model import CustomTextCLIP
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    config: dict[str, Any] = {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {"image_size": 32, "timm_model_name": "test_vit", "timm_pool": "map", "timm_proj": "none"},
        "text_cfg": {
            **{"context_length": 24, "vocab_size": 962, "hf_tokenizer_name": "micro", "width": 64, "heads": 2},
            **{"layers": 2, "no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
        },
    }
    shutil.copytree(_TOKENIZER_FOLDER, folder, ignore=shutil.ignore_patterns("open_clip*"), dirs_exist_ok=True)
    document = {"model_cfg": config, "preprocess_cfg": _PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(document, indent=2) + "\n")
    config.pop("custom_text")
    model = CustomTextCLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return _encoder(folder, "open_clip")


def _encoder(folder: Path, library: Any) -> Encoder:
    return Encoder(model=str(folder), revision=folder_digest(folder), library=library)

"""Backbones and LoRAs of full size with random weights: what a card has to do for them is what real ones cost.

Their pictures are noise. They measure speed and memory where no weights are at hand.
"""

from pathlib import Path
from typing import Any

from carlos_tasks.lora.backbones.architecture_data import BUILDERS, MICRO_BACKBONE

RANK = 16


def random_sdxl(device: str, dtype: str) -> Any:
    """Build SDXL base 1.0 from its configuration.

    Args:
        device: a torch device; 7 GB are taken there in float16, twice that while it is built.
        dtype: name of a torch type, as a profile has it.

    Returns:
        A `StableDiffusionXLPipeline`; its tokenizer is the micro world's, padded to SDXL's 77 tokens.
    """
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
    from transformers import CLIPTokenizer

    with torch.device(device):
        parts = BUILDERS["sdxl"]()
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=1024,
            scaling_factor=0.13025,
            force_upcast=True,
        )
    tokenizer = CLIPTokenizer.from_pretrained(MICRO_BACKBONE / "tokenizer", model_max_length=77)
    scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, timestep_spacing="leading", steps_offset=1
    )
    models = {name: model.to(getattr(torch, dtype)).eval() for name, model in {**parts, "vae": vae}.items()}
    pipeline = StableDiffusionXLPipeline(
        **models, tokenizer=tokenizer, tokenizer_2=tokenizer, scheduler=scheduler, add_watermarker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def write_random_lora(pipeline: Any, path: Path) -> None:
    """Write a LoRA of rank 16 for every linear layer of the denoiser's attention, as diffusers saves it."""
    import torch
    from safetensors.torch import save_file

    component = "unet" if hasattr(pipeline, "unet") else "transformer"
    tensors = {}
    for name, module in getattr(pipeline, component).named_modules():
        if isinstance(module, torch.nn.Linear) and ".attn" in name:
            rows, columns = module.weight.shape
            tensors[f"{component}.{name}.lora_A.weight"] = torch.randn(RANK, columns).half() / columns**0.5
            tensors[f"{component}.{name}.lora_B.weight"] = torch.randn(rows, RANK).half() * 0.02
    save_file(tensors, path)

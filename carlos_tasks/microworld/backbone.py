"""The parts of the micro backbone, "micro-xl": the classes of SDXL with a thousandth of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.microworld.scenes import SIZE
from carlos_tasks.microworld.tokenizer import CONTEXT, load_tokenizer
from carlos_tasks.microworld.vae import LATENT_CHANNELS

declare_missing_operators()
from diffusers import (  # noqa: E402  (torchvision's operators come first)
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (  # noqa: E402
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

TEXT_WIDTH = 64
TIME_ID_WIDTH = 8
TIME_IDS = (float(SIZE), float(SIZE), 0.0, 0.0, float(SIZE), float(SIZE))
"""SDXL's micro-conditions: original height and width, crop top and left, target height and width."""


@dataclass(frozen=True)
class TextConditions:
    """What the UNet is told of n prompts: hidden float32 (n, 24, 128), pooled float32 (n, 64)."""

    hidden: Tensor
    pooled: Tensor

    def masked(self, keep: Tensor) -> TextConditions:
        """Zero the conditions of the prompts that are not kept, as the pipeline does without a prompt."""
        return TextConditions(self.hidden * keep[:, None, None], self.pooled * keep[:, None])

    def rows(self, index: Tensor) -> TextConditions:
        return TextConditions(self.hidden[index], self.pooled[index])


@dataclass
class Backbone:
    """The trainable parts and the tokenizer."""

    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer

    def modules(self) -> dict[str, torch.nn.Module]:
        """The trainable parts by the names that the pipeline gives them."""
        return {"unet": self.unet, "text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}

    def encode(self, prompts: list[str]) -> TextConditions:
        """Encode prompts exactly as StableDiffusionXLPipeline.encode_prompt does."""
        tokens = self.tokenizer(
            prompts, padding="max_length", max_length=CONTEXT, truncation=True, return_tensors="pt"
        ).input_ids
        first = self.text_encoder(tokens, output_hidden_states=True)
        second = self.text_encoder_2(tokens, output_hidden_states=True)
        hidden = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return TextConditions(hidden, second.text_embeds)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditions: TextConditions) -> Tensor:
        """The UNet's output (velocity) for noisy latents: float (n, 8, 8, 8)."""
        added = {
            "text_embeds": conditions.pooled,
            "time_ids": torch.tensor(TIME_IDS).expand(len(noisy), -1),
        }
        prediction = self.unet(noisy, timesteps, conditions.hidden, added_cond_kwargs=added)
        return prediction.sample


def build_backbone(tokenizer_folder: Path) -> Backbone:
    """Untrained parts of the right shapes."""
    tokenizer = load_tokenizer(tokenizer_folder)
    unet = UNet2DConditionModel(
        sample_size=SIZE // 4,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(64, 128),
        layers_per_block=1,
        transformer_layers_per_block=1,
        cross_attention_dim=2 * TEXT_WIDTH,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        norm_num_groups=16,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_ID_WIDTH,
        projection_class_embeddings_input_dim=TIME_ID_WIDTH * len(TIME_IDS) + TEXT_WIDTH,
    )
    return Backbone(
        unet,
        CLIPTextModel(_text_config(tokenizer)),
        CLIPTextModelWithProjection(_text_config(tokenizer)),
        tokenizer,
    )


def _text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def build_scheduler() -> EulerDiscreteScheduler:
    """SDXL's noise schedule, with velocity prediction."""
    return EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )


def build_pipeline(backbone: Backbone, vae: AutoencoderKL) -> StableDiffusionXLPipeline:
    """All parts as the pipeline that generates pictures."""
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=backbone.text_encoder,
        text_encoder_2=backbone.text_encoder_2,
        tokenizer=backbone.tokenizer,
        tokenizer_2=backbone.tokenizer,
        unet=backbone.unet,
        scheduler=build_scheduler(),
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_backbone(folder: Path) -> tuple[Backbone, AutoencoderKL]:
    """The parts of a saved pipeline, in float32."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
    parts = Backbone(pipeline.unet, pipeline.text_encoder, pipeline.text_encoder_2, pipeline.tokenizer)
    return parts, pipeline.vae

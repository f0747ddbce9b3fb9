"""Load the text-to-image pipeline that a profile names: the one code path for the micro world and for SDXL."""

from functools import lru_cache
from typing import Any

from carlos_tasks.extras import require
from carlos_tasks.profiles.profile import Backbone, Identity, Sampler
from carlos_tasks.profiles.resources import model_folder


def load_backbone(identity: Identity, device: str) -> Any:
    """Load the pipeline with the profile's scheduler, on `device`, once per process.

    Args:
        identity: names the model, its revision, precision and sampler.
        device: a torch device, as `choose_device` gives it.

    Returns:
        A diffusers pipeline (for the shipped profiles a `StableDiffusionXLPipeline`).

    Raises:
        SettingsError: the extra `index` is not installed.
        ProfileMismatch: the weights are not those that the profile names.
    """
    require("drawing", "index")
    return _load(identity.backbone.model_dump_json(), identity.sampler.model_dump_json(), device)


@lru_cache(maxsize=1)  # of JSON, since a scheduler's configuration is a dict: a second SDXL would not fit a GPU
def _load(backbone_json: str, sampler_json: str, device: str) -> Any:
    from carlos_tasks.device.torchvision_cpu import declare_missing_operators

    declare_missing_operators()
    import diffusers
    import torch
    import transformers

    backbone, sampler = Backbone.model_validate_json(backbone_json), Sampler.model_validate_json(sampler_json)
    # Bars of their own would be drawn through ours, and fill the log of a task.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    name, commit = model_folder(backbone.uri, backbone.revision)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        name,
        revision=commit,
        variant=backbone.variant,
        dtype=getattr(torch, backbone.dtype),
        use_safetensors=True,
    )
    scheduler = getattr(diffusers, sampler.scheduler)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **sampler.scheduler_config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)

"""Load the text-to-image pipeline that a profile names: the one code path for the micro world and all backbones."""

from functools import lru_cache
from typing import Any

from carlos_tasks.errors import PassingError
from carlos_tasks.extras import require
from carlos_tasks.profiles.profile import Backbone, Identity, Sampler
from carlos_tasks.profiles.resources import model_folder


def load_backbone(identity: Identity, device: str) -> Any:
    """Load the pipeline with the profile's scheduler, on `device`, once per process.

    Args:
        identity: names the model, its revision, precision and sampler.
        device: a torch device, as `choose_device` gives it.

    Returns:
        The pipeline of diffusers that the model itself names, e.g. a `StableDiffusionXLPipeline` or a `FluxPipeline`.

    Raises:
        SettingsError: the extra `index` is not installed.
        ProfileMismatch: the weights are not those that the profile names.
        PassingError: they cannot be had now: the Hub does not answer, or lets only others have them.
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
    try:
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            name,
            revision=commit,
            variant=backbone.variant,
            dtype=getattr(torch, backbone.dtype),
            use_safetensors=True,
        )
    except OSError as exc:
        reason = " ".join(str(exc).split())[:300]
        raise PassingError(f"the weights of {backbone.uri} at {backbone.revision} cannot be had: {reason}") from exc
    if getattr(pipeline, "safety_checker", None) is not None:
        pipeline.safety_checker = None  # it would put black in the place of a picture, which no LoRA did
    scheduler = getattr(diffusers, sampler.scheduler)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **sampler.scheduler_config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)

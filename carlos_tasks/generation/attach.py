"""Attach one LoRA to a loaded backbone, and make sure that it took hold.

diffusers passes over keys that match no module with no more than a warning, so a file can load "successfully" and
change nothing (huggingface/diffusers#9291). Here the modules that the file holds are counted against the modules
that were patched, and the difference is an error with a reason.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carlos_tasks.errors import IndexingFailed

ADAPTER = "carlos"


@dataclass(frozen=True)
class Attachment:
    """How much of a LoRA file took hold: modules it holds, and modules of the backbone that were patched."""

    modules_saved: int
    modules_patched: int


@contextmanager
def attached(pipeline: Any, path: Path, scale: float) -> Iterator[Attachment]:
    """Attach the LoRA at `path` for the body of the `with`, and restore the bare backbone exactly after it.

    Args:
        pipeline: as `load_backbone` gives it.
        path: a checked safetensors file.
        scale: the weight of the LoRA.

    Yields:
        The number of modules saved and patched. With none patched the backbone is bare: nothing to measure.

    Raises:
        IndexingFailed: `load_failed` where diffusers refuses the file, `partly_patched` where some modules of the
            file matched nothing, so that what would be measured is not what the file holds.
    """
    saved = count_saved_modules(path)
    # It warns of every text encoder that a UNet-only LoRA leaves alone; the count below is what tells.
    logging.getLogger("diffusers.loaders").setLevel(logging.ERROR)
    try:
        try:
            pipeline.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=ADAPTER, use_safetensors=True
            )
        except (ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError) as exc:
            raise IndexingFailed(
                "load_failed", f"diffusers refuses the file: {type(exc).__name__}: {exc}"[:500]
            ) from exc
        patched = count_patched_modules(pipeline)
        if 0 < patched < saved:
            raise IndexingFailed("partly_patched", f"{patched} of {saved} modules of the file match the backbone")
        if patched:
            pipeline.set_adapters(ADAPTER, scale)
        yield Attachment(saved, patched)
    finally:
        pipeline.unload_lora_weights()


def count_saved_modules(path: Path) -> int:
    """Number of modules that a LoRA file holds an up or down half of, from its header alone."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return len({_module_of(key) for key in file.keys()})  # noqa: SIM118 - safe_open is no mapping


def count_patched_modules(pipeline: Any) -> int:
    """Number of modules of the UNet and the text encoders that carry the adapter."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    parts = (getattr(pipeline, name, None) for name in ("unet", "transformer", "text_encoder", "text_encoder_2"))
    return sum(
        isinstance(module, BaseTunerLayer) and ADAPTER in module.active_adapters
        for part in parts
        if part is not None
        for module in part.modules()
    )


def _module_of(key: str) -> str:
    for ending in (".lora_A.", ".lora_B.", ".lora_down.", ".lora_up.", ".lora.down.", ".lora.up.", ".alpha"):
        module, found, _ = key.partition(ending)
        if found:
            return module
    return key

"""Attach one LoRA to a loaded backbone, and make sure that it took hold.

diffusers passes over keys that match no module with no more than a warning, so a file can load "successfully" and
change nothing (huggingface/diffusers#9291). Here the modules that the file holds are counted against the modules
that were changed, and the difference is an error with a reason. Which family is attached in which way stands in
`lora.backbones.loading`. Where rounding cannot tell them apart, adapters are merged too: drawing is faster then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carlos_tasks.errors import IndexingFailed
from carlos_tasks.generation.adapters import adapted
from carlos_tasks.generation.matched import match_file, slots_of
from carlos_tasks.generation.merge import merged, restore_bare
from carlos_tasks.lora.backbones.loading import Way


@dataclass(frozen=True)
class Attachment:
    """How much of a LoRA file took hold: modules it holds, and how many of them changed the backbone."""

    modules_saved: int
    modules_patched: int


@contextmanager
def attached(
    pipeline: Any, path: Path, scale: float, stated_scale: str | None = None, *, fuse: bool | None = None
) -> Iterator[Attachment]:
    """Attach the LoRA at `path` for the body of the `with`, and restore the bare backbone exactly after it.

    Args:
        pipeline: as `load_backbone` gives it.
        path: a checked safetensors file.
        scale: the weight of the LoRA.
        stated_scale: what an adapter_config.json beside the file says of the scale that it was trained with.
        fuse: whether a file that can be an adapter beside the weights is merged into them. None: where the backbone
            computes in float32 on a CPU. In half precision the merged weights are rounded, and the images are others.

    Yields:
        The number of modules saved and patched. With none patched the backbone is bare: nothing to measure.

    Raises:
        IndexingFailed: `load_failed` where the file cannot be attached, `partly_patched` where some modules of the
            file matched nothing, so that what would be measured is not what the file holds.
    """
    restore_bare()
    file = match_file(path, slots_of(pipeline), stated_scale)
    if not file.modules:
        yield Attachment(file.n_modules, 0)
        return
    _refuse_a_part(len(file.modules), file.n_modules)
    # diffusers attaches no adapter to a T5 encoder, and says nothing of it
    is_for_others = not file.components <= frozenset(pipeline._lora_loadable_modules)
    fuse = _is_exact(pipeline, file.components) if fuse is None else fuse
    attach = merged if fuse or file.way is Way.MERGE or is_for_others else adapted
    with attach(pipeline, file, scale) as patched:
        _refuse_a_part(patched, file.n_modules)
        yield Attachment(file.n_modules, patched)


def _is_exact(pipeline: Any, components: frozenset[str]) -> bool:
    """Whether these components compute in float32 on a CPU. CUDA may round float32 to TF32, so its images stay."""
    import torch

    parameters = (value for name in components for value in getattr(pipeline, name).parameters())
    return all(value.dtype == torch.float32 and value.device.type == "cpu" for value in parameters)


def _refuse_a_part(patched: int, saved: int) -> None:
    if patched < saved:
        raise IndexingFailed("partly_patched", f"{patched} of {saved} modules of the file match the backbone")

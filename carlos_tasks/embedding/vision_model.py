"""Models of pictures alone, as transformers loads them: DINOv2 and its like, which tell subjects apart."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from carlos_tasks.errors import SettingsError


def load_vision_model(folder: Path, device: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Load a model whose feature is its `pooler_output`: for DINOv2 the class token behind the last norm.

    Args:
        folder: with configuration, preprocessing and weights.
        device: a torch device.

    Returns:
        Pixels to features, and PIL images to pixels by the model's own preprocessing.

    Raises:
        SettingsError: it is no such model, or weights of it are missing.
        OSError: a file of it is not there.
    """
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()  # it would be drawn through ours
    try:
        config = transformers.AutoConfig.from_pretrained(folder)
        if hasattr(config, "text_config"):
            raise SettingsError(f"the encoder in {folder} reads texts too: name it as one of open_clip")
        model, found = transformers.AutoModel.from_pretrained(
            folder, config=config, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
        processor = transformers.AutoImageProcessor.from_pretrained(folder)
    except ValueError as exc:
        raise SettingsError(f"transformers knows no encoder of pictures in {folder}: {exc}") from exc
    # transformers fills what is missing with random numbers.
    if lacking := sorted(found["missing_keys"]):
        raise SettingsError(f"the encoder in {folder} lacks {len(lacking)} of its weights, {lacking[0]} for one")
    model = model.eval().to(device)

    def features(pixels: Any) -> Any:
        pooled = getattr(model(pixel_values=pixels), "pooler_output", None)
        if pooled is None:
            raise SettingsError(
                f"the encoder in {folder} gives no pooler_output, which would be the feature of a picture"
            )
        return pooled

    def preprocess(images: Sequence[Any]) -> Any:
        return processor(images=list(images), return_tensors="pt")["pixel_values"]

    return features, preprocess

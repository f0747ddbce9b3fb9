"""What is seen of an image before it is embedded: its statistics, the flag of a broken one, its 8-bit form."""

from dataclasses import dataclass
from typing import Any

# An 8-bit image cannot show less than one level of 255; below it an image is black, or has no structure at all.
ONE_LEVEL = 1 / 255


@dataclass(frozen=True)
class PictureFacts:
    """Mean and standard deviation over all values in [0, 1], and a flag: None, 'nan', 'black' or 'constant'."""

    mean: float
    std: float
    flag: str | None


def look_at(image: Any) -> PictureFacts:
    """Tell a usable image from a broken one.

    Args:
        image: torch float32 (3, height, width) in [0, 1], possibly with NaN.
    """
    import torch

    if not torch.isfinite(image).all():
        return PictureFacts(0.0, 0.0, "nan")
    mean, std = image.mean().item(), image.std(correction=0).item()
    if image.max().item() < ONE_LEVEL:
        return PictureFacts(mean, std, "black")
    # A plain surface of one colour differs between channels but nowhere within one.
    if image.std(dim=(1, 2), correction=0).max().item() < ONE_LEVEL / 2:
        return PictureFacts(mean, std, "constant")
    return PictureFacts(mean, std, None)


def to_pil(image: Any) -> Any:
    """The 8-bit RGB image, as people see it and the encoder's preprocessing expects it (NaN becomes black)."""
    from PIL import Image

    values = (image.nan_to_num(0.0) * 255).round().clamp(0, 255).byte()
    return Image.fromarray(values.permute(1, 2, 0).contiguous().numpy())

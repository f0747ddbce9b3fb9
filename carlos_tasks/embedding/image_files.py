"""Pictures that somebody asks with: found, opened with care, and read by the encoder.

They come from anywhere, so only the formats below are tried, by Pillow's own decoders, and what would fill the memory
is refused before it is decoded.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carlos_tasks.arrays import Doubles
from carlos_tasks.embedding.image_encoder import ImageEncoder
from carlos_tasks.errors import CarlosError, NotFound

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURES = 1000
MAX_PIXELS = 64_000_000
#: The encoder's preprocessing makes the short side fit first; a longer strip would grow to gigabytes.
MAX_ASPECT = 20
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_PICTURES_PER_STEP = 16


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """Return the files meant: a folder stands for the pictures in it, by their names' endings, sorted.

    Raises:
        NotFound: nothing lies at a path, or a folder has no picture.
        CarlosError: there are none, or more than MAX_PICTURES.
    """
    found = [picture for path in paths for picture in _pictures_at(path)]
    if not found:
        raise CarlosError("no picture is given: name files, or a folder of them")
    if len(found) > MAX_PICTURES:
        raise CarlosError(f"{len(found)} pictures are given: at most {MAX_PICTURES} make one question")
    return found


def mean_feature(encoder: ImageEncoder, pictures: Sequence[Path]) -> Doubles:
    """Mean feature e of pictures: float64 (d,), unnormalised.

    Raises:
        CarlosError: one of them cannot be used; the message names it.
    """
    total: Any = 0.0
    for start in range(0, len(pictures), _PICTURES_PER_STEP):
        images = [open_picture(path) for path in pictures[start : start + _PICTURES_PER_STEP]]
        total = total + encoder.embed_images(images).sum(axis=0, dtype=np.float64)
    return np.asarray(total / len(pictures))


def open_picture(path: Path) -> "Image":
    """Open a picture as people see it: turned upright, 8-bit RGB, transparency on white, of a film the first frame.

    Raises:
        CarlosError: it is no picture of FORMATS, is broken, has too many pixels, or is a strip.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Our own limits are lower than Pillow's, and what it finds odd in a file that it reads is no matter.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as opened:
                _check_size(path, *opened.size)
                return _on_white(ImageOps.exif_transpose(opened), path)
    except Image.DecompressionBombError as exc:
        raise CarlosError(f"{path} has more than {MAX_PIXELS // 10**6} million pixels: make it smaller") from exc
    except UnidentifiedImageError as exc:
        raise CarlosError(f"{path} is no picture that is read here ({', '.join(FORMATS)})") from exc
    # Broken files make Pillow's decoders raise all of these.
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, OverflowError, ArithmeticError) as exc:
        raise CarlosError(f"{path} is a broken picture: {exc}") from exc


def picture_format(data: bytes) -> str:
    """Which of FORMATS the bytes of a picture are that `open_picture` has opened."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        return str(opened.format)


def _pictures_at(path: Path) -> Iterator[Path]:
    if path.is_dir():
        try:
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
        except OSError as exc:
            raise CarlosError(f"the folder {path} cannot be read: {exc.strerror}") from exc
        if not inside:
            raise NotFound(f"{path} holds no picture ({', '.join(sorted(_SUFFIXES))})")
        yield from inside
    elif path.is_file():
        yield path
    else:
        raise NotFound(f"there is no picture at {path}")


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise CarlosError(
            f"{path} is {width} x {height}, more than {MAX_PIXELS // 10**6} million pixels: make it smaller"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise CarlosError(f"{path} is {width} x {height}, a strip: cut out what matters")


def _on_white(image: "Image", path: Path) -> "Image":
    from PIL import Image

    if image.mode.startswith("I;16"):
        # Pillow would cut 16 bits at 255 and show white.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise CarlosError(f"{path} has 32 bits per pixel value: save it with 8")
    if not image.has_transparency_data:
        return image.convert("RGB")
    shown = image.convert("RGBA")
    white = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(white, shown).convert("RGB")

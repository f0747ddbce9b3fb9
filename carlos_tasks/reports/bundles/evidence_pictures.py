"""Pairs of kept images for a page: small and inside it; and blurred twins for print, where nothing can be uncovered."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake.evidence import image_keys
from carlos_tasks.store.keys import BASELINE, evidence_prefix
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once

#: Longest side on a page; a megapixel would make a page of many pairs too large.
SIDE_PX = 192
#: Up to this side, scaling up smoothly would show what is not there.
TINY_PX = 64
#: A blurred twin holds no more than this many pixels a side: no sharpening brings back what it showed.
BLURRED_PX = 6
_BLURRED_SHOWN_PX = 48
#: No kept image is larger: nothing that is gets read.
MAX_BYTES = 64 * 2**20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PairPicture:
    """One pair: the baseline and the LoRA's image of one prompt and seed, as data URIs.

    `pair` names prompt and seed. `baseline` and its twin are None where the bare backbone's image was not kept.
    `is_tiny`: so small that it is shown pixel by pixel, as it is.
    """

    pair: str
    baseline: str | None
    lora: str
    baseline_blurred: str | None
    lora_blurred: str
    is_tiny: bool


@dataclass(frozen=True)
class _Picture:
    clear: str
    blurred: str
    is_tiny: bool


def evidence_pairs_of(
    store: ObjectStore, profile_id: str, lora_ids: Sequence[str], n: int
) -> dict[str, list[PairPicture]]:
    """Return the first `n` kept pairs of each LoRA, by lora_id; a LoRA without kept images has an empty list.

    An image that is not there any more, or cannot be read, is left out.
    """
    if not lora_ids or n < 1:
        return {lora_id: [] for lora_id in lora_ids}
    keys = image_keys(store, profile_id, lora_ids)
    kept = {lora_id: list(pairs)[:n] for lora_id, pairs in keys.items()}
    _import_pillow()
    with at_once() as each:
        wanted = sorted({pair for pairs in kept.values() for pair in pairs})
        baselines = dict(
            zip(wanted, each(lambda pair: _picture(store, profile_id, BASELINE, pair), wanted), strict=True)
        )
        shown = each(
            lambda item: [_pair(store, profile_id, item[0], pair, baselines[pair]) for pair in item[1]], kept.items()
        )
        return {lora_id: [pair for pair in pairs if pair] for lora_id, pairs in zip(kept, shown, strict=True)}


def _import_pillow() -> None:
    """Import what the threads use, its readers and writers of WebP and JPEG too, before there are any."""
    from PIL import Image

    Image.init()


def data_uri(data: bytes, kind: str = "webp") -> str:
    """Return the bytes of a picture as a data URI, to stand in a page."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _pair(
    store: ObjectStore, profile_id: str, lora_id: str, pair: str, baseline: _Picture | None
) -> PairPicture | None:
    lora = _picture(store, profile_id, lora_id, pair)
    if lora is None:
        return None
    return PairPicture(
        pair=pair,
        baseline=baseline.clear if baseline else None,
        lora=lora.clear,
        baseline_blurred=baseline.blurred if baseline else None,
        lora_blurred=lora.blurred,
        is_tiny=lora.is_tiny,
    )


def kept_image(store: ObjectStore, key: str) -> tuple[bytes, Any] | None:
    """A kept image: its bytes, and the picture, RGB; None where it is not there, or cannot be read."""
    from PIL import Image

    try:
        data = store.read(key, at_most=MAX_BYTES)
        return data, Image.open(io.BytesIO(data), formats=["WEBP"]).convert("RGB")
    except NotFound:
        return None
    except (PermanentError, OSError, ValueError, Image.DecompressionBombError) as exc:
        log.warning("%s is left out: it is no picture (%s)", key, exc)
        return None


def _picture(store: ObjectStore, profile_id: str, lora_id: str, pair: str) -> _Picture | None:
    from PIL import Image

    kept = kept_image(store, f"{evidence_prefix(profile_id, lora_id)}{pair}.webp")
    if kept is None:
        return None
    data, picture = kept
    is_tiny = max(picture.size) <= TINY_PX
    if max(picture.size) > SIDE_PX:
        picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
        data = _encoded(picture, "WEBP", quality=82)
    few = picture.resize((BLURRED_PX, BLURRED_PX), Image.Resampling.BOX)
    veiled = few.resize((_BLURRED_SHOWN_PX, _BLURRED_SHOWN_PX), Image.Resampling.BICUBIC)
    return _Picture(data_uri(data), data_uri(_encoded(veiled, "JPEG", quality=70), "jpeg"), is_tiny)


def _encoded(picture: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()

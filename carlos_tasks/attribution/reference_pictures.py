"""The pictures of a reference set, opened with care: features of those that can be used, and a row for every file.

A file that cannot be used is left out with its reason, and so is one whose bytes were there before: given twice, a
picture is no more evidence than once.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.attribution.reference import PictureFile
from carlos_tasks.embedding.image_encoder import ImageEncoder
from carlos_tasks.embedding.image_files import open_picture
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.store import open_store

#: A larger file is left out: no picture of MAX_PIXELS needs as much.
MAX_PICTURE_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class ReferencePictures:
    """The pictures of a reference set.

    Attributes:
        rows: one per file, in the set's order: name, sha256, bytes, width, height, is_used, reason (why not).
        features: e of the pictures that are used, float64 (n_used, d), unnormalised.
    """

    rows: list[Row]
    features: Doubles


def read_pictures(encoder: ImageEncoder, files: Sequence[PictureFile]) -> ReferencePictures:
    """Open and encode the pictures of a set, one after the other, so that one large picture at a time is in memory.

    Raises:
        CarlosError: none of them can be used; the message names the first and says why.
        PassingError, SettingsError: the storage does not answer, or refuses the credentials.
    """
    rows: list[Row] = []
    features: list[Floats] = []
    known: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            row, feature = _read(encoder, file, Path(folder) / "picture", known)
            rows.append(row)
            if feature is not None:
                known[row["sha256"]] = file.name
                features.append(feature)
    if not features:
        raise CarlosError(
            f"none of the {len(rows)} pictures of the reference set can be used: {rows[0]['name']}: {rows[0]['reason']}"
        )
    return ReferencePictures(rows, np.array(features, dtype=np.float64))


def picture_bytes(file: PictureFile) -> bytes:
    """The bytes of a picture as they lie there.

    Raises:
        NotFound: it is not there (any more).
    """
    return open_store(file.store_uri).read(file.key)


def _read(encoder: ImageEncoder, file: PictureFile, path: Path, known: dict[str, str]) -> tuple[Row, Floats | None]:
    row: Row = {"name": file.name, "sha256": None, "bytes": file.bytes, "width": None, "height": None}
    try:
        if file.bytes > MAX_PICTURE_BYTES:
            raise CarlosError(f"larger than {MAX_PICTURE_BYTES // 2**20} MiB")
        data = picture_bytes(file)
        row |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        if row["sha256"] in known:
            raise CarlosError(f"the same bytes as {known[row['sha256']]}")
        path.write_bytes(data)
        image = open_picture(path)
    except (NotFound, ValueError) as exc:  # ValueError: a name that no store opens
        return row | {"is_used": False, "reason": str(exc)}, None
    except CarlosError as exc:
        if type(exc) is not CarlosError:  # the storage's fault, not the picture's
            raise
        return row | {"is_used": False, "reason": str(exc).removeprefix(f"{path} ")}, None
    row |= {"width": image.width, "height": image.height, "is_used": True, "reason": None}
    return row, encoder.embed_images([image])[0]

"""The published CARLoS table (github.com/shahar-sarfaty/CARLoS): 740 representations of Civitai's LoRAs, as parquet.

Not a source of files but of results: Direction, Strength and Consistency of LoRAs whose bytes are not known here.
Such a LoRA is named by what is known of it, its Civitai version: `civitai-212213`.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.sources.civitai import SOURCE, read_id
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.untrusted.json_values import canonical_json
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line, clean_text

MAX_ROWS = 20_000  # they are in memory at once; the published table has 740
FILE_ID = "published"  # in place of a file's id: the table knows versions, not files
_COLUMNS = {
    "version_id": pa.types.is_integer,
    "model_id": pa.types.is_integer,
    "model_name": pa.types.is_string,
    "model_description": pa.types.is_string,
    "model_nsfw_level": pa.types.is_integer,
    "folder_name": pa.types.is_string,
    "direction": pa.types.is_list,
    "strength": pa.types.is_floating,
    "consistency": pa.types.is_floating,
    "model_download_count": pa.types.is_integer,
}
_ROUNDING = 1 + 1e-6


@dataclass(frozen=True)
class PublishedRow:
    """One row: what Civitai listed, and what the authors measured (direction float (d,), unnormalised)."""

    lora_id: str
    listing: Listing
    direction: list[float]
    strength: float
    consistency: float


def read_published(path: Path) -> Iterator[PublishedRow | Rejection]:
    """Read the table; each of its rows comes out once, as it is or with the reason why it cannot be used.

    Raises:
        NotFound: there is no such file.
        PermanentError: it is not the published table: no parquet, other columns, or too many rows.
    """
    rows = _read_rows(path)
    # A row of another length than most is the one that is wrong.
    ((n_dimensions, _),) = Counter(len(row["direction"] or ()) for row in rows).most_common(1) or [(0, 0)]
    seen: set[str] = set()
    for number, row in enumerate(rows):
        ids = (SOURCE, read_id(row["model_id"]) or "", read_id(row["version_id"]) or f"#{number}", FILE_ID)
        fault = _fault_of(row, n_dimensions)
        if ids[2] in seen:
            yield Rejection(*ids, None, Reason.DUPLICATE_RECORD, "the version stands twice in the table")
        elif fault:
            yield Rejection(*ids, None, Reason.REPRESENTATION_INVALID, fault)
        else:
            yield PublishedRow(
                f"civitai-{ids[2]}", _listing_of(row, ids), row["direction"], row["strength"], row["consistency"]
            )
        seen.add(ids[2])


def _read_rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    try:
        with pq.ParquetFile(path) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
            wrong = [
                name for name, fits in _COLUMNS.items() if name not in schema.names or not fits(schema.field(name).type)
            ]
            if wrong:
                raise PermanentError(f"{path} is not the published table: columns missing or of another type: {wrong}")
            if n_rows > MAX_ROWS:
                raise PermanentError(f"{path} has {n_rows} rows, at most {MAX_ROWS} are read")
            rows: list[dict[str, Any]] = file.read(columns=list(_COLUMNS)).to_pylist()
            return rows
    except (pa.ArrowException, OSError) as exc:
        raise PermanentError(f"{path} is no parquet file that can be read: {exc}") from exc


def _fault_of(row: dict[str, Any], n_dimensions: int) -> str:
    """Say why a row cannot be used; empty when it can."""
    direction, strength, consistency = row["direction"], row["strength"], row["consistency"]
    if read_id(row["version_id"]) is None:
        return "no version_id"
    if not direction or len(direction) != n_dimensions:
        return f"a direction of {len(direction or [])} dimensions among those of {n_dimensions}"
    if any(number is None or not math.isfinite(number) for number in (*direction, strength, consistency)):
        return "a number is missing, infinite or not a number"
    if not -_ROUNDING <= consistency <= _ROUNDING:
        return f"consistency {consistency:g} is no mean cosine"
    if math.hypot(*direction) > strength * _ROUNDING:
        return f"the mean vector is longer ({math.hypot(*direction):g}) than the mean length, strength {strength:g}"
    return ""


def _listing_of(row: dict[str, Any], ids: tuple[str, str, str, str]) -> Listing:
    level = row["model_nsfw_level"]
    shown = {name: row[name] for name in _COLUMNS if name not in {"direction", "model_name", "model_description"}}
    return Listing(
        *ids,
        # Where the model was gone when the authors asked, the folder's name is all that is left of it.
        name=clean_line(row["model_name"]) or clean_line(row["folder_name"]),
        description=clean_text(row["model_description"]),
        base_model_claimed="SDXL 1.0",  # the index has no other
        nsfw_level=level if level is not None and 0 <= level < 2**31 else None,
        payload=canonical_json({"published": shown | {"folder_name": clean_line(row["folder_name"])}}),
    )

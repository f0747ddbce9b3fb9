"""A table of representations with the columns and types of the published one: 43 LoRAs, three kinds of effects.

33 keep the paper's thresholds (strength at most 9.8, consistency at least 0.041), four are too strong, six too
inconsistent. Among the 33 four unrelated LoRAs share one Direction, as LoRAs do whose pictures were broken; one LoRA
was uploaded twice, and a third does nearly what these two do.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

DIMENSIONS = 512
STATUSES = {"ok": 33, "overpowering": 4, "inconsistent": 6}
GROUPS = ("mosaic", "engraving", "lantern")
DEGENERATE = (880101, 880102, 880103, 880104)
COPIES = (880111, 880112)
GONE = 880201  # a version whose model could no longer be asked for
SCHEMA = pa.schema(
    {
        "version_id": pa.int64(),
        "model_id": pa.int64(),
        "model_name": pa.string(),
        "model_description": pa.string(),
        "model_nsfw_level": pa.int64(),
        "folder_name": pa.string(),
        "direction": pa.list_(pa.float64()),
        "strength": pa.float64(),
        "consistency": pa.float64(),
        "model_download_count": pa.int64(),
    }
)


def write_table(path: Path) -> None:
    """Write the table, the same rows on every call."""
    pq.write_table(pa.Table.from_pylist(_rows(), schema=SCHEMA), path)


def _rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(2512)
    rows = []
    for number, word in enumerate(GROUPS):
        effect = _unit(random)
        for member in range(8):
            direction = 2 * effect + 0.6 * _unit(random)
            name = f"{word.title()} {('soft', 'deep', 'plain', 'fine')[member % 4]} {member}"
            rows.append(_row(880000 + 10 * number + member, name, direction, 5 + 0.3 * member, 0.1 + 0.01 * member))
    # Exactly on both thresholds, which still count as good.
    rows.append(_row(880050, "On the Line", 2 * _unit(random), 9.8, 0.041))
    broken = 3 * _unit(random)
    rows += [
        _row(version, name, broken, 8.0, 0.14)
        for version, name in zip(DEGENERATE, ("Old Tractor", "Cello", "Glacier", "Beehive"), strict=True)
    ]
    copied = 2 * _unit(random)
    rows += [_row(version, f"Folded Map {version}", copied, 6.5, 0.12) for version in COPIES]
    rows.append(_row(880113, "Unfolded Map", copied + 0.35 * _unit(random), 6.6, 0.12))  # cosine about 0.985
    rows.append(_row(GONE, "", 2 * _unit(random), 6.0, 0.11) | _UNKNOWN)
    rows += [_row(880300 + n, f"Loud {n}", 6 * _unit(random), 9.9 + 0.4 * n, 0.3) for n in range(4)]
    rows += [_row(880400 + n, f"Faint {n}", 0.2 * _unit(random), 1.5 + 0.2 * n, 0.0405 - 0.006 * n) for n in range(6)]
    return rows


_UNKNOWN = {"model_id": None, "model_description": "", "model_nsfw_level": None, "model_download_count": None}


def _unit(random: np.random.Generator) -> NDArray[np.float64]:
    vector = random.normal(size=DIMENSIONS)
    return np.asarray(vector / np.linalg.norm(vector))


def _row(
    version: int, name: str, direction: NDArray[np.float64], strength: float, consistency: float
) -> dict[str, Any]:
    return {
        "version_id": version,
        "model_id": version - 870000,
        "model_name": name,
        "model_description": f"<p>{name}, made for a test</p>",
        "model_nsfw_level": 1,
        "folder_name": f"own-{version}",
        "direction": list(direction),
        "strength": strength,
        "consistency": consistency,
        "model_download_count": version % 97,
    }

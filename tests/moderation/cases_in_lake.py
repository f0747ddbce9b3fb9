"""A lake with a few LoRAs that somebody decides on."""

from pathlib import Path

import duckdb

from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import fill

STAR, COPY, OTHER = "5" + "a" * 63, "5" + "b" * 63, "c" * 64


def make_lake(folder: Path) -> Settings:
    """STAR overrides the prompt, COPY has its weights, OTHER does as it should; one image of STAR is kept."""
    settings = settings_of(folder)
    profile_id = load_profile(settings.profile).profile_id
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        in_lake(con, profile_id)
    open_store(settings.store).write(image_of(STAR), b"")
    return settings


def image_of(lora_id: str) -> str:
    """Key of the kept image."""
    return f"evidence/profile_id={load_profile('micro').profile_id}/lora_id={lora_id}/p1-0.webp"


def in_lake(con: duckdb.DuckDBPyConnection, profile_id: str) -> None:
    """Fill the tables."""
    own = {"profile_id": profile_id}
    fill(
        con,
        {
            "core.threshold": [
                own | {"name": "strength_max", "value": 9.8},
                own | {"name": "retention_min", "value": 0.5},
            ],
            "core.lora": [
                {"lora_id": STAR, "tensors_sha256": "w"},
                {"lora_id": COPY, "tensors_sha256": "w"},
                {"lora_id": OTHER, "tensors_sha256": "v"},
            ],
            "core.representation": [
                own | {"lora_id": STAR, "strength": 12.0, "prompt_retention": 0.1},
                own | {"lora_id": OTHER, "strength": 5.0},
            ],
            "raw.listing": [{"lora_id": STAR, "name": "Lucky Star"}],
            "raw.sighting": [{}],
            "core.concept": [
                {"concept_id": "star", "section": "4.2", "title": "The star", "category": "STATEMENT_CATEGORY_VIOLENCE"}
                | {"due_hours": 24.0, "severity": 0.7},
                {"concept_id": "dots"},
                {"concept_id": "dots", "policy": "other rules"},
            ],
        },
    )

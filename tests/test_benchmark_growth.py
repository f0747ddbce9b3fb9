"""A short run of the benchmark of growth: every question is answered, and a missed target is seen."""

import argparse
from pathlib import Path

import pytest

from benchmarks.growth import NEW, by_loras, by_pairs, judged, night


@pytest.fixture
def options() -> argparse.Namespace:
    """Tiny embeddings."""
    return argparse.Namespace(prompts=8, seeds=2, dimension=4, loras=4, repeat=1)


def test_time_is_told_for_each_size(tmp_path: Path, options: argparse.Namespace) -> None:
    rows = [*by_pairs(tmp_path / "pairs", options), *by_loras(tmp_path / "loras", options)]
    assert [(row["more"], row["times"], row["loras"], row["pairs"]) for row in rows] == [
        ("pairs", 1, 1, 4),
        ("pairs", 2, 1, 8),
        ("pairs", 4, 1, 16),
        ("LoRAs", 1, 1, 4),
        ("LoRAs", 2, 2, 4),
        ("LoRAs", 4, 4, 4),
    ]
    assert [rows[0]["unit_ratio"], rows[3]["unit_ratio"]] == [1.0, 1.0]


def test_a_night_over_old_loras_writes_the_new_ones(tmp_path: Path, options: argparse.Namespace) -> None:
    row = night(tmp_path, 25, options)
    assert (row["old"], row["representations"], row["computed"], row["compared"]) == (25, NEW, NEW, NEW)
    assert row["by_prompt"] == NEW * 30


def test_a_missed_target_is_seen() -> None:
    growth = {"unit_ratio": 1.2}
    memory = {"is_equal": True, "limit_mb": 400, "embeddings_mb": 550}
    new = {"representations": NEW, "computed": NEW, "compared": NEW}
    assert judged([dict(growth)], [dict(memory)], [dict(new)])
    assert not judged([growth | {"unit_ratio": 1.6}], [dict(memory)], [dict(new)])
    assert not judged([dict(growth)], [memory | {"is_equal": False}], [dict(new)])
    assert not judged([dict(growth)], [memory | {"embeddings_mb": 300}], [dict(new)])
    assert not judged([dict(growth)], [dict(memory)], [new | {"computed": NEW + 1}])

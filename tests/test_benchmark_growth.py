"""A short run of the benchmark of growth: every question is answered, and a missed target is seen."""

import argparse
from pathlib import Path

import pytest

from benchmarks.growth import NEW, NIGHTS, by_loras, by_pairs, judged, nights_over


@pytest.fixture
def options() -> argparse.Namespace:
    """Tiny embeddings."""
    return argparse.Namespace(prompts=8, seeds=2, dimension=4, loras=4, repeat=1, shards=2, postgres=None)


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


def test_nights_over_old_loras_write_the_new_ones(tmp_path: Path, options: argparse.Namespace) -> None:
    row = nights_over(tmp_path, "sqlite", 2 * NEW, options)
    assert (row["old"], row["computed"], row["compared"]) == (2 * NEW, 2 * NIGHTS * NEW, 2 * NIGHTS * NEW)
    assert row["by_prompt"] == 2 * NIGHTS * NEW * 30
    assert row["files"] > 2 * 7


def test_a_missed_target_is_seen() -> None:
    growth = {"unit_ratio": 1.2}
    memory = {"is_equal": True, "limit_mb": 400, "embeddings_mb": 550}
    new = {"catalog": "sqlite", "seconds": 2.0, "computed": 2 * NIGHTS * NEW, "compared": 2 * NIGHTS * NEW}
    assert judged([dict(growth)], [dict(memory)], [dict(new)])
    assert not judged([growth | {"unit_ratio": 1.6}], [dict(memory)], [dict(new)])
    assert not judged([dict(growth)], [memory | {"is_equal": False}], [dict(new)])
    assert not judged([dict(growth)], [memory | {"embeddings_mb": 300}], [dict(new)])
    assert not judged([dict(growth)], [dict(memory)], [new | {"computed": NEW + 1}])
    assert not judged([dict(growth)], [dict(memory)], [dict(new), new | {"seconds": 2.7}])

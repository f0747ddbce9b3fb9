"""A short run of the benchmark of the ranking in SQL: three ways, one answer, and a missed target is seen."""

from pathlib import Path

from benchmarks.ranking_sql import faults, measure


def test_the_three_ways_agree(tmp_path: Path) -> None:
    row = measure(tmp_path, 2000, 2)
    assert row["is_equal"]
    assert row["copy_mb"] >= 4


def test_a_missed_target_is_seen() -> None:
    right = {"loras": 5, "is_equal": True, "ratio_wall": 10.0, "ratio_cpu": 10.0}
    assert faults(right) == []
    assert len(faults(right | {"is_equal": False, "ratio_cpu": 9.9})) == 2

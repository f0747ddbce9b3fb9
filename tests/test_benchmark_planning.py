"""A short run of the benchmark of planning: what it counts, and that a missed target is seen."""

from pathlib import Path

from benchmarks.planning import PROFILES, faults, measure_plan, slots_seconds


def test_a_small_plan_holds_everything(tmp_path: Path) -> None:
    row = measure_plan(tmp_path, 40)
    assert (row["waiting"], row["profiles"], row["loras_left_out"]) == (40, len(PROFILES), 0)
    assert 10 <= row["batches"] <= 16 and row["plan_s"] > 0
    assert faults(row) == []


def test_a_missed_target_is_seen() -> None:
    row = {"plan_s": 30.0, "batches": 1024, "loras_left_out": 0}
    assert faults(row) == []
    assert faults(row | {"plan_s": 31.0}) == ["plan_s is 31.0, and not at most 30.0"]
    assert faults({"orchestration_share": 0.06}) == ["orchestration_share is 0.06, and not at most 0.05"]


def test_each_slot_counts_from_the_first_batch_to_the_end_of_its_own_last() -> None:
    batches = [(0.0, 10.0), (1.0, 4.0), (6.0, 9.0), (12.0, 20.0)]
    assert slots_seconds(batches, 2, 0.0) == 20.0 + 9.0

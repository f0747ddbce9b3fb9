"""Short runs of the benchmarks of weights: a file of SDXL's size, a small lake, the zoo as it ships."""

from pathlib import Path

from benchmarks.weights import FILES, compare, describe
from benchmarks.weights_zoo import TARGETS, compared, trained


def test_a_file_of_sdxls_size_is_described_in_little_memory(tmp_path: Path) -> None:
    row = describe(tmp_path, next(iter(FILES)))
    assert row["what"].startswith("rank 16, attention, 44 MB")
    assert row["processor_s"] < 15  # thirty times what it takes


def test_new_ones_are_compared_with_a_lake(tmp_path: Path) -> None:
    assert compare(tmp_path, 300, 5)["seconds"] < 10


def test_the_zoo_as_it_ships_is_told_as_the_records_say(tmp_path: Path) -> None:
    rows = {row["compared_by"]: row for row in compared(trained(tmp_path, 2, 1))}
    assert rows["output_sketch"]["auroc"] >= TARGETS["output_sketch"]
    assert rows["output_sketch"]["nearest_shares_effect"] > 0.85
    assert abs(rows["change, whole"]["cosine_same"] - 0.028) < 0.001
    assert rows["change_sketch"]["auroc"] < rows["output_sketch"]["auroc"]

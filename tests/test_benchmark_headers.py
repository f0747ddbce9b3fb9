"""A short run of the benchmark of headers: every layout is told, and no file takes long."""

import pytest

from benchmarks.headers import measure


@pytest.mark.parametrize("are_unique", [False, True])
def test_every_layout_is_accepted_and_no_file_takes_long(are_unique: bool) -> None:
    figures = measure(50, are_unique)
    assert figures["files"] == 50
    assert figures["mean_mb"] > 100
    assert figures["seconds"] < 15  # fifty times the target, for machines that do other things as well

"""A short run of the benchmark of what verifying costs: both sides commit the same, in pairs."""

from pathlib import Path

from benchmarks.integrity import measured, parse_options


def test_commits_are_measured_in_pairs(tmp_path: Path) -> None:
    small = ["--loras", "2", "--prompts", "4", "--seeds", "2", "--dimension", "4", "--repeat", "2"]
    report = measured(tmp_path, parse_options(small))
    assert (report["loras"], report["pairs"], len(report["ratios"])) == (2, 8, 2)
    assert report["ratios"][0] <= report["ratio"] <= report["ratios"][1]
    assert report["seconds_with"] > 0 and report["seconds_without"] > 0

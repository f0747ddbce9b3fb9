"""The benchmark of the representations, on a small index: its own comparison with the SQL and with float64 holds."""

from pathlib import Path

from benchmarks.representation import TARGET_ERROR, Bench, parse_options


def test_both_ways_are_measured_on_the_same_embeddings(tmp_path: Path) -> None:
    options = parse_options(["--loras", "2", "--prompts", "3", "--seeds", "2", "--dimension", "8"])
    report = Bench(tmp_path, options).report(2, 1)
    assert (report["loras"], report["pairs"], report["equals_the_sql"]) == (2, 6, True)
    assert report["error"] <= TARGET_ERROR
    sides = ("authors", "commit", "n_x_n", "computing")
    assert min(min(report[f"{side}_seconds"]) for side in sides) >= 0
    assert report["commit_seconds"][0] > 0

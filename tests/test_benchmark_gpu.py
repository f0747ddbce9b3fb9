"""A short run of the benchmark on the CPU: the worker's own steps, timed, on the micro world."""

import json
from pathlib import Path

import pytest

from benchmarks.gpu import PARTS, main


def test_the_parts_of_a_small_run_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ("card", "host", "stages", "curve")
    out = tmp_path / "gpu.json"
    options = [option for part in chosen for option in ("--part", part)]
    monkeypatch.setattr("sys.argv", ["gpu.py", "--small", "--out", str(out), *options])
    assert main() == 0
    report = json.loads(out.read_text())
    assert tuple(report) == chosen and set(report) < set(PARTS)
    assert report["stages"]["unet"] > report["stages"]["encoder"] > 0
    assert {"1", "2"} < set(report["curve"]) and report["curve"]["2"]["images_per_second"] > 0


def test_a_part_that_fails_says_why_and_takes_nothing_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(bench: object) -> dict[str, object]:
        raise RuntimeError("no such kernel")

    out = tmp_path / "gpu.json"
    monkeypatch.setitem(PARTS, "host", broken)
    monkeypatch.setattr("sys.argv", ["gpu.py", "--small", "--out", str(out), "--part", "host", "--part", "halves"])
    assert main() == 1
    report = json.loads(out.read_text())
    assert report["host"]["failed"] == "RuntimeError: no such kernel"
    assert "left_out" in report["halves"]

"""The micro world from its seed: what is trained twice is the same to the last byte, dump and ground truth included."""

import hashlib
import json
from pathlib import Path

from carlos_tasks.microworld.repeat import differences, make_twice
from carlos_tasks.microworld.train import REDUCED


def test_one_seed_makes_one_world(tmp_path: Path) -> None:
    one, two = make_twice(tmp_path, seed=0)
    assert differences(one, two) == []
    assert {path.stem for path in (one / "zoo").iterdir()} == set(REDUCED.loras)
    assert {path.name for path in one.iterdir()} == {"encoder", "backbone", "zoo", "dump", "ground_truth.json"}
    truth = json.loads((one / "ground_truth.json").read_text())["files"]
    files = {int(path.name): hashlib.sha256(path.read_bytes()).hexdigest() for path in (one / "dump/files").iterdir()}
    assert {entry["file_id"]: entry["sha256"] for entry in truth} == files
    cases = {"good", "overpowering", "inconsistent", "other_backbone", "pickle"}
    assert {entry["case"] for entry in truth} == cases


def test_a_file_that_differs_or_is_missing_is_named(tmp_path: Path) -> None:
    for name, files in {"one": {"a": b"1", "sub/b": b"2"}, "two": {"a": b"1", "sub/b": b"3", "c": b""}}.items():
        for file, data in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_bytes(data)
    assert differences(tmp_path / "one", tmp_path / "two") == ["c", "sub/b"]
    assert differences(tmp_path / "one", tmp_path / "one") == []

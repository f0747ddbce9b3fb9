"""A short fuzz of every reader (the long one is `make fuzz`), and that the campaign finds what is wrong."""

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import files, runner
from tests.fuzz.runner import make_cases, run_cases
from tests.fuzz.targets import TARGETS, Target

SHORT = {"header": 1_500, "archive": 300, "record": 300, "repo": 300, "sidecar": 150, "config": 150, "shard": 150}


@pytest.mark.parametrize("target", TARGETS)
def test_no_crash_no_hang_a_reason_for_each(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "KEPT", tmp_path)
    outcome = run_cases(target, make_cases(target, 0, SHORT[target]))
    assert not outcome.found
    assert outcome.said.total() == outcome.cases == SHORT[target]
    assert len(outcome.said) >= 2, "the cases do not reach what they are for"


@pytest.mark.parametrize("parts", files.HUGE, ids=lambda parts: parts[1].decode())
def test_headers_that_would_fill_the_memory_are_refused(parts: tuple[bytes, bytes, bytes], tmp_path: Path) -> None:
    assert files.run_header(files.huge(*parts), tmp_path) in {"header_invalid", "no_tensors"}


def test_the_same_seed_makes_the_same_cases() -> None:
    for name, target in TARGETS.items():
        assert target.make(Random(name)) == target.make(Random(name))


def test_a_crash_a_hang_and_a_wrong_answer_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(case: bytes, room: Path) -> str:
        if case[0] % 3 == 0:
            raise RecursionError("too deep")
        assert case[0] % 3 == 1
        while True:
            pass

    monkeypatch.setattr(runner, "KEPT", tmp_path)
    monkeypatch.setattr(runner, "LIMIT_S", 0.05)
    monkeypatch.setitem(TARGETS, "header", Target(lambda random: random.randbytes(1), fails))
    outcome = run_cases("header", make_cases("header", 0, 30))
    assert {line.split(": ")[1] for line in outcome.found} == {"RecursionError", "AssertionError", "Hang"}
    assert len(list(tmp_path.glob("*.txt"))) == 30

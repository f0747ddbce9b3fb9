"""A short campaign (the long one is `make chaos-lake`), and that the campaign finds what is wrong."""

import time
from random import Random

import pytest

from tests.chaos.apart import Hang, run_apart
from tests.chaos.campaign import draw
from tests.chaos.harm import FAULTS, Fault
from tests.chaos.trial import try_fault
from tests.chaos.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of seven LoRAs; every test puts it back to the moment that it wants."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    "fault", FAULTS[:2] + [fault for fault in FAULTS if fault.name == "killed commit"], ids=lambda fault: fault.name
)
def test_what_a_fault_costs_is_told_and_heals(world: World, fault: Fault) -> None:
    what, found = try_fault(world, fault, Random(1))
    assert found == [], what


def test_a_stage_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.apart.LIMIT_S", 0.2)
    with pytest.raises(Hang):
        run_apart(lambda: time.sleep(60))


def test_every_kind_is_drawn_and_the_same_seed_draws_the_same() -> None:
    drawn = draw(3, 220)
    assert drawn == draw(3, 220)
    assert {fault.name for _, fault in drawn} == {fault.name for fault in FAULTS}
    assert len(drawn) == 220

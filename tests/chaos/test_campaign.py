"""A short campaign (the long one is `make chaos-lake`), and that the campaign finds what is wrong."""

import os
import signal
from random import Random

import pytest

from carlos_tasks.lake.catalog import connect
from tests.chaos.apart import Hang, run_apart
from tests.chaos.campaign import draw
from tests.chaos.harm import FAULTS, Fault, Harm
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


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("update core.representation set strength = 2 * strength where lora_id = $1", "was harmed as well"),
        ("delete from core.lora where lora_id = $1", "is wrong, and nobody says so"),
    ],
)
def test_what_is_wrong_or_lost_is_found(world: World, sql: str, line: str) -> None:
    victim = min(world.truth)

    def write() -> None:
        with connect(world.settings, read_only=False) as con:
            con.execute(sql, [victim])

    def change(world: World, random: Random) -> Harm:
        run_apart(write).value()
        return Harm("a write past everything that would keep the lake right", may_cost=frozenset())

    _, found = try_fault(world, Fault("write", "settled", change), Random(1))
    assert f"{victim[:12]} {line}" in found


def test_a_night_that_dies_by_itself_is_found(world: World) -> None:
    def die(world: World, random: Random) -> Harm:
        return Harm("a crash", endings=(run_apart(lambda: os.kill(os.getpid(), signal.SIGKILL)),))

    _, found = try_fault(world, Fault("crash", "settled", die), Random(1))
    assert found == ["the night died without a word"]


def test_a_stage_that_hangs_is_told() -> None:
    with pytest.raises(Hang):
        run_apart(signal.pause, limit_s=0.2)


def test_every_kind_is_drawn_and_the_same_seed_draws_the_same() -> None:
    drawn = draw(3, 220)
    assert drawn == draw(3, 220)
    assert {fault.name for _, fault in drawn} == {fault.name for fault in FAULTS}
    assert len(drawn) == 220

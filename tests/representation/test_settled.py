"""When a LoRA needs no further pair."""

from itertools import product
from typing import Any

import duckdb
import numpy as np
import pytest

from carlos_tasks.lake.sql_files import sql_folder
from carlos_tasks.profiles.budget import Budget, Settled
from carlos_tasks.representation.pairs import Pairs
from carlos_tasks.representation.settled import Look, look_at_pairs, sure_status

N_PROMPTS, N_SEEDS, D = 20, 4, 16
BUDGET = Budget(
    order="balanced",
    looks=(20, 40, 80),
    settled=Settled(direction_cosine=0.98, strength_error=0.02, status_errors=2.0),
)
NAMES = ("strength_min", "strength_max", "retention_min", "consistency_min")


def pairs(size: float, noise: float, n: int = 20, seed: int = 0) -> Pairs:
    """Pairs of a Direction of some size, with noise around it that is as long as it, at 1."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(N_PROMPTS * N_SEEDS, D)).astype(np.float32)
    away = size * np.eye(D)[0] + noise * size / np.sqrt(D) * rng.normal(size=base.shape)
    prompt_no, seed_no = np.divmod(np.arange(N_PROMPTS * N_SEEDS), N_SEEDS)
    rows = np.flatnonzero(seed_no * N_PROMPTS + prompt_no < n)
    moved = (base + away).astype(np.float32)
    return Pairs(n, prompt_no[rows], seed_no[rows], rows, rows, moved, base)


def look(measured: Pairs, **thresholds: float) -> Look:
    return look_at_pairs(measured, BUDGET, thresholds, N_PROMPTS, N_SEEDS)


def test_what_does_the_same_to_every_picture_is_settled_at_the_first_look() -> None:
    found = look(pairs(1.0, 0.02))
    assert (found.status, found.open, found.is_settled) == ("ok", (), True)
    assert found.full_cosine_lower is not None
    assert found.full_cosine_lower > 0.99


def test_what_is_erratic_is_not_and_all_pairs_settle_everything() -> None:
    found = look(pairs(1.0, 3.0))
    assert found.open == ("direction", "strength")
    whole = look(pairs(1.0, 3.0, n=80))
    assert whole.is_settled
    assert whole.full_cosine_lower == pytest.approx(1)
    assert whole.strength_error == pytest.approx(0)


def test_a_status_that_keeps_it_out_of_search_settles_it_and_one_near_a_threshold_does_not() -> None:
    erratic = pairs(1.0, 6.0)
    assert look(erratic, consistency_min=0.5).open == ()
    assert look(erratic, consistency_min=0.5).status == "inconsistent"
    near = look(erratic, consistency_min=0.03)
    assert "status" in near.open
    # Too weak, by far: no further picture will make it strong.
    assert look(erratic, strength_min=100.0).is_settled


def test_half_of_the_pictures_broken_is_an_end() -> None:
    few = pairs(1.0, 3.0)
    broken = Pairs(60, few.prompt_no, few.seed_no, few.x_rows, few.y_rows, few.x, few.y)
    assert look(broken) == Look(60, "degenerate", None, None, ())
    none = Pairs(60, *(np.zeros(0, np.int64),) * 4, np.empty((0, 0), np.float32), few.y)
    assert look(none).status == "degenerate"


def test_without_any_difference_nothing_is_known_of_a_direction_and_the_status_is() -> None:
    found = look(pairs(0.0, 0.0), strength_min=0.8)
    assert (found.status, found.open, found.full_cosine_lower) == ("no_effect", (), None)


def test_the_bound_holds_at_the_look_that_it_stops_at() -> None:
    missed = stopped = 0
    for seed in range(300):
        whole = pairs(1.0, 1.0, n=80, seed=seed)
        truth = (whole.x - whole.y).astype(np.float64).mean(axis=0)
        for n in BUDGET.looks[:-1]:
            some = pairs(1.0, 1.0, n=n, seed=seed)
            found = look(some)
            if "direction" not in found.open:
                v = (some.x[some.x_rows] - some.y[some.y_rows]).astype(np.float64).mean(axis=0)
                stopped += 1
                missed += v @ truth / np.linalg.norm(v) / np.linalg.norm(truth) < found.full_cosine_lower
                break
    assert stopped > 100
    assert missed <= 0.0455 * stopped


@pytest.mark.parametrize("named", [(), NAMES, NAMES[:1], NAMES[1:2], NAMES[1:3], NAMES[3:]])
def test_the_status_is_that_of_the_sql(named: tuple[str, ...]) -> None:
    limits = {"strength_min": 1.0, "strength_max": 9.8, "retention_min": 0.5, "consistency_min": 0.04}
    own = {name: limits[name] for name in named}
    nothing = dict.fromkeys(("strength", "consistency", "prompt_retention"))
    with duckdb.connect() as con:
        con.execute("create schema core")
        con.execute((sql_folder() / "macros" / "30_status.sql").read_text())
        values = ([0.1, 1.0, 5.0, 9.8, 12.0], [None, 0.0, 0.04, 0.3], [None, 0.1, 0.5, 0.9], ["measured", "degenerate"])
        for strength, consistency, retention, measured in product(*values):
            row: dict[str, Any] = {
                "measured": measured,
                "strength": strength,
                "consistency": consistency,
                "prompt_retention": retention,
            }
            asked = [measured, strength, consistency, retention]
            asked += [own.get(name) for name in ("strength_max", "strength_min", "consistency_min", "retention_min")]
            ((expected,),) = con.execute("select core.status(?, ?, ?, ?, ?, ?, ?, ?)", asked).fetchall()
            assert sure_status(row, nothing, own, 2.0)[0] == expected, (row, own)

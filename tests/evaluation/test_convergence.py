"""Fewer prompts and seeds: the subsets, the estimates from them, and what is claimed of their errors."""

import duckdb
import numpy as np
import pytest

from carlos_tasks.evaluation.convergence.convergence import convergence
from carlos_tasks.evaluation.convergence.error_bars import error_bars, split_halves
from carlos_tasks.evaluation.convergence.jackknife import measure
from carlos_tasks.evaluation.convergence.settling import cosines, settle
from carlos_tasks.evaluation.corpus.pairs import Pairs, consistency, estimate, read_pairs
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.corpus.subsets import DESIGNS, ONE_SEED, PROMPTS, SEEDS, draws, sizes
from tests.evaluation.conftest import World
from tests.evaluation.small_world import ERRATIC, FLAGGED, N_PROMPTS, lora_id
from tests.evaluation.small_world import SEEDS as WORLD_SEEDS

MEASURES = "direction, strength, consistency, strength_se, consistency_se, direction_cosine_lower"


def simulated(rng: np.random.Generator, n_prompts: int = 24, n_seeds: int = 3, noise: float = 1.0) -> Pairs:
    """Pairs of a LoRA whose true Direction is the first axis at length 1."""
    shape = (n_prompts, n_seeds, 16)
    of_prompt = 0.7 * rng.normal(size=(n_prompts, 1, 16))
    differences = np.eye(16)[0] + noise * (of_prompt + rng.normal(size=shape)) / 4
    return Pairs(differences.astype(np.float32), np.ones(shape[:2], bool))


def test_sizes_hold_the_half_and_the_whole() -> None:
    assert sizes(1) == [1]
    assert sizes(4) == [1, 2, 3, 4]
    assert sizes(30) == [1, 2, 3, 5, 8, 12, 15, 20, 30]
    assert {140, 280} <= set(sizes(280))


def test_a_draw_has_the_pairs_that_its_design_says_and_its_other_shares_none() -> None:
    drawn = list(draws(6, 4, n_repeats=3, seed=0))
    assert {draw.design for draw in drawn} == set(DESIGNS)
    for draw in drawn:
        per_prompt, per_seed = draw.chosen.sum(axis=1), draw.chosen.sum(axis=0)
        if draw.design == PROMPTS:
            assert sorted(per_prompt) == [0] * (6 - draw.size) + [4] * draw.size
        elif draw.design == ONE_SEED:
            assert sorted(per_prompt) == [0] * (6 - draw.size) + [1] * draw.size
        else:
            assert sorted(per_seed) == [0] * (4 - draw.size) + [6] * draw.size
        limit = 4 if draw.design == SEEDS else 6
        assert (draw.other is not None) == (2 * draw.size <= limit)
        if draw.other is not None:
            axis = 0 if draw.design == SEEDS else 1
            assert draw.other.sum() == draw.chosen.sum()
            assert not (draw.chosen.any(axis=axis) & draw.other.any(axis=axis)).any()


def test_draws_come_from_their_seed_and_the_whole_is_drawn_once() -> None:
    first, again, other = (list(draws(6, 4, n_repeats=5, seed=seed)) for seed in (1, 1, 2))
    assert all((one.chosen == two.chosen).all() for one, two in zip(first, again, strict=True))
    assert not all((one.chosen == two.chosen).all() for one, two in zip(first, other, strict=True))
    counts = {(draw.design, draw.size): 0 for draw in first}
    for draw in first:
        counts[draw.design, draw.size] += 1
    assert counts[PROMPTS, 6] == counts[SEEDS, 4] == 1 and counts[ONE_SEED, 6] == counts[PROMPTS, 3] == 5


def test_the_whole_gives_what_the_lake_holds(world: World, lake_of_world: duckdb.DuckDBPyConnection) -> None:
    rows = lake_of_world.execute(
        f"select lora_id, {MEASURES} from core.representation where direction is not null order by lora_id"  # noqa: S608
    ).fetchall()
    assert len(rows) == 12
    ids = [row[0] for row in rows]
    for row, pairs in zip(rows, read_pairs(lake_of_world, world.profile, ids), strict=True):
        assert pairs.valid.shape == (N_PROMPTS, len(WORLD_SEEDS))
        assert np.flatnonzero(~pairs.valid).tolist() == ([FLAGGED] if row[0] == lora_id(ERRATIC) else [])
        everything = np.ones(pairs.valid.shape, bool)
        own, found = estimate(pairs, everything[None]), measure(pairs, everything)
        assert own.direction[0] == pytest.approx(row[1], abs=1e-5)
        assert found.direction == pytest.approx(row[1], abs=1e-5)
        assert [own.strength[0], own.consistency[0]] == pytest.approx(row[2:4], rel=1e-6)
        told = (found.strength, found.consistency, found.strength_se, found.consistency_se)
        assert told == pytest.approx(row[2:6], rel=1e-5)
        assert found.direction_cosine_lower == pytest.approx(row[6], abs=1e-6)
    assert rows[ids.index(lora_id(ERRATIC))][6] == 0


def test_missing_pairs_and_zero_differences_count_as_the_method_says() -> None:
    differences = np.zeros((2, 2, 3), np.float32)
    differences[0, 0], differences[0, 1] = (3, 0, 0), (0, 4, 0)
    valid = np.array([[True, True], [True, False]])  # one pair without a difference, one missing
    found = estimate(Pairs(differences, valid), np.ones((1, 2, 2), bool))
    assert found.direction[0] == pytest.approx([1, 4 / 3, 0])
    assert found.strength[0] == pytest.approx(7 / 3)
    assert found.consistency[0] == pytest.approx(0)


def test_a_part_without_pairs_has_no_estimate() -> None:
    pairs = Pairs(np.ones((2, 1, 3), np.float32), np.array([[True], [False]]))
    found = estimate(pairs, np.array([[[False], [True]], [[True], [False]]]))
    assert np.isnan(found.strength[0]) and found.strength[1] == pytest.approx(3**0.5)
    assert np.isnan(found.consistency).all()
    assert np.isnan(measure(pairs, np.array([[False], [True]])).strength)


def test_consistency_in_closed_form() -> None:
    units = np.random.default_rng(0).normal(size=(7, 5))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    by_hand = (units @ units.T)[np.triu_indices(7, 1)].mean()
    assert consistency(np.sum(units.sum(axis=0) ** 2), np.array(7.0)) == pytest.approx(by_hand)


def test_more_prompts_bring_a_lora_nearer_to_its_truth_as_the_halves_predict() -> None:
    rng = np.random.default_rng(5)
    drawn = [draw for draw in draws(24, 3, n_repeats=30, seed=0) if draw.design == PROMPTS and draw.size in (3, 12)]
    truth: dict[int, list[float]] = {3: [], 12: []}
    predicted: dict[int, list[float]] = {3: [], 12: []}
    for _ in range(20):
        pairs = simulated(rng)
        settled = settle(pairs, drawn, np.eye(16)[:1])
        for number, draw in enumerate(drawn):
            truth[draw.size].append(settled.scores[number, 0])  # the query is the true Direction
            predicted[draw.size].append(settled.half[number])
    for size in (3, 12):
        assert np.sqrt(np.median(predicted[size])) == pytest.approx(np.median(truth[size]), abs=0.01)
    assert np.median(truth[12]) > np.median(truth[3]) + 0.05


def test_cosines_of_nothing_are_none() -> None:
    found = cosines(np.array([[1.0, 0], [0, 0]]), np.array([[1.0, 1], [1, 1]]))
    assert found[0] == pytest.approx(0.5**0.5) and np.isnan(found[1])


def test_honest_standard_errors_cover_what_they_claim() -> None:
    rng = np.random.default_rng(11)
    drawn = [draw for draw in draws(24, 3, n_repeats=10, seed=0) if draw.design == PROMPTS]
    splits = np.concatenate([split_halves(simulated(rng, noise=0.8), drawn) for _ in range(60)])
    rows = {row["measure"]: row for row in error_bars(splits).rows}
    assert rows["strength"]["splits"] == rows["direction"]["splits"] == 600
    for name in ("strength", "consistency"):
        assert 0.6 < rows[name]["within_1_se"] < 0.8
        assert 0.9 < rows[name]["within_2_se"] <= 1
    assert rows["direction"]["bound_holds"] > 0.9


def test_standard_errors_that_are_too_small_are_found_out() -> None:
    rng = np.random.default_rng(3)
    told = rng.normal(size=(1000, 1))
    splits = np.concatenate([told, np.full((1000, 1), 0.5)] * 2 + [np.full((1000, 1), 0.8), np.full((1000, 1), 0.9)], 1)
    rows = {row["measure"]: row for row in error_bars(splits).rows}
    assert rows["strength"]["within_2_se"] == pytest.approx(0.68, abs=0.04)
    assert rows["direction"]["bound_holds"] == 0 and rows["direction"]["median_shortfall"] == pytest.approx(0.1)


def test_the_table_settles_and_ends_at_the_whole(study: Study) -> None:
    table, bars = convergence(study)
    by_design = {design: [row for row in table.rows if row["design"] == design] for design in DESIGNS}
    assert all(by_design.values())
    for rows in by_design.values():
        assert rows[-1]["cosine_full"] > rows[0]["cosine_full"] - 1e-9
    whole = by_design[PROMPTS][-1]
    assert (whole["size"], whole["pairs"]) == (N_PROMPTS, N_PROMPTS * len(WORLD_SEEDS))
    assert whole["cosine_full"] == pytest.approx(1) and whole["overlap@3"] == 1
    assert whole["strength_error"] == whole["consistency_error"] == 0
    half = next(row for row in by_design[PROMPTS] if row["size"] == N_PROMPTS // 2)
    assert half["cosine_half"] < half["cosine_truth"] < whole["cosine_truth"] < 1
    assert all(row["cosine_truth"] is None for row in by_design[SEEDS])
    assert {row["measure"] for row in bars.rows} == {"strength", "consistency", "direction"}
    assert table.figure is not None


def test_without_queries_the_measures_settle_all_the_same(study_without_truth: Study) -> None:
    table, _ = convergence(study_without_truth)
    assert all(row["hit@1"] is None and row["overlap@3"] is None for row in table.rows)
    assert table.rows[0]["cosine_full"] > 0 and len(table.figure.axes) == 2

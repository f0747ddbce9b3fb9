"""The proof of attribution: planted infringers are found, calling is honest, and without a truth it is left out."""

import numpy as np
import pytest

from carlos_tasks.evaluation.calibration.attribution import attribution, by_reference, over_nights
from carlos_tasks.evaluation.calibration.house_styles import has_house_styles, house_style
from carlos_tasks.evaluation.calibration.nights import nights, scored
from carlos_tasks.evaluation.corpus.draws import LEVELS
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.retrieval.uncertainty import PromptSums

DIMENSION, N_LORAS, N_STYLES, N_COPIES = 64, 60, 6, 3
RNG = np.random.default_rng(0)
STYLES = RNG.normal(size=(N_STYLES, DIMENSION))
TRUTH = np.array([[lora // N_COPIES == style for lora in range(N_LORAS)] for style in range(N_STYLES)])


def sums(number: int) -> PromptSums:
    """Twelve prompts of a LoRA: the first ones copy a style, the others do something of their own."""
    rng = np.random.default_rng(100 + number)
    effect = STYLES[number // N_COPIES] if number < N_STYLES * N_COPIES else rng.normal(size=DIMENSION)
    noise = 0.4 * rng.normal(size=(12, DIMENSION))
    return PromptSums(np.array([str(n) for n in range(12)]), (effect + noise).astype(np.float32))


KNOWN = [sums(number) for number in range(N_LORAS)]


def units() -> np.ndarray:
    directions = np.array([of_lora.sums.sum(axis=0) for of_lora in KNOWN])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_planted_infringers_are_found_and_nobody_else() -> None:
    found = scored(units(), STYLES)
    first, *rows = by_reference([f"style {n}" for n in range(N_STYLES)], found, TRUTH)
    assert [row["infringers"] for row in rows] == [N_COPIES] * N_STYLES
    assert first["auroc"] == first["auroc_alone"] == first["average_precision"] == 1
    assert (first["false"], first["power"], first["called"]) == (0, 1, N_STYLES * N_COPIES)


def test_an_infringer_with_a_second_effect_is_told_apart() -> None:
    truth = TRUTH.copy()
    truth[0, -1] = truth[1, -1] = True  # it copies two styles, it is said, and in truth none
    first, *rows = by_reference([f"style {n}" for n in range(N_STYLES)], scored(units(), STYLES), truth)
    assert rows[0]["auroc"] < 1
    assert rows[0]["auroc_alone"] == 1
    assert first["auroc"] == pytest.approx(np.mean([row["auroc"] for row in rows]))


def test_nights_call_as_few_innocents_as_they_say() -> None:
    references = np.vstack([STYLES, RNG.normal(size=(14, DIMENSION))])  # nobody copies the last fourteen
    truth = np.vstack([TRUTH, np.zeros((14, N_LORAS), bool)])
    drawn = nights(KNOWN, references, truth, 20, 0)
    assert len(drawn) == 20
    assert np.mean([night.nulls_below[LEVELS.index(0.05)] for night in drawn]) == pytest.approx(0.05, abs=0.02)
    assert np.mean([night.false_discoveries for night in drawn]) < 0.12
    assert np.nanmean([night.power for night in drawn]) > 0.9
    assert np.isnan(drawn[0].power[N_STYLES:]).all()
    again = nights(KNOWN, references, truth, 2, 0)
    np.testing.assert_array_equal(again[1].false_discoveries, drawn[1].false_discoveries)
    as_it_is, over = over_nights(scored(units(), STYLES), TRUTH, drawn)
    assert (as_it_is["what"], over["what"]) == ("the index as it is", "20 resampled nights")
    assert as_it_is["power"] == 1


def test_house_styles_are_pictures_with_the_effect_and_the_same_every_time() -> None:
    night, plain = (
        np.array([np.asarray(image) for image in house_style(effect, 8)]) for effect in ("night", "inverted")
    )
    assert night.shape == (8, 32, 32, 3)
    assert night.mean() < 60
    np.testing.assert_array_equal(plain, [np.asarray(image) for image in house_style("inverted", 8)])
    assert has_house_styles(load_profile("micro"))
    assert not has_house_styles(load_profile("carlos-published"))


def test_it_is_left_out_without_a_truth_and_where_lo_ras_are_few(study_without_truth: Study, study: Study) -> None:
    (section,) = attribution(study_without_truth)
    assert section.left_out.startswith("house styles are rendered and known in the micro world only")
    (section,) = attribution(study)
    assert section.left_out.startswith("it needs more than 20 LoRAs")

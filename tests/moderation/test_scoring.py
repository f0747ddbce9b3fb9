"""Scoring with concepts: what is new is scored, once, and what the rows say can be computed anew."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image
from scipy import stats

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.errors import CarlosError, NotFound, SettingsError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.statements import rows
from carlos_tasks.moderation.scoring import score_concepts
from carlos_tasks.policies.files import read_policy
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.retrieval.query_encoder import load_query_encoder
from carlos_tasks.retrieval.query_parts import query_vector
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.lakes import migrated_lake
from tests.moderation.policies import HEAD, NEUTRAL, NIGHT, STRIPES, write_policy
from tests.sql.lake_rows import Rows, fill

TESTED_SQL = {"add_concepts", "retire_concepts", "add_concept_scores"}
PROFILE = load_profile("micro").profile_id
STRIPED, NOCTURNE, NOTHING = "striped", "nocturne", "nothing"
N_PROMPTS = 6


def unit(vector: ArrayLike) -> Doubles:
    given = np.asarray(vector, dtype=np.float64)
    return given / np.linalg.norm(given)


def lora(lora_id: str, text: str | None, seed: int, **fields: object) -> Rows:
    """A LoRA that does what a text means, a little otherwise on every prompt; without a text, anything."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=64) if text is None else 8 * unit(query_vector(load_profile("micro"), text))
    by_prompt = (effect + 0.5 * rng.normal(size=(N_PROMPTS, 64))).astype(np.float32)
    own = {"profile_id": PROFILE, "lora_id": lora_id}
    return {
        "core.representation": [own | {"direction": by_prompt.mean(axis=0).tolist()} | fields],
        "core.prompt_difference": [
            own | {"prompt_id": f"p{number}", "difference": difference.tolist()}
            for number, difference in enumerate(by_prompt)
        ],
    }


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vectors of the small policy's texts as a store keeps them, encoded once for all tests."""
    folder = tmp_path_factory.mktemp("encoded")
    policy = read_policy(write_policy(folder / "policy"))
    encoder = load_query_encoder(load_profile("micro"), "cpu", open_store(str(folder / "store")))
    for text in (*policy.neutral_texts, *(text for one in policy.concepts for text in one.texts + one.counter_texts)):
        encoder.vector(text)
    return folder / "store" / "texts"


@pytest.fixture
def house(settings: Settings, tmp_path: Path, encoded: Path) -> Settings:
    """A lake of three LoRAs, and the small policy."""
    shutil.copytree(encoded, Path(settings.store) / "texts")
    return measured(settings.model_copy(update={"policy": write_policy(tmp_path / "policy"), "device": "cpu"}))


def measured(settings: Settings) -> Settings:
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        con.execute("begin")
        for rows_of_lora in (lora(STRIPED, "striped", 1), lora(NOCTURNE, "at night", 2), lora(NOTHING, None, 3)):
            fill(con, rows_of_lora)
        fill(con, {"core.representation": [{"profile_id": PROFILE, "lora_id": "broken", "measured": "failed"}]})
        con.execute("commit")
    return settings


def ask(settings: Settings, query: str) -> list[Row]:
    with connect(settings) as con:
        return rows(con, query)


def scores(settings: Settings) -> dict[tuple[str, str], Row]:
    found = ask(settings, "from mart.concept_score")
    return {(row["lora_id"], row["concept_id"]): row for row in found}


def test_a_run_scores_every_measured_lora_with_every_concept_that_has_texts(house: Settings) -> None:
    report = score_concepts(house)
    assert report.snapshot_id == ask(house, "select max(snapshot_id) as id from mart.commit_log")[0]["id"]
    assert {name: getattr(report, name) for name in ("n_loras", "n_concepts", "n_tests", "n_shown")} == {
        "n_loras": 3,
        "n_concepts": 3,
        "n_tests": 6,
        "n_shown": 2,
    }
    shown = [key for key, row in scores(house).items() if row["is_shown"]]
    assert sorted(shown) == [(NOCTURNE, "night"), (STRIPED, "stripes")]


def test_what_a_row_says_follows_from_the_lora_s_own_null(house: Settings) -> None:
    score_concepts(house)
    row = scores(house)[STRIPED, "stripes"]
    policy, profile = read_policy(house.policy), load_profile("micro")
    ((direction,),) = [
        tuple(found.values())
        for found in ask(house, f"select direction from core.representation where lora_id = '{STRIPED}'")  # noqa: S608
    ]
    wanted = unit(np.sum([unit(query_vector(profile, text)) for text in ("striped", "stripes")], axis=0))
    others = [text for text in policy.null_texts if text not in ("striped", "stripes")]
    assert set(policy.neutral_texts) | {"at night"} <= {*others, "striped", "stripes"}
    neutral = np.array([unit(query_vector(profile, text)) for text in others])
    null = neutral[neutral @ wanted < 0.8] @ unit(direction)
    score = unit(direction) @ wanted
    z = (score - null.mean()) / (null.std(ddof=1) * np.sqrt(1 + 1 / len(null)))
    assert (row["score"], row["z"]) == pytest.approx((score, z), rel=1e-4)
    assert row["p"] == pytest.approx(stats.t.sf(z, len(null) - 1), rel=1e-3)
    assert (row["n_null"], row["percentile"], row["null_id"]) == (len(null), 1.0, policy.null_id)


def test_a_counter_text_takes_from_the_score_of_what_has_it(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    before = scores(house)[NOCTURNE, "night"]["score"]
    write_policy(tmp_path / "policy", night=NIGHT.replace('counter_texts = ["blue"]', 'counter_texts = ["dark blue"]'))
    score_concepts(house)
    assert scores(house)[NOCTURNE, "night"]["score"] < before - 0.3


def test_q_counts_all_tests_of_the_run(house: Settings) -> None:
    score_concepts(house)
    found = list(scores(house).values())
    q = stats.false_discovery_control([row["p"] for row in found])
    assert [row["q"] for row in found] == pytest.approx(list(q))
    assert {row["n_tests"] for row in found} == {6}


def test_an_interval_holds_the_score_where_chance_hardly_explains_it(house: Settings) -> None:
    score_concepts(house)
    for row in scores(house).values():
        if row["p"] < 0.05:
            assert row["low"] < row["score"] < row["high"]
        else:
            assert (row["low"], row["high"]) == (None, None)
    assert scores(house)[STRIPED, "stripes"]["low"] is not None


def test_a_second_run_adds_nothing_and_makes_no_snapshot(house: Settings) -> None:
    first, second = score_concepts(house), score_concepts(house)
    assert second == replace(first, n_loras=0, n_tests=0, n_shown=0)


def test_again_scores_everything_again_and_the_newest_scores_count(house: Settings) -> None:
    score_concepts(house)
    assert score_concepts(house, again=True).n_tests == 6
    assert len(ask(house, "from core.concept_score")) == 12
    assert len(ask(house, "from mart.concept_score")) == 6


def test_a_changed_concept_alone_is_scored_again(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    write_policy(tmp_path / "policy", stripes=STRIPES.replace("0.5", "0.6"))
    assert score_concepts(house).n_tests == 3
    assert scores(house)[STRIPED, "stripes"]["severity"] == 0.6
    assert len(ask(house, "from core.concept where concept_id = 'stripes'")) == 2


def test_a_concept_that_is_gone_is_retired_and_its_scores_with_it(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    write_policy(tmp_path / "policy", night=None)
    assert score_concepts(house).n_tests == 3  # stripes is not held against the texts of night any more
    assert [row["concept_id"] for row in ask(house, "from mart.concept order by concept_id")] == [
        "other-effects",
        "stripes",
    ]
    assert {concept for _, concept in scores(house)} == {"stripes"}
    write_policy(tmp_path / "policy", night=NIGHT)
    assert score_concepts(house).n_tests == 3  # those of stripes: the scores of night of before are good still
    assert {concept for _, concept in scores(house)} == {"night", "stripes"}
    assert {row["null_id"] for row in scores(house).values()} == {read_policy(house.policy).null_id}


def test_another_text_of_a_concept_is_another_null_to_the_others(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    before = scores(house)[STRIPED, "stripes"]
    write_policy(tmp_path / "policy", night=NIGHT.replace('counter_texts = ["blue"]', "counter_texts = []"))
    assert score_concepts(house).n_tests == 3  # a counter-text is in no null
    write_policy(tmp_path / "policy", night=NIGHT.replace("texts = [", 'texts = ["a dark sky", ', 1))
    assert score_concepts(house).n_tests == 6
    after = scores(house)[STRIPED, "stripes"]
    assert (after["n_null"], after["score"]) == (before["n_null"] + 1, before["score"])


def test_other_neutral_texts_are_another_null(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    write_policy(tmp_path / "policy", neutral=NEUTRAL + 'more = ["a white star"]\n')
    assert score_concepts(house).n_tests == 6


def test_a_policy_of_another_version_says_so_and_scores_nothing(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    write_policy(tmp_path / "policy", policy=HEAD.replace('version = "1"', 'version = "2"'))
    assert score_concepts(house).n_tests == 0
    assert {row["policy_version"] for row in ask(house, "from mart.concept")} == {"2"}


def test_what_a_trial_policy_put_out_of_force_is_back_after_the_next_run(house: Settings, tmp_path: Path) -> None:
    score_concepts(house)
    write_policy(tmp_path / "trial", policy=HEAD.replace('policy = "house"', 'policy = "trial"'))
    score_concepts(house.model_copy(update={"policy": str(tmp_path / "trial")}))
    in_force = "select policy from mart.policy_in_force"
    assert ask(house, in_force) == [{"policy": "trial"}]
    assert score_concepts(house).n_tests == 6
    assert ask(house, in_force) == [{"policy": "house"}]
    assert score_concepts(house).n_tests == 0


def test_what_had_too_few_loras_beside_it_is_asked_again_once_there_are_more(house: Settings) -> None:
    score_concepts(house)
    with connect(house, read_only=False) as con:
        con.execute("update core.concept_score set p = null where lora_id = ?", [STRIPED])
    assert score_concepts(house).n_tests == 0  # there is nothing else to compare it with
    with connect(house, read_only=False) as con:
        fill(con, lora("later", "at night", 9, computed_at="2100-01-01 00:00:00+00"))
    assert score_concepts(house).n_tests == 4  # its own two, and those of the one that has two answers without p


def test_a_lora_that_was_measured_again_is_scored_again(house: Settings) -> None:
    score_concepts(house)
    with connect(house, read_only=False) as con:
        con.execute("delete from core.representation where lora_id = ?", [STRIPED])
        fill(
            con,
            {
                "core.representation": lora(STRIPED, "at night", 9, computed_at="2026-05-05 00:00:00+00")[
                    "core.representation"
                ]
            },
        )
    report = score_concepts(house)
    assert (report.n_loras, report.n_tests) == (1, 2)
    assert scores(house)[STRIPED, "stripes"]["score"] < 0.5 < scores(house)[STRIPED, "night"]["score"]


def test_pictures_are_a_basis_of_their_own(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "policy" / "pictures"
    folder.mkdir()
    Image.effect_noise((32, 32), 90).convert("RGB").save(folder / "a.png")
    write_policy(
        tmp_path / "policy",
        stripes=STRIPES + '[images]\nfolder = "pictures"\nprovenance = "drawn here"\nlicence = "CC0-1.0"\n',
    )
    with connect(house, read_only=False) as con:
        fill(
            con,
            {
                "core.embedding": [
                    {"profile_id": PROFILE, "lora_id": "base", "seed": seed, "embedding": [float(seed)] * 64}
                    for seed in (1, 2)
                ]
            },
        )
    assert score_concepts(house).n_tests == 9
    found = ask(
        house,
        "select basis, count(*) as n, count(score) as n_scores from mart.concept_score group by basis order by basis",
    )
    assert found == [{"basis": "images", "n": 3, "n_scores": 3}, {"basis": "texts", "n": 6, "n_scores": 6}]
    # Three LoRAs are too few to stand for something else: no p is told.
    assert {row["p"] for row in ask(house, "from mart.concept_score where basis = 'images'")} == {None}
    assert score_concepts(house).n_tests == 0


def other_profile(house: Settings, folder: Path, origin: str) -> Settings:
    """A profile whose encoder open_clip does not know, with a LoRA."""
    document = load_profile("carlos-published").model_dump(mode="json")
    document["identity"]["encoder"] = {"model": "ViT-none", "pretrained": "nothing"}
    if origin == "measured":
        document["identity"]["prompts"] = load_profile("micro").identity.prompts.model_dump()
    profile = type(load_profile("micro")).model_validate(document | {"origin": origin})
    path = folder / "other.json"
    path.write_text(profile.model_dump_json())
    with connect(house, read_only=False) as con:
        fill(con, {"core.representation": [{"profile_id": profile.profile_id, "lora_id": "a"}]})
    return house.model_copy(update={"profile": str(path)})


def test_an_imported_profile_without_its_encoder_is_left_out_and_says_why(house: Settings, tmp_path: Path) -> None:
    report = score_concepts(other_profile(house, tmp_path, "imported"))
    assert (report.n_tests, report.n_concepts) == (0, 3)
    assert "open_clip has no weights 'nothing' of 'ViT-none'" in str(report.left_out)
    assert len(ask(house, "from mart.concept")) == 3


def test_a_measured_profile_without_its_encoder_is_an_error(house: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ViT-none"):
        score_concepts(other_profile(house, tmp_path, "measured"))


def test_a_text_that_the_encoder_refuses_is_named_with_its_file_and_nothing_is_committed(
    house: Settings, tmp_path: Path
) -> None:
    write_policy(tmp_path / "policy", stripes=STRIPES.replace('"striped"', f'"{"stripes " * 40}"'))
    with pytest.raises(CarlosError, match=r"stripes\.toml: the text 'stripes stripes.*too long"):
        score_concepts(house)
    assert ask(house, "from core.concept") == []


def test_without_a_lake_none_is_made(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no catalog"):
        score_concepts(settings)
    assert not Path(settings.catalog.removeprefix("sqlite:")).exists()


def test_where_nothing_is_measured_the_concepts_are_committed_all_the_same(settings: Settings) -> None:
    with connect(settings, read_only=False) as con:
        migrate(con)
    report = score_concepts(settings)
    assert (report.n_tests, report.n_concepts) == (0, 20)
    assert len(ask(settings, "from mart.concept")) == 20

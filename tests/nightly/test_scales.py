"""A sweep over scales in the micro world: drawn from a few pairs, committed once, and gone on with after a kill."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from carlos_tasks.errors import CarlosError, NotFound, SettingsError
from carlos_tasks.evaluation.scales_figure import draw_scales_figure
from carlos_tasks.lake.catalog import connect
from carlos_tasks.nightly.scales import sweep_scales
from carlos_tasks.profiles.profile import PROFILES_FOLDER, load_profile
from carlos_tasks.retrieval.search import show
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.scales import draw_scales
from carlos_tasks.worker.worker import Worker
from tests.lakes import migrated_lake, settings_of
from tests.retrieval.directions_in_lake import put as put_direction
from tests.sql.lake_rows import Row, fill
from tests.worker.workers import DyingStore, Killed, content, embeddings, keys, put

#: Files of sql/commit that are tested here.
TESTED_SQL = {"add_lora_scales", "remove_lora_scales"}

WEIGHTS = Path("carlos_tasks/microworld/weights/zoo")
N = 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A migrated lake whose profile has 30 pairs; its baseline is made, and three LoRAs are known."""
    folder = tmp_path_factory.mktemp("swept")
    document = json.loads((PROFILES_FOLDER / "micro.json").read_text())
    document["identity"]["seeds"] = [0]
    (folder / "micro.json").write_text(json.dumps(document | {"name": "small", "budget": None}))
    settings = settings_of(folder).model_copy(update={"profile": str(folder / "micro.json"), "device": "cpu"})
    migrated_lake(settings)
    store = open_store(settings.store)
    Worker(settings, [load_profile(settings.profile)], store).make_baseline(lambda _: None)
    tasks = [put(store, WEIGHTS / f"{name}.safetensors") for name in ("one-star", "striped-a")]
    known: list[Row] = [
        {"lora_id": task.lora_id, "base_model": "micro-xl", "file_key": task.file_key} for task in tasks
    ]
    known += [
        {"lora_id": "gone", "base_model": "micro-xl", "file_key": None},
        {"lora_id": "other", "base_model": "sdxl", "file_key": "files/x.safetensors"},
    ]
    with connect(settings, read_only=False) as con:
        fill(con, {"core.lora": known})
    return settings


@pytest.fixture(scope="module")
def swept(place: Settings) -> list[dict[str, Any]]:
    """Both LoRAs at three scales."""
    return sweep_scales(place, ["one-star", "striped"], [1.0, 0.25, 0.5], N)


def test_each_scale_of_each_lora_is_a_row_and_strength_grows(swept: list[dict[str, Any]]) -> None:
    assert [(row["lora_id"], row["scale"]) for row in swept] == [
        (lora_id, scale) for lora_id in ("one-star", "striped-a") for scale in (0.25, 0.5, 1.0)
    ]
    assert {row["n_pairs"] for row in swept} == {N}
    assert all(row["strength_se"] > 0 and row["prompt_retention_se"] > 0 for row in swept)
    # The other one draws its star alone from half of its scale on, and cannot go further.
    strengths = [row["strength"] for row in swept if row["lora_id"] == "striped-a"]
    assert strengths == sorted(strengths)


def test_the_overpowering_one_is_recommended_below_its_full_scale(swept: list[dict[str, Any]], place: Settings) -> None:
    status = {(row["lora_id"], row["scale"]): row["status"] for row in swept}
    assert status["one-star", 1.0] == "overpowering"
    assert status["striped-a", 1.0] == "ok"
    recommended = {row["lora_id"]: row["scale"] for row in swept if row["is_recommended"]}
    assert recommended["one-star"] < 1
    assert recommended["striped-a"] == 1


def test_show_names_the_recommended_scale(swept: list[dict[str, Any]], place: Settings) -> None:
    (row,) = [row for row in swept if row["lora_id"] == "one-star" and row["is_recommended"]]
    with connect(place, read_only=False) as con:
        put_direction(con, row["profile_id"], {"one-star": (1.0, 0.0), "never swept": (0.0, 1.0)})
    shown = show(place, "one-star")
    assert shown["recommended_scale"] == row["scale"]
    assert shown["usable_from"] <= row["scale"] <= shown["usable_to"] < 1
    assert show(place, "never swept")["recommended_scale"] is None
    with connect(place, read_only=False) as con:
        con.execute("delete from core.representation")


def test_a_second_sweep_draws_nothing_and_commits_nothing(swept: list[dict[str, Any]], place: Settings) -> None:
    store = open_store(place.store)
    before = {item.key: item.last_modified for item in store.list("shards/")}
    assert sweep_scales(place, ["one-star", "striped"], [0.25, 0.5, 1.0], N) == swept
    assert {item.key: item.last_modified for item in store.list("shards/")} == before
    with connect(place) as con:
        assert con.execute("select count(*) from mart.commit_log where message = 'scales'").fetchall() == [(1,)]


def test_the_figures_are_those_of_the_profile_at_that_scale(swept: list[dict[str, Any]], place: Settings) -> None:
    """At the profile's own scale, the embeddings are those that the profile's own measurement has."""
    profile, store = load_profile(place.profile), open_store(place.store)
    task = LoraTask("striped-a", "files/striped-a.safetensors", ())
    (outcome,) = Worker(place, [profile], store).index(task, lambda _: None)
    own = embeddings(store, keys(outcome))
    (drawn,) = draw_scales(place, profile, store, [task], [1.0], N, lambda _: None)
    few = embeddings(store, keys(drawn.outcome))
    assert len(few) == N
    assert few == {pair: own[pair] for pair in few}
    assert len({prompt_id for prompt_id, _ in few}) == N


def test_a_sweep_that_was_killed_goes_on_to_the_same_bytes(place: Settings, backbone: Any, tmp_path: Path) -> None:
    profile, task = load_profile(place.profile), LoraTask("striped-a", "files/striped-a.safetensors", ())

    def sweep(store: ObjectStore, n_pairs: int = 18) -> None:
        draw_scales(
            place, profile, store, [task], [0.5, 1.0], n_pairs, lambda _: None, load_pipeline=lambda *_: backbone
        )

    def fresh(name: str) -> ObjectStore:
        store = open_store(str(tmp_path / name))
        put(store, WEIGHTS / "striped-a.safetensors")
        return store

    whole, killed = fresh("whole"), fresh("killed")
    sweep(whole)
    for n in (2, 3, 1):
        with pytest.raises(Killed):
            sweep(DyingStore(killed, n))
    sweep(killed)
    assert content(killed) == content(whole)
    # With more pairs, full shards are kept.
    kept = {item.key: item.last_modified for item in whole.list("shards/") if item.key.endswith("00000.parquet")}
    sweep(whole, 24)
    assert kept == {item.key: item.last_modified for item in whole.list("shards/") if item.key in kept}
    (again,) = draw_scales(place, profile, whole, [task], [0.5], 24, lambda _: None)
    assert again.outcome.n_pairs == 24


def test_more_pairs_take_the_place_of_fewer(place: Settings, swept: list[dict[str, Any]]) -> None:
    found = sweep_scales(place, ["one-star"], [0.25], N + 4)
    assert [(row["scale"], row["n_pairs"]) for row in found] == [(0.25, N + 4), (0.5, N), (1.0, N)]


@pytest.mark.parametrize(
    ("lora_id", "scales", "n_pairs", "said", "kind"),
    [
        ("nobody", [1.0], N, "no LoRA 'nobody' is known", NotFound),
        ("gone", [1.0], N, "the file of LoRA gone is not in the store", CarlosError),
        ("other", [1.0], N, "is for sdxl, and profile small draws with micro-xl", CarlosError),
        ("one-star", [0.0], N, "give numbers above 0", CarlosError),
        ("one-star", [float("nan")], N, "give numbers above 0", CarlosError),
        ("one-star", [1.0], 31, "profile small has 30 pairs, not 31", SettingsError),
        ("one-star", [1.0], 1, "at least 2", CarlosError),
    ],
)
def test_what_cannot_be_swept_is_said_in_one_line(
    place: Settings, lora_id: str, scales: list[float], n_pairs: int, said: str, kind: type[CarlosError]
) -> None:
    with pytest.raises(kind, match=said):
        sweep_scales(place, [lora_id], scales, n_pairs)


def test_without_a_baseline_nothing_is_drawn(place: Settings, tmp_path: Path) -> None:
    settings = place.model_copy(update={"profile": "micro"})
    with pytest.raises(NotFound, match="the baseline of profile micro is not in the store"):
        sweep_scales(settings, ["one-star"], [1.0], N)


def test_a_file_that_fails_is_a_row_with_its_reason(place: Settings) -> None:
    store = open_store(place.store)
    store.write("files/broken.safetensors", b"no safetensors")
    with connect(place, read_only=False) as con:
        fill(
            con,
            {"core.lora": [{"lora_id": "broken", "base_model": "micro-xl", "file_key": "files/broken.safetensors"}]},
        )
    (row,) = sweep_scales(place, ["broken"], [1.0], N)
    assert (row["status"], row["strength"], row["is_surely_ok"], row["is_recommended"]) == (
        "failed",
        None,
        False,
        False,
    )
    assert row["reason"]


def test_the_plot_is_a_picture(swept: list[dict[str, Any]], tmp_path: Path) -> None:
    draw_scales_figure(swept, tmp_path / "new" / "scales.png")
    with Image.open(tmp_path / "new" / "scales.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000

"""The whole evaluation: what a user gets, what is wrong with what they gave, and the report that the DAG keeps."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from carlos_tasks.commit.import_published import import_published
from carlos_tasks.errors import CarlosError, NotFound, SettingsError
from carlos_tasks.evaluation.corpus.study import Options
from carlos_tasks.evaluation.evaluate import SECTIONS, evaluate
from carlos_tasks.evaluation.stored import KeptEvaluation, evaluate_and_keep
from carlos_tasks.reports.check import check_report
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import evaluation_prefix
from tests.evaluation.conftest import World
from tests.samples import published
from tests.samples.real import Samples

QUICK = Options(n_bootstrap=50, n_repeats=2)
#: Of the published index and of our own of its layout: statuses, LoRAs with broken pictures, words of groups.
PUBLISHED = {
    "own": (published.STATUSES, published.DEGENERATE, set(published.GROUPS)),
    "real": (
        {"ok": 515, "inconsistent": 204, "overpowering": 21},
        (212213, 234730, 159294, 510981),
        {"pixel", "ghibli", "photography"},
    ),
}
#: The sections of the report on the small world that have rows, in order, and why the others have none.
MEASURED = (
    *("retrieval", "retrieval_lead", "retrieval_by_effect", "retrieval_queries", "ablation"),
    *("paper_retrieval", "paper_ablation", "diversity", "convergence", "standard_errors", "landscape", "outliers"),
    *("neighbours", "clusters", "map", "concepts", "concept_nights"),
)
LEFT_OUT = {
    "duplicate": "there are none",
    "shared_direction": "there are none",
    "attribution": "it needs more than 20 LoRAs measured here, some of them with an effect of the micro world",
    "queue": "nothing is known of listings that lie",
    **dict.fromkeys(
        ("weights", "weights_guess", "weights_order"),
        "no effects are known, or fewer than three measured LoRAs have a description of their weights",
    ),
}
FIGURES = {
    f"{name}.png" for name in ("retrieval", "ablation", "diversity", "convergence", "landscape", "clusters", "concepts")
}


def test_everything_is_measured_and_written(world: World, tmp_path: Path) -> None:
    report = evaluate(world.settings, tmp_path / "out", world.queries, options=QUICK)
    assert report.n_loras == 13 and report.n_queries == 10
    # This lake has no two LoRAs that are alike, its queries name no listing that lies, and 13 LoRAs are too few for
    # attribution; everything else is there.
    assert [section.name for section in report.sections if not section.left_out] == list(MEASURED)
    assert {section.name: section.left_out for section in report.sections if section.left_out} == LEFT_OUT
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "report.md",
        "report.json",
        "manifest.json",
        "seal.json",
        *(f"{name}.parquet" for name in MEASURED),
        *FIGURES,
    }
    linked = {
        line.split("](")[1][:-1] for line in (tmp_path / "out/report.md").read_text().splitlines() if "](" in line
    }
    assert linked and linked <= names


def test_two_evaluations_of_one_state_are_one(world: World, tmp_path: Path) -> None:
    for name in ("one", "two"):
        evaluate(world.settings, tmp_path / name, world.queries, sections=["retrieval", "convergence"], options=QUICK)
    for path in (tmp_path / "one").glob("report.*"):
        assert path.read_text() == (tmp_path / "two" / path.name).read_text()


def test_sections_can_be_chosen(world: World, tmp_path: Path) -> None:
    report = evaluate(world.settings, tmp_path, sections=["landscape"])
    assert [section.name for section in report.sections] == ["landscape", "outliers"]


def test_what_needs_no_queries_needs_no_torch(world: World, tmp_path: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; from carlos_tasks.settings import Settings;"
        "from carlos_tasks.evaluation.evaluate import evaluate;"
        "evaluate(Settings(**json.loads(sys.argv[1])), Path(sys.argv[2]), sections=['landscape', 'clusters']);"
        "print(sorted({'matplotlib', 'torch'} & set(sys.modules)))"
    )
    settings = world.settings.model_dump_json()
    command = [sys.executable, "-W", "error", "-c", code, settings, str(tmp_path)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert ran.stdout.splitlines()[-1] == "['matplotlib']"


def test_without_queries_what_needs_them_is_left_out(world: World, tmp_path: Path) -> None:
    report = evaluate(world.settings, tmp_path, sections=["retrieval", "diversity"])
    assert [section.left_out.split(":")[0] for section in report.sections] == [
        "no query with a known answer fits this profile"
    ] * 2
    assert report.n_queries == 0


def test_wrong_input_gets_one_clear_line(world: World, tmp_path: Path) -> None:
    with pytest.raises(CarlosError, match="there is no section 'retreival'; there are retrieval, ablation"):
        evaluate(world.settings, tmp_path, sections=["retreival"])
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(CarlosError, match="is a file: name a folder"):
        evaluate(world.settings, file)
    with pytest.raises(NotFound, match="there is no file of queries at"):
        evaluate(world.settings, tmp_path, tmp_path / "absent.json")
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(
        json.dumps({"files": [{"sha256": "f" * 64, "effects": ["x"]}], "queries": [{"text": "x", "effect": "x"}]})
    )
    with pytest.raises(CarlosError, match=r"no query of .*elsewhere\.json has a right answer among the LoRAs"):
        evaluate(world.settings, tmp_path, elsewhere)


def test_an_extra_that_is_not_installed_is_named(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr("carlos_tasks.extras.find_spec", lambda name: None if name == "bm25s" else there(name))
    with pytest.raises(SettingsError, match=r"needs bm25s: pip install 'carlos-platform\[evaluation\]'"):
        evaluate(world.settings, tmp_path)


def test_a_report_is_kept_once_for_each_state_of_the_lake(world: World) -> None:
    store = open_store(world.settings.store)
    first = evaluate_and_keep(world.settings)
    place = first.prefix
    assert first.is_new and place.startswith(f"evaluation/profile_id={world.profile.profile_id}/snapshot_id=")
    keys = [item.key for item in store.list(place)]
    assert len(keys) == first.n_files and f"{place}report.md" in keys
    assert json.loads(store.read(f"{place}report.json"))["n_loras"] == 13
    assert "retrieval" in first.left_out
    assert evaluate_and_keep(world.settings) == KeptEvaluation(place, is_new=False, n_files=0, left_out=())


def test_a_report_without_its_last_file_is_made_anew(world: World) -> None:
    store = open_store(world.settings.store)
    place = evaluate_and_keep(world.settings).prefix
    own = (".png", "manifest.json", "seal.json")  # these say when it was made
    whole = {item.key: store.read(item.key) for item in store.list(place) if not item.key.endswith(own)}
    store.delete(f"{place}manifest.json")
    assert evaluate_and_keep(world.settings).is_new
    assert {key: store.read(key) for key in whole} == whole
    assert check_report(f"{world.settings.store}/{place}", world.settings).faults == []


def test_a_report_is_uploaded_with_its_manifest_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, keys = FolderStore.upload, []

    def remember(store: FolderStore, path: Path, key: str) -> None:
        keys.append(key)
        upload(store, path, key)

    monkeypatch.setattr(FolderStore, "upload", remember)
    evaluate_and_keep(world.settings, again=True)
    assert keys[-1].endswith("/manifest.json") and len(keys) == len(set(keys)) > 3


def test_a_profile_and_a_snapshot_have_a_place_of_their_own() -> None:
    assert evaluation_prefix("p", 3) == "evaluation/profile_id=p/snapshot_id=3/"


def test_the_sections_are_those_of_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
    assert not [name for name in SECTIONS if f"| `{name}` |" not in guide]


def test_the_published_index_is_evaluated_as_far_as_it_goes(
    samples: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses, degenerate, words = PUBLISHED[samples.kind]
    settings = Settings(
        store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'c.sqlite'}", profile="carlos-published"
    )
    import_published(settings, samples.folder / "carlos_published_representations.parquet")
    report = evaluate(settings, tmp_path / "out")
    found = {section.name: section for section in report.sections}
    assert {row["status"]: row["loras"] for row in found["landscape"].rows} == statuses
    assert found["convergence"].left_out == "the profile is imported: its pairs are not here"
    assert found["retrieval"].left_out and found["diversity"].left_out
    broken = {f"civitai-{version}" for version in degenerate}
    groups = [set(row["lora_ids"]) for row in found["shared_direction"].rows if row["sign"] == "degenerate"]
    assert groups == [broken]
    told = {row["lora_id"] for row in found["outliers"].rows if "unrelated" in row["why"]}
    assert told == broken
    assert sum(row["loras"] for row in found["clusters"].rows) == statuses["ok"]
    assert words <= {word for row in found["clusters"].rows for word in row["words"].split(", ")}
    report.print()
    assert "Clusters and map" in capsys.readouterr().out

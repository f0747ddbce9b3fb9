"""An index under an encoder that reads no text: LoRAs and pictures ask it, and words get one clear line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from carlos_tasks.cli import main
from carlos_tasks.embedding.random_encoders import random_dinov2
from carlos_tasks.nightly.one_process import index_all
from carlos_tasks.settings import load_settings
from tests.commit.small_index import small_profile
from tests.moderation.policies import STRIPES, write_policy

ZOO = Path("carlos_tasks/microworld/weights/zoo")
NO_WORDS = "reads pictures and no words: ask by a LoRA (carlos similar)"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of a lake with two LoRAs under a small DINOv2."""
    folder = tmp_path_factory.mktemp("pictures")
    profile = small_profile(folder / "prompts", n_prompts=3, seeds=(0,))
    identity = profile.identity.model_copy(update={"encoder": random_dinov2(folder / "encoder")})
    (folder / "profile.json").write_text(profile.model_copy(update={"identity": identity}).model_dump_json())
    (folder / "loras").mkdir()
    for name in ("striped-a", "striped-b"):
        shutil.copy(ZOO / f"{name}.safetensors", folder / "loras")
    picture = folder / "seen.png"
    Image.new("RGB", (32, 32), (200, 10, 10)).save(picture)
    shown = '[images]\nfolder = "shown"\nprovenance = "drawn here"\nlicence = "CC0"\n'
    policy = write_policy(folder / "policy", stripes=STRIPES + shown)
    (folder / "policy" / "shown").mkdir()
    shutil.copy(picture, folder / "policy" / "shown")
    found = {
        "CARLOS_STORE": str(folder / "store"),
        "CARLOS_CATALOG": f"sqlite:{folder}/catalog.sqlite",
        "CARLOS_PROFILE": str(folder / "profile.json"),
        "CARLOS_POLICY": policy,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.items():
            patch.setenv(name, value)
        load_settings.cache_clear()
        report = index_all(load_settings(), f"folder:{folder / 'loras'}")
        load_settings.cache_clear()
    assert report.check_failures == ()
    assert report.profiles is not None
    assert sum(batch.embedded for profile in report.profiles for batch in profile.batches) == 2
    return found | {"picture": str(picture)}


@pytest.fixture
def run(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def ids(run: Run) -> list[str]:
    return [row["lora_id"] for row in json.loads(run("sql", "--json", "select lora_id from mart.lora order by 1")[1])]


def test_a_lora_asks(run: Run) -> None:
    first, second = ids(run)
    code, out, _ = run("similar", first, "--json")
    assert (code, [hit["lora_id"] for hit in json.loads(out)]) == (0, [second])


def test_pictures_ask(run: Run, variables: dict[str, str]) -> None:
    code, out, _ = run("search", "--image", variables["picture"], "--json")
    assert code == 0
    assert len(json.loads(out)) == 2


@pytest.mark.parametrize(
    "asked",
    [
        ("search", "striped"),
        ("sql", "select * from mart.search('striped', 5)"),
        ("queries", "striped"),
    ],
)
def test_words_get_one_line_that_says_what_to_do(asked: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*asked)
    assert (code, out) == (1, "")
    (line,) = err.strip().splitlines()
    assert NO_WORDS in line


def test_concepts_are_scored_by_their_pictures(run: Run) -> None:
    code, out, _ = run("score", "--json")
    assert (code, json.loads(out)[0]["n_loras"]) == (0, 2)
    _, rows, _ = run("sql", "--json", "select distinct concept_id, basis from core.concept_score")
    assert json.loads(rows) == [{"concept_id": "stripes", "basis": "images"}]


def test_an_evaluation_leaves_out_what_needs_words(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("evaluate", "--section", "retrieval", "--section", "convergence", "--out", str(tmp_path / "e"))
    assert code == 0
    assert "left out, no query with a known answer fits this profile" in out
    queries = tmp_path / "queries.json"
    queries.write_text("{}")
    code, _, err = run("evaluate", "--queries", str(queries), "--out", str(tmp_path / "e"))
    assert code == 1
    assert err.strip().endswith("reads no text: leave out --queries")

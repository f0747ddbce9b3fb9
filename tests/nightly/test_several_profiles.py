"""A night over several profiles: a LoRA goes to those of its base model, and a profile that fails stops no other."""

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from carlos_tasks.errors import PermanentError, SettingsError
from carlos_tasks.intake.source_intake import ingest_source
from carlos_tasks.lake.catalog import connect
from carlos_tasks.nightly import one_process, stages
from carlos_tasks.nightly.backlog import backlog, backlog_size
from carlos_tasks.nightly.one_process import index_all
from carlos_tasks.nightly.stages import index_batch, make_baseline, plan, with_baseline
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import read_manifest
from tests.commit.small_index import small_profile
from tests.sql.lake_rows import fill

Rows = Callable[[str], list[tuple[Any, ...]]]
ZOO = sorted(Path("carlos_tasks/microworld/weights/zoo").glob("*.safetensors"))


def write(folder: Path, name: str, **changes: Any) -> str:
    profile = small_profile(folder / "prompts", n_prompts=2, seeds=(0, 1), **changes)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(profile.model_dump(mode="json") | {"name": name}))
    return str(path)


@pytest.fixture
def two(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with two profiles of four pairs: with trigger words, and without."""
    first = write(tmp_path, "with")
    identity = load_profile(first).identity
    use = identity.lora.model_copy(update={"trigger_words": "ignore"})
    second = write(tmp_path, "without", identity=identity.model_copy(update={"lora": use}).model_dump(mode="json"))
    return settings.model_copy(update={"profile": first, "profiles": second})


def publish(folder: Path) -> str:
    (folder / "loras").mkdir(exist_ok=True)
    shutil.copy(ZOO[0], folder / "loras")
    return f"folder:{folder / 'loras'}"


def test_each_profile_has_its_baseline_its_representation_and_its_sheet(
    two: Settings, tmp_path: Path, rows: Rows
) -> None:
    report = index_all(two, publish(tmp_path))
    assert report.check_failures == ()
    assert report.profiles is not None and report.n_planned == 2
    assert [own.profile for own in report.profiles] == list(two.profile_names)
    assert len({own.contact_sheet for own in report.profiles}) == 2
    ids = sorted(load_profile(name).profile_id for name in two.profile_names)
    assert rows("select profile_id, count(*) from core.representation group by all order by all") == [
        (profile_id, 1) for profile_id in ids
    ]
    assert rows("select distinct profile_id from core.embedding where lora_id = 'base' order by 1") == [
        (profile_id,) for profile_id in ids
    ]
    assert backlog_size(two) == 0 and plan(two).batches == {}


def test_a_profile_without_weights_ends_before_anything_is_read(two: Settings, tmp_path: Path) -> None:
    shown = json.loads(Path(two.profiles).read_text())
    shown["identity"]["backbone"]["uri"] = str(tmp_path / "nothing")
    Path(two.profiles).write_text(json.dumps(shown))
    with pytest.raises(SettingsError, match="profile without: its backbone has no weights"):
        index_all(two, publish(tmp_path))
    assert not Path(two.catalog.removeprefix("sqlite:")).exists()


def test_a_profile_whose_baseline_fails_leaves_the_others_alone(
    two: Settings, tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(settings: Settings) -> Any:
        if settings.profile == two.profile:
            raise PermanentError("no images today")
        return make_baseline(settings)

    monkeypatch.setattr(one_process, "make_baseline", failing)
    with pytest.raises(PermanentError, match="no images today"):
        index_all(two, publish(tmp_path))
    other = load_profile(two.profiles).profile_id
    assert rows("select distinct profile_id from core.representation") == [(other,)]
    planned = plan(two)
    assert list(planned.batches) == [two.profile]
    with pytest.raises(PermanentError, match="no profile has its baseline"):
        with_baseline(two, planned.batches)
    assert with_baseline(two, {**planned.batches, two.profiles: ["plans/x/0000.json"]}) == ["plans/x/0000.json"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the stages: a list of one number, the seconds that pass between two looks at it."""
    pace, ticks = [0.0], count()
    monkeypatch.setattr(stages, "time", SimpleNamespace(monotonic=lambda: next(ticks) * pace[0]))
    return pace


@pytest.mark.parametrize(("seconds", "n_done"), [(1, 3), (19, 2), (100, 1)])
def test_a_task_begins_no_lora_for_which_no_time_is_left(
    settings: Settings, tmp_path: Path, clock: list[float], seconds: int, n_done: int
) -> None:
    """Of 90 seconds; the first is begun in any case, and what was left out is measured by the next task."""
    small = settings.model_copy(update={"profile": write(tmp_path, "one"), "loras_per_batch": 3})
    for path in ZOO[:3]:
        (tmp_path / "loras").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "loras")
    ingest_source(small, f"folder:{tmp_path / 'loras'}")
    ((key,),) = plan(small).batches.values()
    clock[0] = seconds
    report = index_batch(small, key, minutes=1.5)
    assert (len(report.lora_ids), report.left) == (n_done, 3 - n_done)
    clock[0] = 0
    assert index_batch(small, key).left == 0


RELATIVES = {"a": "Pony", "b": "pony diffusion_v6 XL", "c": "SDXL 1.0", "d": None, "e": "Illustrious"}


@pytest.fixture
def claimed(made: Settings) -> Settings:
    """A lake with a LoRA of SDXL for each claim of RELATIVES, and `f` for a LoRA that two listings claim otherwise."""
    claims = [(lora, words) for lora, words in RELATIVES.items() if words] + [("f", "SDXL 1.0"), ("f", "PONY")]
    with connect(made, read_only=False) as con:
        loras = [{"lora_id": one, "base_model": "sdxl", "file_key": f"files/{one}"} for one in [*RELATIVES, "f"]]
        listings = [
            {"lora_id": one, "base_model_claimed": words, "model_id": str(number), "source": "s"}
            for number, (one, words) in enumerate(claims)
        ]
        fill(con, {"core.lora": loras, "raw.listing": listings})
    return made


def waiting(settings: Settings, profile: str, *others: str) -> dict[str, str]:
    found = backlog(settings.model_copy(update={"profile": profile, "profiles": " ".join(others)}))
    return {load_profile(name).name: "".join(sorted(task.lora_id for task in loras)) for name, loras in found.items()}


@pytest.fixture
def pony(tmp_path: Path) -> str:
    """The shipped profile, pinned."""
    document = load_profile("pony").model_dump(mode="json")
    document["identity"]["backbone"]["revision"] = "0" * 40
    (tmp_path / "pony.json").write_text(json.dumps(document))
    return str(tmp_path / "pony.json")


def test_a_claimed_relative_goes_to_its_profile_where_there_is_one(claimed: Settings, pony: str) -> None:
    assert waiting(claimed, "sdxl-paper") == {"sdxl-paper": "abcdef"}
    assert waiting(claimed, "sdxl-paper", pony) == {"sdxl-paper": "cde", "pony": "abf"}
    assert waiting(claimed, pony, "illustrious") == {"pony": "abf", "illustrious": "e"}
    assert waiting(claimed, "micro", pony) == {"micro": "", "pony": "abf"}


def test_a_plan_keeps_the_batches_of_a_backbone_together(claimed: Settings, pony: str) -> None:
    settings = claimed.model_copy(update={"profile": "sdxl-paper", "profiles": pony, "loras_per_batch": 2})
    planned = plan(settings)
    assert {name: len(keys) for name, keys in planned.batches.items()} == {"sdxl-paper": 2, pony: 2}
    store = open_store(settings.store)
    keys = [key for own in planned.batches.values() for key in own]
    assert keys == sorted(keys)
    ids = [read_manifest(store, key).profile_id for key in keys]
    assert ids == [load_profile(name).profile_id for name in ("sdxl-paper", "sdxl-paper", pony, pony)]

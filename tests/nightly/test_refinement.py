"""A first night looks once at what is new; later ones, or a command, measure further what matters."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from carlos_tasks.cli import main
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.nightly.backlog import backlog_size
from carlos_tasks.nightly.one_process import index_all
from carlos_tasks.nightly.refinement import refine
from carlos_tasks.nightly.stage_reports import IndexReport
from carlos_tasks.nightly.stages import plan
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import manifests_of
from tests.commit.small_index import small_profile

ZOO = Path("carlos_tasks/microworld/weights/zoo")
# So exact that only all pairs settle it.
HARD = {"direction_cosine": 0.999999, "strength_error": 0.000001, "status_errors": 2.0}
Rows = Callable[[str], list[tuple[Any, ...]]]
DRAWN = "select n_pairs, is_settled, copied_from is not null from mart.lora order by name"


@pytest.fixture
def quick(settings: Settings, tmp_path: Path) -> Settings:
    """Nights that look once, at 3 of 8 pairs, and measure two LoRAs further."""
    budget = {"order": "balanced", "looks": [3, 5, 8], "settled": HARD}
    profile = small_profile(tmp_path / "prompts", n_prompts=4, seeds=(0, 1), budget=budget)
    path = tmp_path / "profile.json"
    path.write_text(profile.model_dump_json())
    return settings.model_copy(update={"profile": str(path), "budget": "first look", "refine_per_night": 2})


@pytest.fixture
def night(quick: Settings, tmp_path: Path) -> Callable[..., IndexReport]:
    """A night over a folder into which files were put: name and LoRA of the zoo."""

    def run(**put: str) -> IndexReport:
        (tmp_path / "loras").mkdir(exist_ok=True)
        for name, slug in put.items():
            save_file(load_file(ZOO / f"{slug}.safetensors"), tmp_path / "loras" / f"{name}.safetensors", {"n": name})
        report = index_all(quick, f"folder:{tmp_path / 'loras'}")
        assert report.check_failures == ()
        return report

    return run


def test_a_night_looks_once_and_the_next_ones_go_on_until_nothing_is_open(
    night: Callable[..., IndexReport], quick: Settings, rows: Rows
) -> None:
    night(a="striped-a", twin="striped-a")
    assert sorted(rows(DRAWN)) == [(3, False, False), (3, False, True)]
    assert backlog_size(quick) == 2
    further = night().profiles
    assert further is not None
    # The twin is copied from the one that was drawn further.
    assert [(batch.images, batch.copied) for batch in further[0].batches] == [(5, 1)]
    assert [row[:2] for row in rows(DRAWN)] == [(5, False)] * 2
    night()
    assert [row[:2] for row in rows(DRAWN)] == [(8, True)] * 2
    assert rows("select count(*) from core.embedding where lora_id <> 'base'") == [(16,)]
    assert plan(quick).batches == {}


def test_what_is_new_goes_before_what_is_measured_further(
    night: Callable[..., IndexReport], quick: Settings, tmp_path: Path
) -> None:
    night(a="striped-a")
    from carlos_tasks.intake.source_intake import ingest_source

    save_file(load_file(ZOO / "foggy-a.safetensors"), tmp_path / "loras" / "new.safetensors")
    ingest_source(quick, f"folder:{tmp_path / 'loras'}")
    planned = plan(quick)
    profile_id = load_profile(quick.profile).profile_id
    (manifest,) = manifests_of(open_store(quick.store), planned.plan_id, profile_id)
    assert [task.at_least for task in manifest.loras] == [0, 4]
    none = plan(quick.model_copy(update={"refine_per_night": 0}))
    assert none.n_loras == 1


def test_by_hand_a_lora_gets_as_many_pairs_as_are_asked_for(
    night: Callable[..., IndexReport], quick: Settings, rows: Rows, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    night(a="striped-a")
    ((lora_id,),) = rows("select lora_id from mart.lora")
    report = refine(quick, [lora_id[:10]], to=4)
    assert (report.batch.images, report.commit.statuses) == (5, {"measured": 1})
    assert rows(DRAWN) == [(5, False, False)]
    assert refine(quick, [lora_id], to=4).commit.statuses == {}  # it has more already
    for name in ("store", "catalog", "profile"):
        monkeypatch.setenv(f"CARLOS_{name.upper()}", str(getattr(quick, name)))
    assert main(["refine", lora_id[:10], "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["statuses"] == {"measured": 1}
    assert rows(DRAWN) == [(8, True, False)]


def test_what_cannot_be_measured_further_is_said(
    night: Callable[..., IndexReport], quick: Settings, rows: Rows, tmp_path: Path
) -> None:
    night(a="striped-a")
    ((lora_id,),) = rows("select lora_id from mart.lora")
    with pytest.raises(NotFound, match="begins with 'beef'"):
        refine(quick, ["beef"])
    with pytest.raises(NotFound, match="begins with ''"):
        refine(quick, [""])
    with pytest.raises(CarlosError, match="--to 9: a LoRA has from 1 to 8 pairs"):
        refine(quick, [lora_id], to=9)
    path = tmp_path / "fixed.json"
    path.write_text(small_profile(tmp_path / "prompts", n_prompts=4, seeds=(0, 1)).model_dump_json())
    with pytest.raises(CarlosError, match="has no budget: every LoRA has all its 8 pairs"):
        refine(quick.model_copy(update={"profile": str(path)}), [lora_id])

"""Whole nights over files that were saved again: one is drawn, its twins are copied, and the lake tells of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from carlos_tasks.lake.catalog import connect
from carlos_tasks.nightly.backlog import backlog_size
from carlos_tasks.nightly.one_process import index_all
from carlos_tasks.nightly.stage_reports import IndexReport
from carlos_tasks.nightly.stages import plan
from carlos_tasks.settings import Settings
from tests.commit.small_index import small_profile

STRIPES = Path("carlos_tasks/microworld/weights/zoo/striped-a.safetensors")


@pytest.fixture
def small(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a profile of 4 pairs, and one LoRA a batch."""
    path = tmp_path / "profile.json"
    path.write_text(small_profile(tmp_path / "prompts", n_prompts=2, seeds=(0, 1)).model_dump_json())
    return settings.model_copy(update={"profile": str(path), "loras_per_batch": 1})


@pytest.fixture
def night(small: Settings, tmp_path: Path) -> Callable[..., IndexReport]:
    """A night over a folder in which STRIPES was saved again under some names, with metadata of the name's choice."""

    def run(**saved: dict[str, str]) -> IndexReport:
        (tmp_path / "loras").mkdir(exist_ok=True)
        for name, metadata in saved.items():
            save_file(load_file(STRIPES), tmp_path / "loras" / f"{name}.safetensors", metadata)
        return index_all(small, f"folder:{tmp_path / 'loras'}")

    return run


def copied(report: IndexReport) -> list[tuple[int, int, int]]:
    """LoRAs, copies and images of each batch."""
    assert report.check_failures == ()
    return [(len(batch.lora_ids), batch.copied, batch.images) for own in report.profiles or () for batch in own.batches]


def test_equals_of_one_night_and_of_the_next_are_drawn_once(
    night: Callable[..., IndexReport], rows: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    assert copied(night(a={"title": "a"}, b={"title": "b"})) == [(2, 1, 4)]
    assert copied(night(c={"title": "c"})) == [(1, 1, 0)]
    assert rows("select count(*), count(distinct (strength, consistency, direction)) from mart.lora") == [(3, 1)]
    ((drawn,),) = rows("select lora_id from mart.lora where copied_from is null")
    assert rows("select copied_from from mart.lora where copied_from is not null") == [(drawn,)] * 2
    assert rows(
        "select count(*), count(distinct (prompt_id, seed, embedding)) from core.embedding where lora_id <> 'base'"
    ) == [(12, 4)]


def test_other_alphas_or_trigger_words_are_drawn_anew(night: Callable[..., IndexReport]) -> None:
    assert copied(night(a={"title": "a"})) == [(1, 0, 4)]
    anew = night(
        b={"lora_adapter_metadata": '{"unet.lora_alpha": 1}'},
        c={"modelspec.trigger_phrase": "in stripes"},
    )
    assert copied(anew) == [(1, 0, 4), (1, 0, 4)]


def test_a_lake_of_before_the_copies_is_brought_up_to_date(small: Settings, made: Settings) -> None:
    """A night in which nothing is new asks for the backlog before anything is committed."""
    with connect(made, read_only=False) as con:
        con.execute("drop macro table mart.backlog")
        con.execute(
            "create macro mart.backlog(profile, backbone) as table "
            "(select lora_id, file_key, trigger_words from core.lora)"
        )
        con.execute("delete from core.migration where path = 'search/30_backlog.sql'")
    assert backlog_size(small) == 0
    assert plan(small).batches == {}

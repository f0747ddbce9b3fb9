"""The contact sheet shows baseline and LoRA side by side, a row per LoRA, whatever a LoRA is called."""

import io
from pathlib import Path

import pytest
from PIL import Image

from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports import contact_sheet
from carlos_tasks.reports.contact_sheet import LABEL_PX, TILE_PX, draw_contact_sheet, write_contact_sheet
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import evidence_key
from carlos_tasks.store.objects import ObjectStore
from tests.lakes import migrated_lake
from tests.sql.lake_rows import fill

PAIRS = [("p1", 0), ("p2", 0)]
HEAD_PX = 34


def put(store: ObjectStore, lora_id: str, pair: tuple[str, int], colour: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, "WEBP", lossless=True)
    store.write(evidence_key("profile", lora_id, *pair), buffer.getvalue())


@pytest.fixture
def evidence(tmp_path: Path) -> ObjectStore:
    store = open_store(str(tmp_path))
    for pair in PAIRS:
        put(store, "base", pair, "#ff0000")
        put(store, "one", pair, "#00ff00")
    put(store, "two", PAIRS[0], "#0000ff")
    return store


def sheet(store: ObjectStore, *loras: tuple[object, ...]) -> Image.Image:
    return Image.open(io.BytesIO(draw_contact_sheet(store, "profile", list(loras), PAIRS)))


def test_baseline_and_lora_stand_side_by_side(evidence: ObjectStore) -> None:
    picture = sheet(evidence, ("one", "first", "ok", 1.0, 0.5), ("two", "second", "ok", 1.0, 0.5))
    first_row, second_row = HEAD_PX + TILE_PX // 2, HEAD_PX + TILE_PX // 2 + TILE_PX + 8
    left, right = LABEL_PX + TILE_PX // 2, LABEL_PX + TILE_PX + TILE_PX // 2
    assert picture.getpixel((left, first_row)) == picture.getpixel((left, second_row)) == (255, 0, 0)
    assert picture.getpixel((right, first_row)) == (0, 255, 0)
    assert picture.getpixel((right, second_row)) == (0, 0, 255)


def test_a_missing_image_is_an_empty_frame(evidence: ObjectStore) -> None:
    picture = sheet(evidence, ("two", "second", "ok", None, None))
    second_pair = LABEL_PX + 2 * TILE_PX + 8 + TILE_PX
    assert picture.getpixel((second_pair + 4, HEAD_PX + 4)) == (255, 255, 255)


@pytest.mark.parametrize("name", [None, "", "夜のスタイル", "a\nb\x1b[31m\u202ec", "<b>bold</b>", "x" * 500])
def test_any_name_is_drawn_without_changing_the_layout(evidence: ObjectStore, name: str | None) -> None:
    picture = sheet(evidence, ("one", name, "ok", 1.0, None))
    assert picture.size == sheet(evidence, ("one", "plain", "ok", 1.0, None)).size
    assert picture.getpixel((LABEL_PX + 2, HEAD_PX + 2)) == (255, 0, 0)


def test_it_shows_the_newest_that_one_can_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    profile = load_profile("micro")
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        fill(
            con,
            {
                "core.representation": [
                    {
                        "profile_id": profile.profile_id,
                        "lora_id": f"l{day}",
                        "computed_at": f"2026-01-0{day} 00:00:00+00",
                    }
                    for day in (1, 3, 2)
                ]
            },
        )
    row_px = TILE_PX + 8
    monkeypatch.setattr(contact_sheet, "MOST_LORAS", 2)
    key = write_contact_sheet(settings, profile)
    assert Image.open(io.BytesIO(open_store(settings.store).read(key))).height == HEAD_PX + 2 * row_px + 8

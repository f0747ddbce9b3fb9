"""Discovery finds what is new, once, whatever the clock of the storage does."""

import json
import os
from pathlib import Path

import pytest

from carlos_tasks.errors import PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.nightly.partitions import partition_of
from carlos_tasks.nightly.stages import commit_intake, discover, index_batch, ingest, shard_of
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.sources.models import a_model


class Dump:
    """A dump in a folder whose shards get the times that a test gives them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"civitai-dump:{folder}"

    def put(self, name: str, second: int, text: str = "{}") -> str:
        path = self.folder / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (second, second))
        return f"models/{name}"


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    return Dump(tmp_path / "dump")


def test_the_first_night_finds_every_shard_oldest_first(settings: Settings, dump: Dump) -> None:
    late, early = dump.put("1.json", second=2000), dump.put("2.json", second=1000)
    assert discover(settings, dump.uri, None)["shards"] == [early, late]


def test_a_night_with_nothing_new_keeps_the_watermark(settings: Settings, dump: Dump) -> None:
    dump.put("1.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    assert discover(settings, dump.uri, watermark) == {"shards": [], "watermark": watermark}


def test_only_what_came_later_is_found(settings: Settings, dump: Dump) -> None:
    dump.put("1.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    new = dump.put("2.json", second=1001)
    assert discover(settings, dump.uri, watermark)["shards"] == [new]


def test_a_shard_that_appears_within_the_watermarks_second_is_found(settings: Settings, dump: Dump) -> None:
    dump.put("5.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    same_second = dump.put("1.json", second=1000)
    found = discover(settings, dump.uri, watermark)
    assert found["shards"] == [same_second]
    assert discover(settings, dump.uri, found["watermark"])["shards"] == []


def test_a_shard_rewritten_within_the_watermarks_second_is_found(settings: Settings, dump: Dump) -> None:
    dump.put("1.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    rewritten = dump.put("1.json", second=1000, text='{"items": []}')
    assert discover(settings, dump.uri, watermark)["shards"] == [rewritten]


def test_the_watermark_fits_airflows_asset_state(settings: Settings, dump: Dump) -> None:
    for number in range(2000):
        dump.put(f"{number:05d}.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    assert len(json.dumps(watermark)) < 1000


def test_a_shard_that_was_copied_with_its_old_time_is_found(settings: Settings, dump: Dump) -> None:
    dump.put("1.json", second=2000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    old = dump.put("2.json", second=1000)
    assert discover(settings, dump.uri, watermark)["shards"] == [old]


def test_a_shard_that_has_gone_is_handed_on_once_after_the_new_ones(settings: Settings, dump: Dump) -> None:
    gone = dump.put("1.json", second=1000)
    dump.put("2.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    (dump.folder / gone).unlink()
    new = dump.put("3.json", second=1001)
    found = discover(settings, dump.uri, watermark)
    assert found["shards"] == [new, gone]
    assert discover(settings, dump.uri, found["watermark"])["shards"] == []


def test_a_source_that_lists_nothing_any_more_has_not_vanished(settings: Settings, dump: Dump) -> None:
    only = dump.put("1.json", second=1000)
    watermark = discover(settings, dump.uri, None)["watermark"]
    (dump.folder / only).unlink()
    with pytest.raises(PassingError, match="lists no shard any more, and had 1"):
        discover(settings, dump.uri, watermark)


def test_what_a_shard_that_has_gone_held_has_vanished(settings: Settings, dump: Dump) -> None:
    gone = dump.put("1.json", second=1000, text=json.dumps([a_model()]))
    for key in discover(settings, dump.uri, None)["shards"]:
        commit_intake(settings, ingest(settings, dump.uri, key)["intake_key"])
    (dump.folder / gone).unlink()
    report = ingest(settings, dump.uri, gone)
    assert report["n_records"] == 0
    commit_intake(settings, report["intake_key"])
    with connect(settings) as con:
        assert con.execute("select state from mart.listing_history").fetchall() == [("vanished",)]


def test_a_crash_before_the_watermark_moves_announces_the_same_again(settings: Settings, dump: Dump) -> None:
    dump.put("1.json", second=1000)
    first = discover(settings, dump.uri, None)["watermark"]
    new = dump.put("2.json", second=1001)
    assert discover(settings, dump.uri, first)["shards"] == [new]
    again = discover(settings, dump.uri, first)
    assert again["shards"] == [new]
    newer = dump.put("3.json", second=1002)
    assert discover(settings, dump.uri, again["watermark"])["shards"] == [newer]


def test_only_the_listings_that_are_in_use_are_kept(settings: Settings, dump: Dump) -> None:
    watermark = None
    for number in range(5):
        dump.put(f"{number}.json", second=1000)
        watermark = discover(settings, dump.uri, watermark)["watermark"]
    assert len(list(open_store(settings.store).list("discovered/"))) == 2
    discover(settings, dump.uri, None)  # by hand: another caller's watermark stays good
    assert discover(settings, dump.uri, watermark)["shards"] == []


def test_a_watermark_without_its_listing_finds_everything(settings: Settings, dump: Dump) -> None:
    shard = dump.put("1.json", second=1000)
    assert discover(settings, dump.uri, {"listing": "of another store"})["shards"] == [shard]


def test_a_partition_leads_to_its_shard(settings: Settings, tmp_path: Path) -> None:
    deep = "/".join(["deep" * 20] * 5)
    (tmp_path / deep).mkdir(parents=True)
    (tmp_path / deep / "a.safetensors").write_bytes(b"x")
    uri = f"folder:{tmp_path}"
    assert discover(settings, uri, None)["shards"] == [deep]
    key = partition_of(uri, deep)
    assert len(key) <= 250
    assert shard_of(settings, key) == (uri, deep)
    assert shard_of(settings, "backlog/2026-01-01") is None


def test_an_empty_dump_has_nothing_new(settings: Settings, dump: Dump) -> None:
    assert discover(settings, dump.uri, None) == {"shards": [], "watermark": None}


def test_a_manifest_of_another_profile_is_refused(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path))
    manifest = {"profile_id": "0123456789abcdef", "loras": []}
    open_store(settings.store).write("plans/p/0000.json", json.dumps(manifest).encode())
    with pytest.raises(PermanentError, match="planned for profile 0123456789abcdef"):
        index_batch(settings, "plans/p/0000.json")

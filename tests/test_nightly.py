"""Discovery finds what is new, once, whatever the clock of the storage does."""

import json
import os
from pathlib import Path

import pytest

from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.objects import open_store
from carlos_tasks.nightly import discover, index_batch
from carlos_tasks.settings import Settings


class Dump:
    """A dump in a folder whose shards get the times that a test gives them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"civitai-dump:{folder}"

    def put(self, name: str, second: int, text: str = "{}") -> str:
        path = self.folder / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (second, second))
        return f"models/{name}"


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    return Dump(tmp_path)


def test_the_first_night_finds_every_shard_oldest_first(dump: Dump) -> None:
    late, early = dump.put("1.json", second=2000), dump.put("2.json", second=1000)
    assert discover(dump.uri, None)["shards"] == [early, late]


def test_a_night_with_nothing_new_keeps_the_watermark(dump: Dump) -> None:
    dump.put("1.json", second=1000)
    watermark = discover(dump.uri, None)["watermark"]
    assert discover(dump.uri, watermark) == {"shards": [], "watermark": watermark}


def test_only_what_came_later_is_found(dump: Dump) -> None:
    dump.put("1.json", second=1000)
    watermark = discover(dump.uri, None)["watermark"]
    new = dump.put("2.json", second=1001)
    assert discover(dump.uri, watermark)["shards"] == [new]


def test_a_shard_that_appears_within_the_watermarks_second_is_found(dump: Dump) -> None:
    dump.put("5.json", second=1000)
    watermark = discover(dump.uri, None)["watermark"]
    same_second = dump.put("1.json", second=1000)
    found = discover(dump.uri, watermark)
    assert found["shards"] == [same_second]
    assert discover(dump.uri, found["watermark"])["shards"] == []


def test_a_shard_rewritten_within_the_watermarks_second_is_found(dump: Dump) -> None:
    dump.put("1.json", second=1000)
    watermark = discover(dump.uri, None)["watermark"]
    rewritten = dump.put("1.json", second=1000, text='{"items": []}')
    assert discover(dump.uri, watermark)["shards"] == [rewritten]


def test_the_watermark_fits_airflows_asset_state(dump: Dump) -> None:
    for number in range(20):
        dump.put(f"{number:05d}.json", second=1000)
    watermark = discover(dump.uri, None)["watermark"]
    assert json.loads(json.dumps(watermark)) == watermark


def test_an_empty_dump_has_nothing_new(dump: Dump) -> None:
    assert discover(dump.uri, None) == {"shards": [], "watermark": None}


def test_a_manifest_of_another_profile_is_refused(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path))
    manifest = {"profile_id": "0123456789abcdef", "loras": []}
    open_store(settings.store).write("plans/p/0000.json", json.dumps(manifest).encode())
    with pytest.raises(PermanentError, match="planned for profile 0123456789abcdef"):
        index_batch(settings, "plans/p/0000.json")

"""The mirror of a live source: what is kept where, and what becomes of objects that are broken."""

import pytest
import zstandard

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.sources import mirror as mirror_module
from carlos_tasks.sources.mirror import Known, Mirror, Step
from carlos_tasks.store.objects import ObjectStore


@pytest.fixture
def mirror(store: ObjectStore) -> Mirror:
    return Mirror(store, "civitai:https://civitai.com")


def test_a_page_is_read_as_it_was_written(mirror: Mirror) -> None:
    mirror.write_page("poll", 7, b'{"items": [1, {"a": null}], "metadata": {}}')
    (shard,) = mirror.shards()
    assert shard.key == "poll/00007.json.zst"
    assert mirror.shard(shard.key).etag == shard.etag
    assert mirror.read_page(shard.key) == {"items": [1, {"a": None}], "metadata": {}}
    with pytest.raises(NotFound):
        mirror.shard("poll/00008.json.zst")


def test_two_sources_do_not_meet(mirror: Mirror, store: ObjectStore) -> None:
    mirror.write_page("poll", 0, b'{"items": []}')
    assert list(Mirror(store, "civitai:https://civitai.com?tag=style").shards()) == []


def test_steps_are_there_until_the_poll_is_closed(mirror: Mirror) -> None:
    assert mirror.unfinished(mirror.known()) is None
    steps = [Step(False, {"1": "a"}, cursor="c|1"), Step(False, {"2": "b"}, gone=["3"], is_end=True)]
    for number, step in enumerate(steps):
        mirror.write_step("poll", number, step)
    assert mirror.unfinished(mirror.known()) == ("poll", steps)
    mirror.close(Known({"1": "a", "2": "b"}, has_gap=False, closed="poll"))
    assert mirror.known() == Known({"1": "a", "2": "b"}, has_gap=False, closed="poll")
    assert mirror.unfinished(mirror.known()) is None


def test_steps_of_a_closed_poll_are_cleared_away(mirror: Mirror) -> None:
    mirror.close(Known(closed="poll"))
    mirror.write_step("poll", 0, Step(False, {}))  # killed while they were removed
    assert mirror.unfinished(mirror.known()) is None
    assert [info.key for info in mirror._store.list("polling/")] == [mirror._known]


@pytest.mark.parametrize("broken", [b"", b"no zstd", zstandard.compress(b"{"), zstandard.compress(b'{"odd": 1}')])
def test_a_memory_that_cannot_be_read_is_none(broken: bytes, mirror: Mirror) -> None:
    mirror._store.write(mirror._known, broken)
    assert mirror.known() == Known()


@pytest.mark.parametrize(
    "broken",
    [b"", b"no zstd", zstandard.compress(b"{"), zstandard.compress(b"[]"), zstandard.compress(b'{"items": 7}')],
)
def test_what_is_no_page_says_so(broken: bytes, mirror: Mirror) -> None:
    mirror._store.write(f"{mirror._pages}poll/00000.json.zst", broken)
    with pytest.raises(PermanentError, match="is no page"):
        mirror.read_page("poll/00000.json.zst")


def test_a_page_that_unpacks_to_too_much_is_not_read(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "MAX_PAGE_BYTES", 2**20)
    mirror.write_page("poll", 0, b'{"items": []}' + b" " * 2**24)
    with pytest.raises(PermanentError, match="larger than"):
        mirror.read_page("poll/00000.json.zst")


def test_a_key_that_leads_away_is_refused(mirror: Mirror) -> None:
    with pytest.raises(ValueError, match="not a key"):
        mirror.read_page("../../secret.json.zst")

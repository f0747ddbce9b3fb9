"""Civitai's API, live, against a server that does everything wrong that servers do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import PassingError, SettingsError
from carlos_tasks.sources import open_source, poll_source
from carlos_tasks.sources.back_off import BackOff
from carlos_tasks.sources.civitai_api import CivitaiApi
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.poll import PollReport, poll
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.untrusted.reasons import Reason
from tests.sources.bad_server import Server
from tests.sources.models import a_file, a_model, a_version


def models(*ids: int, **changes: Any) -> list[Any]:
    """Models with these ids, newest first."""
    return [
        a_model(number, modelVersions=[a_version(number + 1000, files=[a_file(number + 2000)])], **changes)
        for number in ids
    ]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def source(server: Server, store: FolderStore, back_off: BackOff) -> CivitaiApi:
    return CivitaiApi(f"civitai:{server.address}", store, back_off)


def records(source: CivitaiApi) -> Iterator[Listing | Rejection]:
    for shard in source.shards():
        yield from source.listings(shard.key)


def ids(source: CivitaiApi) -> list[str]:
    """Ids of the models that all pages list, in order."""
    return [record.model_id for record in records(source) if isinstance(record, Listing)]


def test_the_first_poll_reads_every_page_and_asks_for_loras_only(server: Server, source: CivitaiApi) -> None:
    server.models = models(5, 4, 3, 2, 1)
    assert poll(source) == PollReport(n_pages=3)
    assert server.requests[0][1]["User-Agent"].startswith("carlos-platform/")
    assert ids(source) == ["5", "4", "3", "2", "1"]
    assert server.paths[0] == "/api/v1/models?types=LORA&types=LoCon&types=DoRA&sort=Newest&nsfw=true&limit=100"
    assert server.paths[1].endswith("&cursor=14%7C2")  # as it came
    assert {record.source for record in records(source)} == {"civitai"}


def test_a_page_is_kept_as_it_came_and_is_a_shard(server: Server, source: CivitaiApi, store: FolderStore) -> None:
    server.models = [*models(2), {"id": 1, "surprise": [None]}]
    poll(source)
    (shard,) = source.shards()
    assert source.shard(shard.key) == shard
    assert shard.key.endswith("/00000.json.zst")
    assert source.mirror.read_page(shard.key) == {"items": server.models, "metadata": {}}
    assert [info.key for info in store.list("polls/")] == [f"{source.mirror._pages}{shard.key}"]


def test_a_night_with_nothing_new_costs_one_request_and_writes_nothing(
    server: Server, source: CivitaiApi, store: FolderStore
) -> None:
    server.models = models(5, 4, 3, 2, 1)
    poll(source)
    before, server.requests = list(store.list()), []
    assert poll(source) == PollReport()
    assert len(server.requests) == 1
    assert list(store.list()) == before


def test_counts_and_pictures_are_no_change_and_a_new_version_is(server: Server, source: CivitaiApi) -> None:
    server.models = models(4, 3, 2, 1)
    poll(source)
    for model in server.models:
        model["stats"] = {"downloadCount": 7}
        model["modelVersions"][0] |= {"stats": {"downloadCount": 7}, "images": [{"url": "https://image.example"}]}
    assert poll(source) == PollReport()
    server.models[0]["modelVersions"].insert(0, a_version(9000, files=[a_file(9001)]))
    assert poll(source) == PollReport(n_pages=1)


def test_what_is_new_is_found_before_the_first_known_page(server: Server, source: CivitaiApi) -> None:
    server.models = models(6, 5, 4, 3, 2, 1)
    poll(source)
    server.models, server.requests = models(9, 8, 7, 6, 5, 4, 3, 2, 1), []
    assert poll(source) == PollReport(n_pages=2)
    assert len(server.requests) == 3  # 9 8, 7 6, 5 4: the last one is known
    assert ids(source)[-4:] == ["9", "8", "7", "6"]


@pytest.mark.parametrize(
    "fault", ["drop", "cut", "half", "html", "list", "no items", "garbled", "429", "429 0", "500", "502", "503", "408"]
)
def test_a_fault_that_passes_costs_a_second_request(fault: str, server: Server, source: CivitaiApi) -> None:
    server.models, server.faults = models(3, 2, 1), [None, fault, fault]
    assert poll(source) == PollReport(n_pages=2)
    assert ids(source) == ["3", "2", "1"]
    assert len(server.requests) == 4


def test_a_fault_that_stays_is_passing_and_the_next_poll_goes_on_from_the_cursor(
    server: Server, source: CivitaiApi
) -> None:
    server.models, server.faults = models(5, 4, 3, 2, 1), [None, None, *["500"] * 4]
    with pytest.raises(PassingError, match="answers 500"):
        poll(source)
    assert ids(source) == ["5", "4", "3", "2"]
    server.requests = []
    poll(source)
    assert server.paths[0].endswith("&cursor=28%7C4")
    assert ids(source) == ["5", "4", "3", "2", "1"]


def test_retry_after_is_waited_for_and_one_that_is_too_long_is_left_to_the_next_run(
    server: Server, source: CivitaiApi
) -> None:
    server.models, server.faults = models(1), ["429 3600"]
    with pytest.raises(PassingError, match="answers 429"):
        poll(source)
    assert len(server.requests) == 1


class Killed(BaseException):
    """Stands for a process that ends: nothing of ours may catch it."""


@pytest.mark.parametrize("deed", ["write_page", "write_step", "close"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_poll_that_is_killed_anywhere_loses_nothing(
    deed: str, after: bool, number: int, server: Server, source: CivitaiApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.models = models(5, 4, 3, 2, 1)
    done: Callable[..., None] = getattr(source.mirror, deed)
    countdown = [number if deed != "close" else 0]

    def killed(*args: Any) -> None:
        countdown[0] -= 1
        if countdown[0] < 0:
            if after:
                done(*args)
            raise Killed
        done(*args)

    monkeypatch.setattr(source.mirror, deed, killed)
    with pytest.raises(Killed):
        poll(source)
    monkeypatch.undo()
    poll(source)
    assert list(dict.fromkeys(ids(source))) == ["5", "4", "3", "2", "1"]  # a first page may be kept twice
    assert poll(source) == PollReport()


def test_a_cursor_that_comes_back_ends_the_poll_and_the_next_one_reads_everything(
    server: Server, source: CivitaiApi
) -> None:
    server.models = models(6, 5, 4, 3, 2, 1)
    server.odd_pages[2] = lambda page: page | {"metadata": {"nextCursor": "14|2"}}
    assert poll(source) == PollReport(n_pages=2, is_complete=False)
    assert len(server.requests) == 2
    server.odd_pages.clear()
    assert poll(source) == PollReport(n_pages=1)
    assert sorted(ids(source)) == ["1", "2", "3", "4", "5", "6"]


def test_pages_that_repeat_under_new_cursors_end_the_poll(server: Server, source: CivitaiApi) -> None:
    server.models = models(6, 5, 4, 3, 2, 1)
    endless = server.answer

    def repeating(path: str, query: dict[str, list[str]]) -> Any:
        return endless(path, {}) | {"metadata": {"nextCursor": f"more|{len(server.requests)}"}}

    server.answer = repeating  # type: ignore[method-assign]
    report = poll(source)
    assert (report.n_pages, report.is_complete) == (1, False)
    assert len(server.requests) < 10


def test_one_page_that_repeats_does_no_harm(server: Server, source: CivitaiApi) -> None:
    server.models = models(6, 5, 4, 3, 2, 1)
    server.odd_pages[2] = lambda page: page | {"items": server.models[:2]}
    assert poll(source).is_complete
    assert ids(source) == ["6", "5", "2", "1"]


def test_a_cursor_that_is_refused_after_a_break_begins_anew(server: Server, source: CivitaiApi) -> None:
    server.models, server.faults = models(5, 4, 3, 2, 1), [None, *["503"] * 4]
    with pytest.raises(PassingError):
        poll(source)
    server.faults = ["words 400"]
    assert poll(source).is_complete
    assert sorted(set(ids(source))) == ["1", "2", "3", "4", "5"]


def test_a_page_that_is_never_given_holds_nothing_up_for_good(server: Server, source: CivitaiApi) -> None:
    server.models = models(8, 7, 6, 5, 4, 3, 2, 1)
    well = server.answer

    def poisoned(path: str, query: dict[str, list[str]]) -> Any:
        return {"error": "broken page"} if query.get("cursor") == ["28|4"] else well(path, query)

    server.answer = poisoned  # type: ignore[method-assign]
    with pytest.raises(PassingError):
        poll(source)
    server.models = [*models(9), *server.models]
    report = poll(source)  # the retry
    assert not report.is_complete
    assert sorted(set(ids(source))) == ["5", "6", "7", "8", "9"]
    server.answer = well  # type: ignore[method-assign]
    assert poll(source).is_complete
    assert sorted(set(ids(source))) == [str(number) for number in range(1, 10)]


def test_in_an_outage_the_place_is_kept(server: Server, source: CivitaiApi) -> None:
    server.models, server.faults = models(5, 4, 3, 2, 1), [None, *["503"] * 4]
    for _ in range(2):
        with pytest.raises(PassingError):
            poll(source)
        server.faults = ["503"] * 8
    server.faults, server.requests = [], []
    assert poll(source).is_complete
    assert server.paths[0].endswith("&cursor=14%7C2")


def test_one_model_that_the_server_breaks_on_stays_known(server: Server, source: CivitaiApi) -> None:
    server.models = models(4, 3, 2, 1)
    poll(source)
    server.hidden, server.faults = {1, 2}, [None, *["500"] * 4]
    assert poll(source, sweep=True) == PollReport(n_pages=1, n_unanswered=1)  # 2 is found, 1 gave no answer
    server.models, server.hidden = models(4, 3, 2), set()
    assert poll(source, sweep=True).n_gone == 1


def test_a_sweep_finds_lost_items_by_id_and_tells_what_is_gone(server: Server, source: CivitaiApi) -> None:
    server.models = models(6, 5, 4, 3, 2, 1)
    poll(source)
    server.hidden = {4}  # lost by paging
    server.models = [model for model in server.models if model["id"] != 2]  # taken down
    server.requests = []
    assert poll(source, sweep=True) == PollReport(n_pages=1, n_gone=1)
    assert [path for path in server.paths if "?" not in path] == ["/api/v1/models/2", "/api/v1/models/4"]
    *_, page = source.shards()
    found, gone = source.listings(page.key)
    assert isinstance(found, Listing) and found.model_id == "4"
    assert isinstance(gone, Rejection)
    assert (gone.source, gone.model_id, gone.version_id, gone.file_id) == ("civitai", "2", "", "")
    assert gone.reason is Reason.TAKEN_DOWN
    server.hidden, server.requests = set(), []
    assert poll(source, sweep=True) == PollReport()  # it is not asked for again
    assert server.asked("/api/v1/models/") == 0


def test_what_was_gone_and_comes_back_is_new(server: Server, source: CivitaiApi) -> None:
    server.models = models(2, 1)
    poll(source)
    server.models = models(2)
    poll(source, sweep=True)
    server.models = models(2, 1)
    assert poll(source).n_pages == 1


def test_a_sweep_that_is_broken_off_is_finished_as_one(server: Server, source: CivitaiApi) -> None:
    server.models = models(6, 5, 4, 3, 2, 1)
    poll(source)
    server.models = models(6, 5, 4, 3, 1)
    server.faults = [None, None, *["502"] * 4]
    with pytest.raises(PassingError):
        poll(source, sweep=True)
    report = poll(source)
    assert report.n_gone == 1
    assert [r.model_id for r in records(source) if isinstance(r, Rejection)] == ["2"]


def test_a_listing_that_is_suddenly_empty_takes_nothing_down(server: Server, source: CivitaiApi) -> None:
    server.page_size, server.models = 100, models(*range(300, 0, -1))
    poll(source)
    kept, server.models = server.models, []
    server.requests = []
    assert poll(source, sweep=True) == PollReport(is_complete=False)
    assert len(server.requests) == 1
    server.models = kept
    assert poll(source) == PollReport()


def test_records_without_an_id_are_kept_and_do_not_hold_the_next_poll_up(server: Server, source: CivitaiApi) -> None:
    server.models = [7, {"id": "x"}, *models(1), {"id": 2, "type": {"a": [[[]]]}}]
    poll(source)
    server.requests = []
    assert poll(source) == PollReport()
    assert len(server.requests) == 1
    assert [type(record) for record in records(source)] == [Rejection, Rejection, Listing, Rejection]
    assert poll(source, sweep=True) == PollReport()


@pytest.mark.parametrize("depth", [400, 100_000])
def test_an_item_that_is_nested_without_end_stops_nothing(depth: int, server: Server, source: CivitaiApi) -> None:
    server.models = models(1)
    deep = b'{"items": [{"id": 3, "a":' + b"[" * depth + b"]" * depth + b"}]}"
    server.files["/api/v1/models"] = lambda handler: handler.send(200, deep)
    if depth < 1000:
        assert poll(source).n_pages == 1
        assert [type(record) for record in records(source)] == [Rejection]
    else:
        with pytest.raises(PassingError, match="not JSON"):
            poll(source)


def test_the_token_is_a_header_and_stands_nowhere_else(
    server: Server, store: FolderStore, back_off: BackOff, monkeypatch: pytest.MonkeyPatch, caplog: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("CIVITAI_TOKEN", "s3cret-token")
    caplog.set_level("DEBUG")
    server.models, server.faults = models(2, 1), ["500", "drop"]
    source = CivitaiApi(f"civitai:{server.address}", store, back_off)
    poll(source, sweep=True)
    assert {headers["Authorization"] for _, headers in server.requests} == {"Bearer s3cret-token"}
    assert "s3cret" not in caplog.text + "".join(server.paths) + source.uri
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes()


def test_without_a_token_there_is_no_header(server: Server, source: CivitaiApi) -> None:
    server.models = models(1)
    poll(source)
    assert "Authorization" not in server.requests[0][1]


def test_a_redirect_of_the_listing_is_not_followed(server: Server, source: CivitaiApi) -> None:
    server.files["/api/v1/models"] = lambda handler: handler.send(
        302, b"", headers={"Location": "http://other.example/models?token=x"}
    )
    with pytest.raises(Exception, match=r"leads to http://other\.example/models: name that host"):
        poll(source)


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_refused_token_is_a_matter_of_settings(status: str, server: Server, source: CivitaiApi) -> None:
    server.faults = [f"words {status}"]
    with pytest.raises(SettingsError, match="a token is missing"):
        poll(source)


def test_filters_narrow_the_listing(server: Server, store: FolderStore, back_off: BackOff) -> None:
    server.models = models(1)
    poll(CivitaiApi(f"civitai:{server.address}?baseModels=SDXL%201.0&tag=style", store, back_off))
    assert server.paths[0].endswith("&limit=100&baseModels=SDXL+1.0&tag=style")


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "civitai:civitai.com",
            "civitai:ftp://civitai.com",
            "civitai:https://user:pw@civitai.com",
            "civitai:https://",
        ),
        *("civitai:https://civitai.com?token=x", "civitai:https://civitai.com/api", "civitai:https://h:99999999"),
    ],
)
def test_a_uri_that_names_no_server_is_refused(uri: str, store: FolderStore) -> None:
    with pytest.raises(SettingsError) as caught:
        open_source(uri, store)
    assert "pw" not in str(caught.value)


def test_a_uri_opens_it_with_a_store_alone(server: Server, store: FolderStore) -> None:
    with pytest.raises(SettingsError, match="keeps its pages in a store"):
        open_source(f"civitai:{server.address}")
    source = open_source(f"civitai:{server.address}", store)
    server.models = models(1)
    poll_source(source)
    assert isinstance(source, CivitaiApi) and ids(source) == ["1"]
    assert list(open_source("civitai:http://127.0.0.1:1", store).shards()) == []

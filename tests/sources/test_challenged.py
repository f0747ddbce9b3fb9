"""Something in front of a live source answers in its place: nothing is gone, nothing is refused, and it is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from carlos_tasks.errors import NotFound, PassingError, RejectedFile
from carlos_tasks.sources.back_off import BackOff, NoAnswer
from carlos_tasks.sources.civitai_api import CivitaiApi
from carlos_tasks.sources.download import Downloader
from carlos_tasks.sources.hub import Hub
from carlos_tasks.sources.live import LiveSource
from carlos_tasks.sources.poll import PollReport, poll
from carlos_tasks.sources.web import new_client, own_words
from carlos_tasks.store.folder import FolderStore
from tests.sources.bad_server import CHALLENGE, Handler, Server, serving
from tests.sources.hub_server import HubHandler, HubServer, a_repo
from tests.sources.models import a_model

FOREIGN = [
    *("challenge", "page 200", "page 400", "page 401", "page 403", "page 404", "page 410", "page 451", "page 503"),
    *("gateway 401", "gateway 403", "gateway 404", "gateway 410", "404", "410", "403", "html", "list"),
]
TRIES = 4


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def civitai(server: Server, store: FolderStore, back_off: BackOff) -> CivitaiApi:
    server.models = [a_model(number) for number in (6, 5, 4, 3, 2, 1)]
    source = CivitaiApi(f"civitai:{server.address}", store, back_off)
    poll(source)
    server.requests = []
    return source


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    with serving(HubServer(), HubHandler) as state:
        state.repos = [a_repo(f"zebra/r{day}", day=day) for day in (1, 2, 3, 4)]
        yield state


@pytest.fixture
def hub(hub_server: HubServer, store: FolderStore, back_off: BackOff) -> Hub:
    return Hub(f"hub:{hub_server.address}?filter=lora", store, back_off)


def known(source: LiveSource) -> set[str]:
    return set(source.mirror.known().states)


@pytest.mark.parametrize("fault", FOREIGN)
def test_an_answer_in_place_of_a_model_takes_nothing_down(
    fault: str, server: Server, civitai: CivitaiApi, caplog: pytest.LogCaptureFixture
) -> None:
    server.hidden = {1, 3}
    server.faults = [*[None] * 2, *[fault] * TRIES]
    assert poll(civitai, sweep=True) == PollReport(n_pages=1, n_unanswered=1)  # 1 gave no answer, 3 is found
    assert known(civitai) == {"1", "2", "3", "4", "5", "6"}
    assert "1 stays as it is known" in caplog.text


@pytest.mark.parametrize("fault", FOREIGN)
def test_several_in_a_row_are_an_outage_and_nothing_is_taken_down(
    fault: str, server: Server, civitai: CivitaiApi
) -> None:
    server.models = server.models[:3]
    server.faults = [*[None] * 2, *[fault] * 3 * TRIES]
    with pytest.raises(PassingError):
        poll(civitai, sweep=True)
    assert known(civitai) == {"1", "2", "3", "4", "5", "6"}
    assert poll(civitai).n_gone == 3  # the sweep goes on, and now the API says it


@pytest.mark.parametrize("fault", ["words 404", "words 410", "words 451", "words 403 Model was removed for violations"])
def test_what_the_api_says_is_gone_is_gone(fault: str, server: Server, civitai: CivitaiApi) -> None:
    server.hidden, server.faults = {1}, [*[None] * 3, fault]
    assert poll(civitai, sweep=True) == PollReport(n_pages=1, n_gone=1)
    assert known(civitai) == {"2", "3", "4", "5", "6"}


@pytest.mark.parametrize("fault", ["words 401 Unauthorized", "words 403 Forbidden", "words 400 Bad id"])
def test_a_model_that_is_not_for_us_stays_as_it_is_known(fault: str, server: Server, civitai: CivitaiApi) -> None:
    server.hidden, server.faults = {1}, [*[None] * 3, *[fault] * TRIES]
    assert poll(civitai, sweep=True).n_unanswered == 1
    assert known(civitai) == {"1", "2", "3", "4", "5", "6"}


def test_a_look_up_that_leads_to_a_page_takes_nothing_down(server: Server, civitai: CivitaiApi) -> None:
    server.hidden = {1}
    server.files["/api/v1/models/1"] = lambda handler: handler.send(302, b"", headers={"Location": "/login"})
    assert poll(civitai, sweep=True).n_unanswered == 1


@pytest.mark.parametrize("fault", ["challenge", "page 404", "page 401", "gateway 404", "page 400"])
def test_a_listing_that_is_challenged_passes(fault: str, server: Server, civitai: CivitaiApi) -> None:
    server.models.insert(0, a_model(7))
    server.faults = [fault] * TRIES
    with pytest.raises(PassingError, match="answers 4"):
        poll(civitai)
    server.faults = [None, *[fault] * TRIES]  # now at a cursor
    with pytest.raises(PassingError):
        poll(civitai)
    poll(civitai)
    assert "7" in known(civitai)


@pytest.mark.parametrize("fault", ["challenge", "page 401", "page 403", "page 404", "gateway 404", "page 200", "html"])
def test_a_challenged_hub_takes_nothing_down(fault: str, hub_server: HubServer, hub: Hub) -> None:
    poll(hub)
    hub_server.hidden = {"zebra/r1"}
    hub_server.faults = [*[None] * 2, *[fault] * TRIES]
    assert poll(hub, sweep=True) == PollReport(n_unanswered=1)
    assert "zebra/r1" in known(hub)
    hub_server.faults = [fault] * TRIES
    with pytest.raises(PassingError):
        poll(hub, sweep=True)


@pytest.mark.parametrize("fault", ["words 401 Invalid username or password.", "words 403 Forbidden"])
def test_a_repository_that_is_not_for_us_stays_as_it_is_known(fault: str, hub_server: HubServer, hub: Hub) -> None:
    poll(hub)
    hub_server.hidden, hub_server.faults = {"zebra/r1"}, [*[None] * 2, fault]
    assert poll(hub, sweep=True).n_unanswered == 1
    assert "zebra/r1" in known(hub)


@pytest.mark.parametrize("fault", ["challenge", "page 404", "words 403"])
def test_a_new_repository_that_got_no_answer_is_asked_for_in_the_next_poll(
    fault: str, hub_server: HubServer, hub: Hub
) -> None:
    tries = 1 if fault.startswith("words") else TRIES
    hub_server.faults = [*[None] * 3, *[fault] * tries]
    report = poll(hub)
    assert (report.n_unanswered, report.is_complete) == (1, False)
    assert len(known(hub)) == 3
    assert poll(hub) == PollReport(n_pages=1)
    assert len(known(hub)) == 4


PATH = "/api/download/models/21"


@pytest.fixture
def downloader(server: Server, back_off: BackOff) -> Downloader:
    return Downloader(new_client(server), server.address, "s3cret", back_off)


@pytest.mark.parametrize("fault", [*FOREIGN[:13], "page 206"])
def test_a_page_in_place_of_a_file_passes(fault: str, server: Server, downloader: Downloader, tmp_path: Path) -> None:
    server.files[PATH] = lambda handler: handler.misbehave(fault, b"")
    with pytest.raises(NoAnswer):
        downloader.fetch(server.address + PATH, tmp_path / "file", 99)
    assert server.asked(PATH) == TRIES
    assert not (tmp_path / "file").exists()


def test_after_several_pages_in_a_row_each_further_file_is_asked_for_once(
    server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    server.files[PATH] = lambda handler: handler.misbehave("challenge", b"")
    server.files["/good"] = lambda handler: handler.send(200, b"bytes", kind="application/octet-stream")
    for n_requests in (TRIES, 2 * TRIES, 3 * TRIES, 3 * TRIES + 1, 3 * TRIES + 2):
        with pytest.raises(NoAnswer):
            downloader.fetch(server.address + PATH, tmp_path / "file", 99)
        assert server.asked(PATH) == n_requests
    downloader.fetch(f"{server.address}/good", tmp_path / "file", 99)
    with pytest.raises(NoAnswer):
        downloader.fetch(server.address + PATH, tmp_path / "file", 99)
    assert server.asked(PATH) == 4 * TRIES + 2


def test_a_page_that_goes_away_costs_a_second_request(server: Server, downloader: Downloader, tmp_path: Path) -> None:
    faults = ["challenge", "page 200"]

    def answer(handler: Handler) -> None:
        if faults:
            handler.misbehave(faults.pop(), CHALLENGE)
        else:
            handler.send(200, b"bytes", kind="application/octet-stream")

    server.files[PATH] = answer
    downloader.fetch(server.address + PATH, tmp_path / "file", 99)
    assert (tmp_path / "file").read_bytes() == b"bytes"


@pytest.mark.parametrize("place", ["/login?returnUrl=%2F&reason=download-auth", "http://auth.example/login?x=y"])
def test_a_file_that_leads_to_a_log_in_is_not_public(
    place: str, server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    server.files[PATH] = lambda handler: handler.send(307, b"", headers={"Location": place})
    with pytest.raises(RejectedFile, match="not_public"):
        downloader.fetch(server.address + PATH, tmp_path / "file", 99)


@pytest.mark.parametrize(
    ("code", "error"), [("NoSuchKey", NotFound), ("AccessDenied", NoAnswer), ("ExpiredToken", NoAnswer)]
)
def test_a_storage_host_speaks_as_s3_does(
    code: str, error: type[Exception], server: Server, downloader: Downloader, tmp_path: Path
) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    status = 404 if code == "NoSuchKey" else 403
    downloader.accepts = lambda address: True
    with serving(Server()) as storage:
        storage.files["/x"] = lambda handler: handler.send(status, body, kind="application/xml")
        server.files[PATH] = lambda handler: handler.send(302, b"", headers={"Location": f"{storage.address}/x"})
        with pytest.raises(error):
            downloader.fetch(server.address + PATH, tmp_path / "file", 99)


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({}, b'{"error": "No model with id 1"}', "No model with id 1"),
        ({"Content-Type": "text/plain"}, b'{"error": {"message": "Not\\nfound", "code": 1}}', "Not found"),
        ({"X-Error-Code": "EntryNotFound"}, b"Entry not found", "EntryNotFound"),
        ({"x-error-message": "Access to this resource is disabled."}, b"", "Access to this resource is disabled."),
        ({"cf-mitigated": "challenge"}, b'{"error": "No"}', None),
        *(({}, body, None) for body in (b"", b"{}", b"[]", b"7", b'{"error": ""}', b'{"error": 7}', b"[" * 9999)),
        *(({}, body, None) for body in (b'{"message": "no Route matched"}', b'{"errors": [{"code": 1}]}', CHALLENGE)),
        ({}, b'{"type": "about:blank", "title": "Error 1020", "status": 403, "cloudflare_error": true}', None),
    ],
)
def test_which_words_are_an_api_s_own(headers: dict[str, str], body: bytes, words: Any) -> None:
    assert own_words(httpx.Headers(headers), body) == words

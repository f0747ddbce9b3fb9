"""Downloads from a server that breaks off, lies, redirects and refuses."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import NotFound, PassingError, RejectedFile
from carlos_tasks.sources import download
from carlos_tasks.sources.back_off import BackOff
from carlos_tasks.sources.civitai_api import CivitaiApi
from carlos_tasks.sources.download import Downloader, is_public
from carlos_tasks.sources.listing import Listing
from carlos_tasks.sources.poll import poll
from carlos_tasks.sources.web import new_client
from carlos_tasks.store.folder import FolderStore
from tests.sources.bad_server import Handler, Server, serving
from tests.sources.models import a_file, a_model, a_version

BYTES = bytes(range(256)) * 4000
PATH = "/api/download/models/21"


@pytest.fixture
def other() -> Iterator[Server]:
    """A second server: a storage host, or a machine of the network that must not be reached."""
    with serving(Server()) as state:
        yield state


@pytest.fixture
def downloader(server: Server, back_off: BackOff) -> Downloader:
    return Downloader(new_client(server), server.address, "s3cret", back_off)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def whole(handler: Handler) -> None:
    handler.send(200, BYTES, headers={"ETag": '"one"'})


def ranged(cut_after: int, etag: Callable[[], str] = lambda: '"one"') -> Callable[[Handler], None]:
    """A server that knows Range and If-Range, and breaks every answer off after some bytes."""

    def answer(handler: Handler) -> None:
        start = 0
        if "Range" in handler.headers and handler.headers.get("If-Range", etag()) == etag():
            start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        rest = BYTES[start:]
        headers = {"ETag": etag()}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(BYTES) - 1}/{len(BYTES)}"
        handler.send(206 if start else 200, rest[:cut_after], length=len(rest), headers=headers)

    return answer


def leads_to(url: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(307, b"", headers={"Location": url})


def test_the_bytes_arrive_with_the_token(server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = whole
    downloader.fetch(server.address + PATH, path, len(BYTES))
    assert path.read_bytes() == BYTES
    assert server.requests[0][1]["Authorization"] == "Bearer s3cret"


def test_a_download_that_breaks_off_goes_on_where_it_was(server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = ranged(cut_after=400_000)
    downloader.fetch(server.address + PATH, path, len(BYTES))
    assert path.read_bytes() == BYTES
    ranges = [headers.get("Range") for _, headers in server.requests]
    assert ranges == [None, "bytes=400000-", "bytes=800000-"]
    assert server.requests[1][1]["If-Range"] == '"one"'


def test_a_file_that_changes_in_between_begins_anew(server: Server, downloader: Downloader, path: Path) -> None:
    etags = iter(['"one"', '"one"'])
    server.files[PATH] = ranged(600_000, lambda: next(etags, '"two"'))
    downloader.fetch(server.address + PATH, path, len(BYTES))
    assert path.read_bytes() == BYTES


@pytest.mark.parametrize("content_range", ["bytes 7-8/9", "bytes */5", "", f"bytes 400000-1023999/{len(BYTES) + 1}"])
def test_a_part_that_was_not_asked_for_is_not_joined(
    content_range: str, server: Server, downloader: Downloader, path: Path
) -> None:
    def answer(handler: Handler) -> None:
        if len(server.requests) == 1:
            handler.send(200, BYTES[:400_000], length=len(BYTES))
        elif len(server.requests) == 2:
            handler.send(206, BYTES[400_000:], headers={"Content-Range": content_range})
        else:
            whole(handler)

    server.files[PATH] = answer
    downloader.fetch(server.address + PATH, path, len(BYTES))
    assert path.read_bytes() == BYTES
    assert "Range" not in server.requests[2][1]


def test_a_server_that_has_fewer_bytes_than_it_sent_begins_anew(
    server: Server, downloader: Downloader, path: Path
) -> None:
    answers = iter([lambda h: h.send(200, BYTES[:9], length=99), lambda h: h.send(416, b"")])
    server.files[PATH] = lambda handler: next(answers, whole)(handler)
    downloader.fetch(server.address + PATH, path, len(BYTES))
    assert path.read_bytes() == BYTES


def test_a_file_above_the_cap_is_refused_before_it_is_read(server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = whole
    with pytest.raises(RejectedFile, match=f"file_too_large: {len(BYTES)} bytes"):
        downloader.fetch(server.address + PATH, path, len(BYTES) - 1)
    assert not path.exists()


def test_a_file_that_does_not_say_its_size_is_cut_at_the_cap(
    server: Server, downloader: Downloader, path: Path
) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        except OSError:
            return

    server.files[PATH] = endless
    with pytest.raises(RejectedFile, match="file_too_large: more than the 1000000 bytes"):
        downloader.fetch(server.address + PATH, path, 1_000_000)
    assert not path.exists()


def test_a_bomb_in_the_transport_is_cut_at_the_cap(server: Server, downloader: Downloader, path: Path) -> None:
    import gzip

    packed = gzip.compress(bytes(50 * 2**20))
    server.files[PATH] = lambda handler: handler.send(200, packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(RejectedFile, match="file_too_large"):
        downloader.fetch(server.address + PATH, path, 2**20)


def test_a_redirect_is_followed_without_the_token(
    server: Server, other: Server, downloader: Downloader, path: Path
) -> None:
    downloader.accepts = lambda address: True
    server.files[PATH] = leads_to(f"{other.address}/bucket/file?signature=x")
    other.files["/bucket/file"] = whole
    downloader.fetch(server.address + PATH, path, len(BYTES))
    assert path.read_bytes() == BYTES
    assert "Authorization" not in other.requests[0][1]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]", "2130706433"],
)
def test_a_redirect_into_the_network_is_refused_and_never_asked(
    host: str, server: Server, other: Server, downloader: Downloader, path: Path
) -> None:
    port = other.address.rpartition(":")[2]
    server.files[PATH] = leads_to(f"http://{host}:{port}/latest/meta-data")
    with pytest.raises(RejectedFile, match=r"missing_file: leads to .* an address inside a network"):
        downloader.fetch(server.address + PATH, path, 9)
    assert other.requests == []


def test_a_name_that_changes_its_address_is_noticed_by_who_answers(
    server: Server, other: Server, downloader: Downloader, path: Path
) -> None:
    """The look-up said something else than the connection found: the bytes are not read."""
    answers = iter([True])
    downloader.accepts = lambda address: next(answers, False)
    server.files[PATH] = leads_to(f"{other.address}/bucket/file")
    other.files["/bucket/file"] = whole
    with pytest.raises(RejectedFile, match="inside a network"):
        downloader.fetch(server.address + PATH, path, len(BYTES))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/x", "gopher://example.com", "http:///x"])
def test_only_the_web_is_followed(url: str, server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = leads_to(url)
    with pytest.raises((RejectedFile, PassingError)):
        downloader.fetch(server.address + PATH, path, 9)
    assert not path.exists()


def test_plain_http_is_followed_only_where_the_source_itself_is(back_off: BackOff, path: Path, server: Server) -> None:
    downloader = Downloader(new_client(server), "https://source.example", "", back_off, accepts=lambda address: True)
    with pytest.raises(RejectedFile, match="not fetched from"):
        downloader._check_target(f"{server.address}/x")


def test_redirects_without_end_are_refused(server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = leads_to(PATH)
    with pytest.raises(RejectedFile, match="more than 5 redirects"):
        downloader.fetch(server.address + PATH, path, 9)


@pytest.mark.parametrize(
    "url", ["https://other.example/x", "http://127.0.0.1:1/x", "file:///etc/passwd", "", "http://[::1"]
)
def test_a_listing_names_files_of_its_own_server_only(
    url: str, server: Server, downloader: Downloader, path: Path
) -> None:
    with pytest.raises(RejectedFile, match="not the source's server"):
        downloader.fetch(url, path, 9)
    assert server.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_for_some_accounts_only_is_not_public(
    status: int, server: Server, downloader: Downloader, path: Path
) -> None:
    server.files[PATH] = lambda handler: handler.send(status, b'{"error": "No"}')
    with pytest.raises(RejectedFile, match="not_public"):
        downloader.fetch(server.address + PATH, path, 9)


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_file_that_is_gone_is_not_found(status: int, server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = lambda handler: handler.send(status, b'{"error": "No"}')
    with pytest.raises(NotFound):
        downloader.fetch(server.address + PATH, path, 9)


def test_a_file_that_the_server_refuses_otherwise_is_a_row(server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = lambda handler: handler.send(400, b'{"error": "No"}')
    with pytest.raises(RejectedFile, match=r"missing_file.*answers 400"):
        downloader.fetch(server.address + PATH, path, 9)


def test_one_file_that_the_server_breaks_on_is_a_row_and_several_are_an_outage(
    server: Server, downloader: Downloader, path: Path
) -> None:
    server.files[PATH] = lambda handler: handler.send(500, b"")
    server.files["/good"] = whole
    for _ in range(2):
        with pytest.raises(NotFound, match="answers 500"):
            downloader.fetch(server.address + PATH, path, 9)
    downloader.fetch(f"{server.address}/good", path, len(BYTES))
    for _ in range(2):
        with pytest.raises(NotFound):
            downloader.fetch(server.address + PATH, path, 9)
    with pytest.raises(PassingError):
        downloader.fetch(server.address + PATH, path, 9)


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_server_is_passing(status: int, server: Server, downloader: Downloader, path: Path) -> None:
    server.files[PATH] = lambda handler: handler.send(status, b"")
    with pytest.raises(PassingError):
        downloader.fetch(server.address + PATH, path, 9)
    assert len(server.requests) == 4
    assert not path.exists()


def test_a_server_that_drips_is_passing(
    server: Server, downloader: Downloader, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_GRACE_S", 0.0)
    monkeypatch.setattr(download, "MIN_BYTES_PER_S", 10**12)
    server.files[PATH] = whole
    with pytest.raises(PassingError, match=r"less than 10{12} bytes a second"):
        downloader.fetch(server.address + PATH, path, len(BYTES))


def test_a_server_that_is_not_there_is_passing(downloader: Downloader, path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        downloader.endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(PassingError, match="ConnectError"):
        downloader.fetch(f"{downloader.endpoint}/x", path, 9)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(("8.8.8.8", True), ("2606:4700::1111", True), ("192.168.1.1", False), ("172.16.0.1", False)),
        *(("100.64.0.1", False), ("::ffff:10.0.0.1", False), ("fc00::1", False), ("fe80::1%eth0", False)),
        *(("224.0.0.1", False), ("255.255.255.255", False)),
    ],
)
def test_which_addresses_lie_in_the_open(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_file_of_a_polled_page_is_fetched(server: Server, tmp_path: Path, path: Path, back_off: BackOff) -> None:
    server.models = [a_model(modelVersions=[a_version(files=[a_file(downloadUrl=server.address + PATH), a_file(32)])])]
    server.models[0]["modelVersions"][0]["files"][1]["downloadUrl"] = None
    server.files[PATH] = whole
    source = CivitaiApi(f"civitai:{server.address}", FolderStore(tmp_path / "store"), back_off)
    poll(source)
    first, second = source.listings(next(source.shards()).key)
    assert isinstance(first, Listing) and isinstance(second, Listing)
    source.fetch(first, path, len(BYTES))
    assert path.read_bytes() == BYTES
    with pytest.raises(NotFound, match="no downloadUrl"):
        source.fetch(second, path, len(BYTES))


def test_a_file_is_asked_for_again_when_access_to_it_changes(
    server: Server, tmp_path: Path, back_off: BackOff, monkeypatch: Any
) -> None:
    early = a_version(availability="EarlyAccess", earlyAccessEndsAt="2026-12-01T00:00:00Z")
    store = FolderStore(tmp_path / "store")

    def state(version: Any) -> str:
        server.models = [a_model(modelVersions=[version])]
        source = CivitaiApi(f"civitai:{server.address}", store, back_off)
        poll(source)
        *_, page = source.shards()
        (listing,) = source.listings(page.key)
        assert isinstance(listing, Listing)
        return source.fingerprint(listing)

    states = [state(early), state(a_version(availability="Public"))]
    assert states[1] == state(a_version(availability="Public", stats={"downloadCount": 1}))
    monkeypatch.setenv("CIVITAI_TOKEN", "x")
    states.append(state(a_version(availability="Public")))
    assert len(set(states)) == 3

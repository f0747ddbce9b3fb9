"""Download of one file that a live source lists: capped, resumed, and never from inside our own network.

The first request goes to the source's own server, with the token. Where that leads elsewhere (to a storage host, as a
rule) the token stays behind, and the address must be a public one: a redirect must not make us read what only machines
of our network may. Whether the bytes are a LoRA is judged later, by the bytes.

A web page in place of the file says nothing of the file, whatever its status: it is asked for again, then left to a
later night (`NoAnswer`). Where several files in a row got no answer, each further one is asked for once only.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from carlos_tasks.errors import NotFound, PermanentError, RejectedFile
from carlos_tasks.sources.back_off import BackOff, BusyServer, NoAnswer
from carlos_tasks.sources.web import Refused, check_status, connection_errors, is_web_page, no_answer, origin, place
from carlos_tasks.untrusted.reasons import Reason

MAX_HOPS = 5
MIN_BYTES_PER_S = 10_000
_GRACE_S = 60.0
_PROGRESS_BYTES = 8 * 2**20  # tries that bring this much do not count as failed
_BROKEN_IN_A_ROW = 3
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def is_public(address: str) -> bool:
    """Tell whether an IP address lies in the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


@dataclass
class _Part:
    """What has arrived of one file; `validator` is the ETag that a resumed answer must still have."""

    path: Path
    size: int = 0
    total: int | None = None
    validator: str = ""

    def restart(self) -> None:
        self.path.write_bytes(b"")
        self.size, self.total, self.validator = 0, None, ""


@dataclass
class Downloader:
    """Downloads the files of one source.

    Args:
        endpoint: the source's own server.
        token: its bearer token, or nothing.
        accepts: which addresses other servers may have.
    """

    client: httpx.Client
    endpoint: str
    token: str
    back_off: BackOff
    accepts: Callable[[str], bool] = is_public
    _n_broken: int = field(default=0, init=False)
    _n_unanswered: int = field(default=0, init=False)

    def fetch(self, url: str, path: Path, max_bytes: int) -> None:
        """Download a file; nothing is left at the path when that fails.

        Raises:
            NotFound: the source has no bytes for it, or its server breaks on this file alone.
            RejectedFile: it is too large, not public, or lies where nothing is fetched from.
            NoAnswer: something else answers in the source's place.
            PassingError: the source does not answer.
        """
        if origin(url) != origin(self.endpoint):
            raise RejectedFile(Reason.MISSING_FILE, f"listed at {place(url)}, which is not the source's server")
        part = _Part(path)
        part.restart()
        try:
            self._fetch_with_patience(url, part, max_bytes)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _fetch_with_patience(self, url: str, part: _Part, max_bytes: int) -> None:
        while True:
            before = part.size
            back_off = self.back_off if self._n_unanswered < _BROKEN_IN_A_ROW else replace(self.back_off, tries=1)
            try:
                back_off.call(partial(self._go_on, url, part, max_bytes))
            except NoAnswer:
                self._n_unanswered += 1
                raise
            except (NotFound, PermanentError):
                self._n_unanswered = 0  # that is an answer too
                raise
            except BusyServer as exc:
                if part.size - before >= _PROGRESS_BYTES:
                    continue
                # One file that its server breaks on is a row. Several in a row are an outage, which passes.
                self._n_broken += exc.status == httpx.codes.INTERNAL_SERVER_ERROR
                if exc.status != httpx.codes.INTERNAL_SERVER_ERROR or self._n_broken >= _BROKEN_IN_A_ROW:
                    raise
                raise NotFound(f"no bytes: {exc}") from exc
            self._n_broken = self._n_unanswered = 0
            return

    def _go_on(self, url: str, part: _Part, max_bytes: int) -> None:
        for _ in range(MAX_HOPS):
            is_own = origin(url) == origin(self.endpoint)
            if not is_own:
                self._check_target(url)
            headers = {"Accept-Encoding": "identity"}
            if is_own and self.token:
                headers["Authorization"] = f"Bearer {self.token}"
            if part.size:
                headers |= {"Range": f"bytes={part.size}-"} | ({"If-Range": part.validator} if part.validator else {})
            with connection_errors(url), self.client.stream("GET", url, headers=headers) as response:
                if not is_own:
                    self._check_peer(response)
                if not response.has_redirect_location:
                    return _receive(response, part, max_bytes, is_storage=not is_own)
                url = str(response.url.join(response.headers["Location"]))
                if urlsplit(url).path.endswith("/login"):  # Civitai's answer to who may not have the file
                    raise RejectedFile(Reason.NOT_PUBLIC, f"leads to {place(url)}, where accounts log in")
        raise RejectedFile(Reason.MISSING_FILE, f"more than {MAX_HOPS} redirects, the last to {place(url)}")

    def _check_target(self, url: str) -> None:
        scheme, host, port = origin(url)
        if scheme not in {"https", origin(self.endpoint)[0]} or not host:
            raise RejectedFile(Reason.MISSING_FILE, f"leads to {place(url)}, which is not fetched from")
        try:
            found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as exc:
            raise BusyServer(f"{place(url)}: its name cannot be looked up") from exc
        self._check_addresses(url, found)

    def _check_peer(self, response: httpx.Response) -> None:
        """Check who in fact answers: a name can change its address after it was looked up."""
        stream = response.extensions.get("network_stream")
        address = stream.get_extra_info("server_addr") if stream is not None else None
        if address and not getproxies().keys() - {"no"}:  # behind a proxy the peer is the proxy
            self._check_addresses(str(response.url), {str(address[0])})

    def _check_addresses(self, url: str, addresses: set[str]) -> None:
        if not all(self.accepts(address) for address in addresses):
            raise RejectedFile(Reason.MISSING_FILE, f"leads to {place(url)}, an address inside a network")


def _receive(response: httpx.Response, part: _Part, max_bytes: int, *, is_storage: bool) -> None:
    """Append what an answer holds to the part."""
    try:
        _fit_to(response, part, is_storage=is_storage)
    except Refused as exc:
        raise RejectedFile(Reason.NOT_PUBLIC, str(exc)) from exc
    except PermanentError as exc:
        raise RejectedFile(Reason.MISSING_FILE, str(exc)) from exc
    if part.total is not None and part.total > max_bytes:
        raise RejectedFile(Reason.FILE_TOO_LARGE, f"{part.total} bytes, at most {max_bytes} are taken in")
    started, arrived = time.monotonic(), 0
    with part.path.open("ab") as file:
        for block in response.iter_bytes():
            if part.size + len(block) > max_bytes:
                raise RejectedFile(Reason.FILE_TOO_LARGE, f"more than the {max_bytes} bytes that are taken in")
            file.write(block)
            part.size += len(block)
            arrived += len(block)
            spent = time.monotonic() - started
            if spent > _GRACE_S and arrived < spent * MIN_BYTES_PER_S:
                raise BusyServer(f"{place(str(response.url))} sends less than {MIN_BYTES_PER_S} bytes a second")


def _fit_to(response: httpx.Response, part: _Part, *, is_storage: bool) -> None:
    """Check an answer against what has arrived; begin anew where the two do not fit together."""
    where = place(str(response.url))
    if response.is_success and is_web_page(response.headers):
        raise no_answer(where, response.status_code, response.headers)
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match and int(match[1]) == part.size and match[2] in {"*", str(part.total)}:
            return
        part.restart()
        raise BusyServer(f"{where} answers with another part than was asked for")
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and part.size:
        part.restart()
        raise BusyServer(f"{where} has fewer bytes than it sent before")
    check_status(response, is_storage=is_storage)
    part.restart()
    is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
    length = response.headers.get("Content-Length", "")
    part.total = int(length) if is_plain and length.isdecimal() and len(length) < 20 else None
    etag = response.headers.get("ETag", "")
    part.validator = "" if etag.startswith("W/") else etag

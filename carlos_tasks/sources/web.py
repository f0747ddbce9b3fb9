"""Requests to the servers that live sources are polled from: patient with what passes, and careful with tokens.

What a busy or broken server answers (429, 5xx, a dropped connection, a web page or half a document in place of JSON)
is asked for again, after a wait that grows and is never the same for two clients. A token travels in a header, to the
source's own server alone: an answer that leads elsewhere is not followed here (`download` follows, without it).
"""

import json
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from carlos_tasks.errors import NotFound, PermanentError, SettingsError
from carlos_tasks.sources.back_off import BusyServer, retry_after_s
from carlos_tasks.version import __version__

MAX_ANSWER_BYTES = 64 * 2**20
_BLOCK = 2**16
_PORTS = {"https": 443, "http": 80}
MAX_ANSWER_S = 300.0
_PASSING_STATUS = frozenset({408, 425, 429})
_GONE = frozenset({404, 410, 451})


class Refused(SettingsError):
    """401 or 403: a token is missing, wrong, or has no right to this one thing."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def get_json(client: httpx.Client, url: str, params: Any, headers: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """Ask once for a JSON object; returns it parsed and as it came.

    Raises:
        BusyServer: no answer, an error that may pass, or no JSON object.
        NotFound: it is not there, or not any more.
        Refused: 401 or 403.
        PermanentError: another refusal, or an answer that leads elsewhere.
    """
    with connection_errors(url), client.stream("GET", url, params=params, headers=headers) as response:
        check_status(response)
        raw, give_up = bytearray(), time.monotonic() + MAX_ANSWER_S
        for block in response.iter_bytes(_BLOCK):
            raw += block
            if time.monotonic() > give_up:
                raise BusyServer(f"{place(url)} takes more than {MAX_ANSWER_S:.0f} s for one answer")
            if len(raw) > MAX_ANSWER_BYTES:
                raise PermanentError(f"{place(url)} answers with more than {MAX_ANSWER_BYTES} bytes")
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BusyServer(f"{place(url)} answers with something that is not JSON ({len(raw)} bytes)") from exc
    if not isinstance(parsed, dict):
        raise BusyServer(f"{place(url)} answers with JSON that is no object")
    return parsed, bytes(raw)


def check_status(response: httpx.Response) -> None:
    """Raise what `get_json` says for a status that is no success."""
    status, where = response.status_code, place(str(response.url))
    if response.is_success:
        return
    if status in _PASSING_STATUS or status >= 500:
        raise BusyServer(f"{where} answers {status}", retry_after_s(response.headers.get("Retry-After")), status)
    if status in _GONE:
        raise NotFound(f"{where} answers {status}")
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise Refused(f"{where} answers {status}: a token is missing, or has no right to this", status)
    if response.is_redirect:
        target = place(response.headers.get("Location", ""))
        raise PermanentError(f"{where} leads to {target}: name that host in the source's URI if it is the right one")
    raise PermanentError(f"{where} answers {status}")


@contextmanager
def connection_errors(url: str) -> Iterator[None]:
    """Turn the errors of a connection into BusyServer; the message names no query, where secrets could stand."""
    try:
        yield
    except httpx.InvalidURL as exc:
        raise PermanentError(f"{place(url)}: {exc}") from exc
    except (httpx.HTTPError, ssl.SSLError) as exc:
        raise BusyServer(f"{place(url)}: {type(exc).__name__}") from exc


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL; the host is empty where the URL names none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme.lower(), (parts.hostname or "").lower(), port


def place(url: str) -> str:
    """Return a URL as it may be logged: without user, query and fragment."""
    scheme, host, port = origin(url)
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    shown = host if port in {443, 80, 0} else f"{host}:{port}"
    return "".join(c if c.isprintable() else "?" for c in f"{scheme}://{shown}{path}"[:200])


def checked_endpoint(source_uri: str) -> str:
    """Return the server that a source's URI names, `https://host[:port]`.

    Raises:
        SettingsError: it names none, or holds a user or password, which would be logged.
    """
    where = source_uri.partition(":")[2]
    scheme, host, port = origin(where)
    parts = urlsplit(where)
    if scheme not in {"https", "http"} or not host or "@" in parts.netloc or parts.path.strip("/") or parts.fragment:
        raise SettingsError(f"{place(where)!r} names no server: write {source_uri.partition(':')[0]}:https://host")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == _PORTS[scheme] else f"{scheme}://{shown}:{port}"


def new_client(owner: object) -> httpx.Client:
    """Make a client that says who it is, follows nothing by itself, and is closed with its owner."""
    client = httpx.Client(
        headers={"User-Agent": f"carlos-platform/{__version__}"},
        timeout=httpx.Timeout(60.0, connect=15.0),
        follow_redirects=False,
    )
    weakref.finalize(owner, client.close)
    return client

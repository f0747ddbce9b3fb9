"""Requests to the servers that live sources are polled from: patient with what passes, and careful with tokens.

What a busy or broken server answers (429, 5xx, a dropped connection, a web page or half a document in place of JSON)
is asked for again, after a wait that grows and is never the same for two clients. A refusal counts where it comes in
the API's own words (`own_words`): what stands in front of a source answers 403 and 404 too. A token travels in a
header, to the source's own server alone: an answer that leads elsewhere is not followed here (`download` follows,
without it).
"""

import json
import re
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from carlos_tasks.errors import CarlosError, NotFound, PermanentError, SettingsError
from carlos_tasks.sources.back_off import BusyServer, NoAnswer, retry_after_s
from carlos_tasks.untrusted.text import clean_line
from carlos_tasks.version import __version__

MAX_ANSWER_BYTES = 64 * 2**20
_BLOCK = 2**16
_PORTS = {"https": 443, "http": 80}
MAX_ANSWER_S = 300.0
_PASSING_STATUS = frozenset({408, 425, 429})
_GONE = frozenset({404, 410, 451})
_MAX_ERROR_BYTES = 2**16
_MAX_ERROR_S = 30.0
_NO_SUCH_OBJECT = re.compile(rb"<Code>NoSuch(?:Key|Version)</Code>")


class Refused(SettingsError):
    """401 or 403: a token is missing, wrong, or has no right to this one thing."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def get_json(client: httpx.Client, url: str, params: Any, headers: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """Ask once for a JSON object; returns it parsed and as it came.

    Raises:
        BusyServer: no answer, or an error that may pass. NoAnswer: none of the API's own, whatever its status.
        NotFound: the API says that it is not there, or not any more.
        Refused: the API says 401 or 403.
        PermanentError: the API refuses otherwise, or the answer leads elsewhere.
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
        raise NoAnswer(f"{place(url)} answers with something that is not JSON ({len(raw)} bytes)") from exc
    if not isinstance(parsed, dict):
        raise NoAnswer(f"{place(url)} answers with JSON that is no object")
    return parsed, bytes(raw)


def check_status(response: httpx.Response, *, is_storage: bool = False) -> None:
    """Raise what `get_json` says for a status that is no success; reads the beginning of such an answer.

    Args:
        is_storage: a storage host answers, whose own words are those of S3.
    """
    status, where = response.status_code, place(str(response.url))
    if response.is_success:
        return
    if response.is_redirect:
        target = place(response.headers.get("Location", ""))
        raise PermanentError(f"{where} leads to {target}: name that host in the source's URI if it is the right one")
    body = _beginning(response)
    words = own_words(response.headers, body)
    if is_storage and _NO_SUCH_OBJECT.search(body):
        words = "there is no such object"
    raise error_of(where, status, words, response.headers)


def error_of(where: str, status: int, words: str | None, headers: Mapping[str, str]) -> CarlosError:
    """Return the error that a status stands for, where these are the API's own words (None: it said nothing)."""
    is_passing = status in _PASSING_STATUS or status >= 500
    if is_passing and not is_web_page(headers):
        return BusyServer(f"{where} answers {status}", retry_after_s(headers.get("Retry-After")), status)
    if is_passing or words is None:
        return no_answer(where, status, headers)
    said = f"{where} answers {status} ({words})"
    if status in _GONE:
        return NotFound(said)
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return Refused(f"{said}: a token is missing, or has no right to this", status)
    return PermanentError(said)


def own_words(headers: Mapping[str, str], body: bytes) -> str | None:
    """Return what an API says in an error, on one line; None where the answer is not its own.

    Civitai answers `{"error": "No model with id 1"}`, the Hub names the error in a header. Web pages are not theirs,
    nor is the JSON of gateways, which have a `message` or `errors` alone.
    """
    if "cf-mitigated" in headers:  # Cloudflare's mark of an answer in the place of the site's
        return None
    if code := headers.get("X-Error-Code") or headers.get("X-Error-Message"):
        return clean_line(code) or None
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = parsed.get("error") if isinstance(parsed, dict) else None
    error = error.get("message") if isinstance(error, dict) else error
    return clean_line(error) or None if isinstance(error, str) else None


def is_web_page(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer says that it is a page for a browser."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in {"text/html", "application/xhtml+xml"}


def no_answer(where: str, status: int, headers: Mapping[str, str]) -> NoAnswer:
    """Return the error for an answer that is not the source's own."""
    what = "a web page, as a challenge or a proxy does" if is_web_page(headers) else "something that is not its API's"
    return NoAnswer(f"{where} answers {status} with {what}", retry_after_s(headers.get("Retry-After")), status)


def _beginning(response: httpx.Response) -> bytes:
    """Read so much of an error as its words can take."""
    body, give_up = bytearray(), time.monotonic() + _MAX_ERROR_S
    for block in response.iter_bytes(_BLOCK):
        body += block
        if len(body) > _MAX_ERROR_BYTES or time.monotonic() > give_up:
            break
    return bytes(body)


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

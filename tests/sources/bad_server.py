"""A server that speaks Civitai's API and misbehaves on purpose: real HTTP on loopback, faults in the order given."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# What a protection in front of a site answers until a browser has solved its riddle.
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable cookies</body></html>"


class Server:
    """What the server holds, what it does wrong, and what it was asked.

    `faults` are used up one per request to the API; `None` in it answers well. `files` maps a path to what answers it.
    """

    def __init__(self, page_size: int = 2) -> None:
        self.page_size = page_size
        self.models: list[Any] = []
        self.hidden: set[int] = set()  # left out of the listing, found by id
        self.faults: list[str | None] = []
        self.odd_pages: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}  # by offset
        self.files: dict[str, Callable[[Handler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.address = ""

    @property
    def paths(self) -> list[str]:
        """Paths and queries in the order of the requests."""
        return [path for path, _ in self.requests]

    def asked(self, start: str) -> int:
        """How many requests had a path that starts so."""
        return sum(path.startswith(start) for path in self.paths)

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        """The well-behaved answer; None is a 404."""
        if path == "/api/v1/models":
            listed = [
                model for model in self.models if not (isinstance(model, dict) and model.get("id") in self.hidden)
            ]
            start = int(query["cursor"][0].partition("|")[2]) if "cursor" in query else 0
            end = start + self.page_size
            metadata = {"nextCursor": f"{end * 7}|{end}"} if end < len(listed) else {}
            page = {"items": listed[start:end], "metadata": metadata}
            return self.odd_pages[start](page) if start in self.odd_pages else page
        model_id = int(path.rpartition("/")[2])
        return next((model for model in self.models if model.get("id") == model_id), None)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:
        self.state.requests.append((self.path, dict(self.headers)))
        parts = urlsplit(self.path)
        if parts.path in self.state.files:
            self.state.files[parts.path](self)
            return
        fault = self.state.faults.pop(0) if self.state.faults else None
        answer = self.state.answer(parts.path, parse_qs(parts.query))
        body = json.dumps(answer).encode()
        if fault is not None:
            self.misbehave(fault, body)
        elif answer is None:
            self.send(404, b'{"error": "No model with this id"}')
        else:
            self.send(200, body)

    def misbehave(self, fault: str, body: bytes) -> None:
        """Answer wrongly in one of the ways that servers have.

        "challenge", "page 404", "gateway 404" are answers of what stands in front of the server; "words 404 No model"
        is one of its own.
        """
        if fault == "drop":
            self.close_connection = True
        elif fault == "cut":
            self.send(200, body[: len(body) // 2], length=len(body))
        elif fault == "half":
            self.send(200, body[: len(body) // 2])
        elif fault == "html":
            self.send(200, b"<html>Checking your browser</html>", kind="text/html")
        elif fault == "list":
            self.send(200, b"[]")
        elif fault == "no items":
            self.send(200, b'{"items": null}')
        elif fault == "garbled":
            self.send(200, b"\x1f\x8b not gzip", headers={"Content-Encoding": "gzip"})
        elif fault == "challenge":
            self.send(403, CHALLENGE, kind="text/html; charset=UTF-8", headers={"cf-mitigated": "challenge"})
        elif fault.startswith("page "):
            self.send(int(fault.removeprefix("page ")), CHALLENGE, kind="text/html")
        elif fault.startswith("gateway "):
            self.send(int(fault.removeprefix("gateway ")), b'{"message": "no Route matched with those values"}')
        elif fault.startswith("words "):
            status, _, words = fault.removeprefix("words ").partition(" ")
            self.send(int(status), json.dumps({"error": words or "No"}).encode())
        else:
            status, _, wait = fault.partition(" ")
            self.send(int(status), b"busy", headers={"Retry-After": wait} if wait else {})

    def send(
        self, status: int, body: bytes, *, kind: str = "application/json", length: int | None = None, headers: Any = ()
    ) -> None:
        """Send an answer; with a length that is not that of the body, close the connection after it."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = self.close_connection or length is not None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up."""


@contextmanager
def serving(state: Any, handler: type[BaseHTTPRequestHandler] = Handler, host: str = "127.0.0.1") -> Iterator[Any]:
    """Run a server over this state until the block ends; `state.address` is where it listens."""
    server = _QuietServer((host, 0), type("Bound", (handler,), {"state": state}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://{host}:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

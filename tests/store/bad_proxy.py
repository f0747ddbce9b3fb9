"""A proxy in front of a real S3 server that breaks answers on purpose: real sockets, one fault a request."""

import contextlib
import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer

#: How late a late answer is.
LATE_S = 0.1
_RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN
_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>a fault made by a test</Message></Error>'
)
_STATUSES = {
    "403": b"AccessDenied",
    "404": b"NoSuchKey",
    "429": b"SlowDown",
    "500": b"InternalError",
    "502": b"BadGateway",
    "503": b"SlowDown",
    "504": b"GatewayTimeout",
}

#: Every fault of the way, or of a server that has trouble: a retry may help.
PASSING = (
    "reset",
    "reset in header",
    "reset in body",
    "nothing",
    "cut",
    "stall",
    "stall in body",
    "garbage",
    "429",
    "500",
    "502",
    "503",
    "504",
)


@dataclass
class Faults:
    """What goes wrong, and with which requests.

    Args:
        kind: one of `PASSING`, "403", "404", "redirect", "wrong xml", "slow" or "" (all is well).
        method, path: patterns of the requests that it befalls.
        count: with so many of them; None: with all.
        chance: draws whether it befalls one of them; None: it always does.
    """

    kind: str = ""
    method: str = ".*"
    path: str = ".*"
    count: int | None = None
    chance: Callable[[], bool] | None = None
    seen: list[str] = field(default_factory=list)

    def takes(self, method: str, path: str) -> bool:
        """Tell whether this request is one of them, and count it."""
        if not self.kind or not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        if self.chance is not None and not self.chance():
            return False
        if self.count is not None:
            if self.count == 0:
                return False
            self.count -= 1
        self.seen.append(f"{method} {path}")
        return True


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    faults: Faults
    upstream: int
    is_closing: threading.Event

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up."""


class _Handler(StreamRequestHandler):
    """One connection, one request: the answer ends it."""

    server: _Server

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline(65537)
            if not line:
                return
            head += line
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        if headers.get("expect") == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(headers.get("content-length", 0)))
        kept = [line for line in lines[:-2] if not line.lower().startswith(("connection:", "expect:"))]
        request = "\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1") + body
        if not self.server.faults.takes(method, path):
            self.wfile.write(self._answer(request))
            return
        self._misbehave(self.server.faults.kind, method, request)

    def _answer(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream:
            upstream.sendall(request)
            parts = []
            while part := upstream.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def _misbehave(self, kind: str, method: str, request: bytes) -> None:
        if kind in _STATUSES:
            body = b"" if method == "HEAD" else _ERROR % _STATUSES[kind]
            reason = http.client.responses[int(kind)].encode()
            self._send(int(kind), reason, b"Content-Type: application/xml\r\n", body)
        elif kind == "redirect":
            path = request.split(b" ", 2)[1]
            self._send(307, b"Temporary Redirect", b"Location: " + path + b"\r\n", b"")
        elif kind == "wrong xml":
            self._send(200, b"OK", b"Content-Type: application/xml\r\n", b"<?xml version='1.0'?><ListBucket<<Result")
        elif kind == "garbage":
            self.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        elif kind == "nothing":
            self._end()
        elif kind == "reset":
            self._reset()
        elif kind == "reset in header":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            self._reset()
        elif kind == "stall":
            self.server.is_closing.wait()
        elif kind == "late":
            time.sleep(LATE_S)
            self.wfile.write(self._answer(request))
        elif kind == "slow":
            self._drip(self._answer(request))
        else:
            self._break_in_body(kind, self._answer(request))

    def _drip(self, answer: bytes) -> None:
        """A tenth of the answer each half second: longer than anybody waits for a byte in the tests."""
        step = len(answer) // 10 + 1
        for start in range(0, len(answer), step):
            self.wfile.write(answer[start : start + step])
            self.wfile.flush()
            self.server.is_closing.wait(0.5)

    def _break_in_body(self, kind: str, answer: bytes) -> None:
        head, gap, body = answer.partition(b"\r\n\r\n")
        if len(body) < 2:  # nothing to break: it promises a body that does not come
            head, body = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>100", head), b"12345678"
        self.wfile.write(head + gap + body[: len(body) // 2])
        self.wfile.flush()
        if kind == "reset in body":
            self._reset()
        elif kind == "stall in body":
            self.server.is_closing.wait()
        else:
            assert kind == "cut", kind
            self._end()

    def _send(self, status: int, reason: bytes, headers: bytes, body: bytes) -> None:
        self.wfile.write(
            b"HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (status, reason, headers, len(body), body)
        )

    def _end(self) -> None:
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()


@dataclass
class Proxy:
    """A running proxy: where it listens, and what it does wrong."""

    port: int
    faults: Faults
    _set: Callable[[Faults], None]

    @property
    def endpoint(self) -> str:
        """URL of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def broken(self, kind: str, **which: object) -> Iterator[Faults]:
        """Let this go wrong until the block ends."""
        faults = Faults(kind, **which)  # type: ignore[arg-type]
        self._set(faults)
        try:
            yield faults
        finally:
            self._set(Faults())


@contextmanager
def proxy_before(port: int) -> Iterator[Proxy]:
    """Run a proxy before the server on this port of loopback until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.upstream, server.faults, server.is_closing = port, Faults(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def put(faults: Faults) -> None:
        server.faults = faults
        # What stalls lets go: the next block is not to wait for it.
        server.is_closing.set()
        server.is_closing = threading.Event()

    try:
        yield Proxy(server.server_address[1], server.faults, put)
    finally:
        server.is_closing.set()
        server.shutdown()
        thread.join()
        server.server_close()

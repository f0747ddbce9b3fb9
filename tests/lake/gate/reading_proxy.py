"""An S3 server for an analyst: what is below some prefixes of a bucket may be read, and nothing else is allowed."""

import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@contextmanager
def reading_proxy(port: int, bucket: str, prefixes: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Stand before the server on this port of loopback; yields the endpoint, and what was denied as it comes in."""
    denied: list[str] = []
    readable = tuple(f"/{bucket}/{prefix}" for prefix in prefixes)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            if self.command not in {"GET", "HEAD"} or not path.startswith(readable):
                denied.append(f"{self.command} {self.path}")
                self.send_response(403)
                self.send_header("Content-Length", str(len(_DENIED)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(_DENIED)
                return
            upstream = http.client.HTTPConnection("127.0.0.1", port)
            upstream.request(self.command, self.path, body or None, dict(self.headers))  # the signature names the host
            response = upstream.getresponse()
            content = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            upstream.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", denied
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

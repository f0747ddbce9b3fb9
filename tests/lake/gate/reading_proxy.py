"""An S3 server for an analyst: some prefixes of a bucket may be read, some listed, and nothing else is allowed."""

import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@contextmanager
def reading_proxy(
    port: int, bucket: str, prefixes: Sequence[str], listed: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Stand before the server on this port of loopback; yields the endpoint, and what was denied as it comes in."""
    denied: list[str] = []
    readable = tuple(f"/{bucket}/{prefix}" for prefix in prefixes)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = urlsplit(self.path)
            path, query = unquote(asked.path), parse_qs(asked.query)
            is_listing = path.rstrip("/") == f"/{bucket}" and "list-type" in query
            is_allowed = query["prefix"][0].startswith(tuple(listed)) if is_listing else path.startswith(readable)
            if self.command not in {"GET", "HEAD"} or not is_allowed:
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
            if response.getheader("Content-Length") is None:  # it came in parts
                self.send_header("Content-Length", str(len(content)))
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

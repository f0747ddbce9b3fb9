"""A time-stamping authority on loopback, made with openssl, that can be down, slow, or wrong."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[tsa_cert]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """Answers queries as `how` says: granted, another hash, garbage, refused, slow or trickling."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed: no local time-stamping authority")
        self.folder, self.how, self.asked = folder, "granted", 0
        self.url = ""
        self._make()

    @property
    def root(self) -> Path:
        """The certificate that its own comes from."""
        return self.folder / "root.pem"

    def answer(self, query: bytes) -> bytes:
        """A stamp of what was asked, or of something else."""
        (self.folder / "query.tsq").write_bytes(query)
        if self.how == "another hash":
            (self.folder / "other").write_bytes(b"something else")
            self._run("ts", "-query", "-data", "other", "-sha256", "-cert", "-out", "query.tsq")
        self._run(
            *("ts", "-reply", "-queryfile", "query.tsq", "-signer", "tsa.pem", "-inkey", "tsa.key"),
            *("-config", "tsa.cnf", "-out", "answer.tsr"),
        )
        return (self.folder / "answer.tsr").read_bytes()

    def _make(self) -> None:
        (self.folder / "serial").write_text("01\n")
        for name in ("root", "tsa"):
            (self.folder / f"{name}.cnf").write_text(_CONFIG.format(name=name, folder=self.folder))
        new = ("-newkey", "rsa:2048", "-nodes", "-sha256")
        self._run(
            *("req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem", "-days", "30"),
            *("-config", "root.cnf", "-extensions", "ca"),
        )
        self._run("req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-config", "tsa.cnf")
        self._run(
            *("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-sha256"),
            *("-out", "tsa.pem", "-days", "30", "-extfile", "tsa.cnf", "-extensions", "tsa_cert"),
        )

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@contextmanager
def serving(authority: Authority) -> Iterator[Authority]:
    """Let it answer on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.asked += 1
            query = self.rfile.read(int(self.headers["Content-Length"]))
            if authority.how == "down":
                self.send_error(503)
                return
            if authority.how == "slow":
                time.sleep(1.5)
            body = b"<html>login</html>" if authority.how in ("garbage", "slow") else authority.answer(query)
            self.send_response(200)
            self.end_headers()
            for start in range(0, len(body), 20 if authority.how == "trickling" else len(body)):
                try:
                    self.wfile.write(body[start : start + (20 if authority.how == "trickling" else len(body))])
                    self.wfile.flush()
                except OSError:
                    return
                if authority.how == "trickling":
                    time.sleep(0.2)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

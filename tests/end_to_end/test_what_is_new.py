"""What is to be read, over a few nights: a pause, a queue, a source that fails, and rules that change and change back.

One story, in one fixture, so that its runs are few; the tests look at its nights.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from carlos_tasks.intake.partitions import partition_of
from carlos_tasks.stack.follow import follow, follow_to_success
from carlos_tasks.stack.stack import publish
from tests.end_to_end.conftest import SOURCE, Stack
from tests.end_to_end.waiting import announce, discover

pytestmark = pytest.mark.end_to_end

NEW = "models/00003.json"
UNREADABLE = partition_of("hub:https://127.0.0.1", "page")  # its URI does not say what to list
REFUSED = "select shard_key, count(*) as n from raw.rejection where reason = 'base_model_not_indexed' group by all"
TAKEN_IN = """
    select name, n_listings
    from mart.lora
    where lora_id in (select lora_id from raw.listing where shard_key = 'models/00003.json')
"""
FAILING = "select n_failing_shards, failing_since, failing_reason from mart.index_health"


def write_reupload(dump: Path, folder: Path) -> None:
    """A dump of one shard: a LoRA that is indexed, listed as another model, so that nothing is to be measured."""
    (folder / "models").mkdir()
    (folder / "files").mkdir()
    models = json.loads((dump / "models" / "00001.json").read_text())["items"]
    [model] = [model for model in models if model["name"] == "Chessboard Pattern"]
    model["id"] += 500_000
    for version in model["modelVersions"]:
        version["id"] += 500_000
        for file in version["files"]:
            shutil.copy(dump / "files" / str(file["id"]), folder / "files" / str(file["id"] + 500_000))
            file["id"] += 500_000
    (folder / NEW).write_text(json.dumps({"items": [model], "metadata": {}}))


@contextmanager
def another_backbone(profile_file: Path) -> Iterator[None]:
    """The deployment takes in LoRAs of another backbone meanwhile."""
    before = profile_file.read_text()
    profile = json.loads(before)
    profile["identity"]["backbone"]["base_model"] = "sdxl"
    profile_file.write_text(json.dumps(profile))
    try:
        yield
    finally:
        profile_file.write_text(before)


@pytest.fixture(scope="session")
def nights(
    stack: Stack,
    first_night: dict[str, Any],
    profile_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    console: Console,
) -> dict[str, Any]:
    """What each night announced, and what the lake said after it."""
    told: dict[str, Any] = {}
    dump = tmp_path_factory.mktemp("reupload")
    write_reupload(stack.dumps["models/00001.json"], dump)
    known = [shard["shard_key"] for shard in stack.sql("select distinct shard_key from raw.shard")]

    stack.api.pause("index_loras")
    publish(dump, stack.state)
    _, told["paused"] = announce(stack, console)
    told["dropped"] = [run for run in stack.api.runs("index_loras") if run["partition_key"] == f"{SOURCE}!{NEW}"]

    by_hand = stack.api.trigger("index_loras", partition_key=UNREADABLE)
    queued, told["queued"] = announce(stack, console)
    told["queue_log"] = stack.api.log("discover_loras", queued, "announce_shards", map_index=0)
    stack.api.unpause("index_loras")
    [told["unreadable"]] = follow(stack.api, "index_loras", [by_hand], console)
    [told["failing"]] = stack.sql(FAILING)

    with another_backbone(profile_file):
        _, runs = discover(stack, console)
        follow_to_success(stack.api, "index_loras", runs, console)
        told["other rules"] = {stack.api.run("index_loras", run)["partition_key"] for run in runs}
        told["refused"] = {row["shard_key"]: row["n"] for row in stack.sql(REFUSED)}
    _, runs = discover(stack, console)
    follow_to_success(stack.api, "index_loras", runs, console)
    told["old rules"] = [stack.api.run("index_loras", run)["partition_key"] for run in runs]
    return told | {"known": known}


def test_what_is_announced_while_the_index_is_paused_is_dropped(nights: dict[str, Any]) -> None:
    assert (nights["paused"], nights["dropped"]) == (1, [])


def test_while_a_run_waits_in_the_queue_nothing_is_announced_and_it_says_so(nights: dict[str, Any]) -> None:
    assert nights["queued"] == 0
    assert f"1 shards of {SOURCE} are unread, 1 runs of index_loras wait" in nights["queue_log"]


def test_a_shard_that_cannot_be_read_shows_with_its_reason_and_since_when(nights: dict[str, Any]) -> None:
    assert nights["unreadable"]["state"] == "failed"
    failing = nights["failing"]
    assert failing["n_failing_shards"] == 1
    assert failing["failing_reason"].startswith(f"{UNREADABLE}: ")
    assert failing["failing_since"] is not None


def test_other_rules_read_every_shard_again_and_the_dropped_one_too(nights: dict[str, Any]) -> None:
    shards = {*nights["known"], NEW}
    assert nights["other rules"] == {f"{SOURCE}!{shard}" for shard in shards}
    assert set(nights["refused"]) == shards


def test_what_was_refused_under_other_rules_is_taken_in(stack: Stack, nights: dict[str, Any]) -> None:
    """Nobody has to ask for it; and what was read under the old rules before is not read once more."""
    assert nights["old rules"] == [f"{SOURCE}!{NEW}"]
    [lora] = stack.sql(TAKEN_IN)
    assert (lora["name"], lora["n_listings"]) == ("Chessboard Pattern", 2)

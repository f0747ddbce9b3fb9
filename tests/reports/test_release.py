"""Who approved a report, and of which bytes."""

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.moderation.approval import Approval
from carlos_tasks.reports.bundles.release import release_report
from carlos_tasks.store import open_store

ANSWER = {
    "chosen_options": ["Approve"],
    "responded_at": datetime(2026, 11, 2, 9, 30, tzinfo=UTC),
    "responded_by_user": {"id": "7", "name": "ana"},
}
DRAFTED = ("r/", hashlib.sha256(b"{}").hexdigest())


def test_a_release_names_the_person_and_the_bytes(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write("r/manifest.json", b"{}")
    released = release_report(store, *DRAFTED, Approval.of(ANSWER))
    assert asdict(released) == {
        "manifest_sha256": hashlib.sha256(b"{}").hexdigest(),
        "approved_by": "ana",
        "approved_at": "2026-11-02T09:30:00+00:00",
    }
    assert json.loads(store.read("r/release.json")) == asdict(released)
    assert store.read("r/manifest.json") == b"{}"


def test_a_report_that_is_not_whole_is_not_released(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with pytest.raises(NotFound):
        release_report(store, *DRAFTED, Approval.of(ANSWER))
    assert list(store.list()) == []


def test_a_draft_that_took_the_place_of_what_was_approved_is_not_released(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write("r/manifest.json", b"{ }")
    with pytest.raises(PermanentError, match="the newer draft needs its own approval"):
        release_report(store, *DRAFTED, Approval.of(ANSWER))
    assert not store.exists("r/release.json")


def test_nobody_releases_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write("r/manifest.json", b"{}")
    with pytest.raises(PermanentError, match="names nobody"):
        release_report(store, *DRAFTED, Approval.of(ANSWER | {"responded_by_user": None}))

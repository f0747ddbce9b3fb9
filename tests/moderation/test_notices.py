"""Complaints: when they are due, and what stands on record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import carlos_tasks
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.statements import rows
from carlos_tasks.moderation.drafts import NoticeDraft
from carlos_tasks.moderation.notices import add_notice, due_at
from tests.moderation.cases_in_lake import OTHER, STAR, make_lake

TESTED_SQL = {"add_notices"}
AT = datetime(2026, 1, 1, 10, tzinfo=UTC)


def notice(category: str = "other", **fields: Any) -> NoticeDraft:
    return NoticeDraft(OTHER, category, "user", "desk", received_at=AT, **fields)


@pytest.mark.parametrize(
    ("category", "due_hours", "expected"),
    [("ncii", None, 48), ("ncii", 24.0, 24), ("ncii", 72.0, 48), ("other", 24.0, 24), ("other", None, None)],
)
def test_it_is_due_by_what_it_complains_of(category: str, due_hours: float | None, expected: int | None) -> None:
    assert due_at(notice(category), due_hours) == (None if expected is None else AT + timedelta(hours=expected))


def test_a_complaint_is_kept_whole_and_opens_a_case(tmp_path: Path) -> None:
    place = make_lake(tmp_path)
    row = add_notice(place, notice("ncii", sender="Jane", text="=this is <me>", concept="star"))
    assert (row["lora_id"], row["sender"], row["text"], row["concept_id"]) == (OTHER, "Jane", "=this is <me>", "star")
    assert row["received_at"] == AT and row["due_at"] == AT + timedelta(hours=24)
    with carlos_tasks.connect(place) as con:
        cases = rows(con, "select lora_id, due_at, n_notices from mart.moderation_queue")
    # The complaint is graver than the LoRA that overrides the prompt.
    assert cases == [
        {"lora_id": OTHER, "due_at": AT + timedelta(hours=24), "n_notices": 1},
        {"lora_id": STAR, "due_at": None, "n_notices": 0},
    ]


def test_what_it_is_about_must_be_known(tmp_path: Path) -> None:
    place = make_lake(tmp_path)
    with pytest.raises(NotFound, match="the lake knows no LoRA 'f'"):
        add_notice(place, NoticeDraft("f", "other", "user", "desk"))
    with pytest.raises(CarlosError, match="no policy in force has the concept 'x'"):
        add_notice(place, notice(concept="x"))
    with carlos_tasks.connect(place) as con:
        assert rows(con, "from core.notice") == []

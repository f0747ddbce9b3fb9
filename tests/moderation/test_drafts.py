"""Drafts that can never be right are refused with one line that says what to write."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.moderation.drafts import DecisionDraft, NoticeDraft
from carlos_tasks.moderation.vocabulary import ACTIONS

GOOD: dict[str, Any] = {
    "lora_id": "a",
    "action": "takedown",
    "analyst": "ana",
    "reasons": "Why.",
    "ground": "illegal_content",
    "ground_reference": "Act 1",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": "delete"}, "there is no action 'delete': choose of takedown, restrict"),
        ({"analyst": " "}, "who decides"),
        ({"analyst": "\u200b\u2060"}, "who decides"),
        ({"reasons": "\u200b…"}, "takedown needs reasons"),
        ({"reasons": None}, "takedown needs reasons"),
        ({"reasons": " \n"}, "takedown needs reasons"),
        ({"reasons": "x" * 5001}, "reasons has 5001 characters: at most 5000"),
        ({"reasons": "bell \a"}, "reasons holds a control character"),
        ({"reasons": "half \ud800"}, "reasons holds a control character"),
        ({"analyst": "nul \0"}, "analyst holds a control character"),
        (
            {"reasons": "safe\u202egnp.exe"},
            r"reasons holds U\+202E RIGHT-TO-LEFT OVERRIDE, character 5, which nobody sees",
        ),
        ({"ground_reference": "Act\u200b 1"}, r"ground_reference holds U\+200B ZERO WIDTH SPACE"),
        ({"analyst": "an\u2060a"}, r"analyst holds U\+2060 WORD JOINER"),
        (
            {"action": "assign", "ground": None, "ground_reference": None, "assignee": "b\ufeffen"},
            r"assignee holds U\+FEFF",
        ),
        ({"ground": None}, "needs a ground: illegal_content or incompatible_content"),
        ({"ground": "taste"}, "there is no ground 'taste'"),
        ({"ground_reference": None}, "needs a reference, the law or the clause"),
        ({"ground_reference": "x" * 501}, "ground_reference has 501 characters"),
        ({"category": "VIOLENCE"}, "there is no category 'VIOLENCE'.*STATEMENT_CATEGORY_VIOLENCE"),
        ({"assignee": "ben"}, "assign needs an assignee, and nothing else takes one"),
        ({"refers_to": "d1"}, "takedown refers to nothing"),
        ({"evidence": ("",)}, "names no evidence"),
        ({"evidence": ("a\nb",)}, "names no evidence"),
        ({"evidence": ("x",) * 1001}, "1001 pieces of evidence"),
        ({"action": "no_action"}, "no_action does nothing to the content: leave ground out"),
        ({"action": "assign", "ground": None, "ground_reference": None}, "assign needs an assignee"),
    ],
)
def test_a_decision_that_can_never_be_right(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        DecisionDraft(**GOOD | change)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_can_be_drafted(action: str) -> None:
    acts = action in ("takedown", "restrict", "label")
    change = {} if acts else {"ground": None, "ground_reference": None}
    given = GOOD | change | {"action": action, "assignee": "ben" if action == "assign" else None}
    assert DecisionDraft(**given).action == action


def test_words_of_any_language_and_several_lines_are_reasons() -> None:
    text = "=cmd()\n<b>نص</b>\t理由"
    assert DecisionDraft(**GOOD | {"reasons": text}).reasons == text


NOTICE: dict[str, Any] = {"lora_id": "a", "category": "ncii", "sender_kind": "user", "recorded_by": "desk"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "spam"}, "there is no category 'spam': choose of ncii"),
        ({"sender_kind": "bot"}, "there is no sender kind 'bot'"),
        ({"recorded_by": ""}, "who takes the notice in"),
        ({"recorded_by": "\x1b[31mred"}, "recorded_by holds a control character"),
        ({"recorded_by": "x" * 201}, "recorded_by has 201 characters"),
        ({"text": "x" * 20_001}, "text has 20001 characters"),
        ({"sender": "a\0"}, "sender holds a control character"),
        ({"received_at": datetime.now(UTC) + timedelta(days=1)}, "which is yet to come"),
        ({"received_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "in the year 1: give the time"),
    ],
)
def test_a_notice_that_can_never_be_right(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        NoticeDraft(**NOTICE | change)


def test_a_time_without_a_zone_is_utc() -> None:
    assert NoticeDraft(**NOTICE | {"received_at": datetime(2026, 1, 1, 12)}).received == datetime(
        2026, 1, 1, 12, tzinfo=UTC
    )
    east = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert NoticeDraft(**NOTICE | {"received_at": east}).received == datetime(2026, 1, 1, 10, tzinfo=UTC)

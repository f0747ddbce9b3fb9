"""Recording decisions on a lake: what is written, what is refused, and what can be asked of it later on."""

from pathlib import Path
from typing import Any

import pytest

import carlos_tasks
from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound, PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.moderation import recording
from carlos_tasks.moderation.approval import Approval, ApprovedBatch
from carlos_tasks.moderation.decisions import decide, decide_many, still_there
from carlos_tasks.moderation.drafts import DecisionDraft, NoticeDraft
from carlos_tasks.moderation.notices import add_notice
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from tests.moderation.cases_in_lake import COPY, OTHER, STAR, image_of, make_lake

TESTED_SQL = {"add_decisions", "add_approvals"}
ON_TERMS: dict[str, Any] = {
    "ground": "incompatible_content",
    "ground_reference": "Terms 4.2",
    "reasons": "It is the mark.",
}


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    """A lake with a few LoRAs."""
    return make_lake(tmp_path)


def draft(lora_id: str = STAR, action: str = "takedown", **fields: Any) -> DecisionDraft:
    """A draft that can be recorded, but for what `fields` say."""
    if action in ("takedown", "restrict", "label"):
        fields = ON_TERMS | fields
    elif action not in ("assign", "skip"):
        fields = {"reasons": "Because."} | fields
    return DecisionDraft(lora_id, action, "ana", **fields)


def approved(batch_id: str) -> ApprovedBatch:
    """What ana has approved together."""
    return ApprovedBatch(batch_id, "0" * 64, Approval(True, "7", "ana", "2026-11-23T14:30:00+00:00"))


def ask(place: Settings, query: str, snapshot: int | None = None) -> list[Row]:
    with carlos_tasks.connect(place, snapshot=snapshot) as con:
        return rows(con, query)


def queued(place: Settings, snapshot: int | None = None) -> set[str]:
    return {row["lora_id"] for row in ask(place, "select lora_id from mart.moderation_queue", snapshot)}


def test_a_decision_says_who_when_why_and_on_what(place: Settings) -> None:
    with connect(place) as con:
        before = snapshot_id(con)
    row = decide(place, draft("5A" + STAR[2:20], ground_reference=None, concept="star"))
    assert (row["lora_id"], row["action"], row["analyst"], row["reasons"]) == (
        STAR,
        "takedown",
        "ana",
        "It is the mark.",
    )
    assert row["profile_id"] == load_profile("micro").profile_id
    assert row["ground_reference"] == "policy rules 1, 4.2, The star"
    assert (row["policy"], row["policy_version"], row["concept_id"], row["concept_version"]) == (
        "rules",
        "1",
        "star",
        "v1",
    )
    assert row["category"] == "STATEMENT_CATEGORY_VIOLENCE"
    assert row["snapshot_id"] == before
    assert row["evidence"] == [f"signal/overpowering/{row['profile_id']}", image_of(STAR)]
    assert (row["automated_detection"], row["automated_decision"], row["notice_id"]) == (True, False, None)
    assert row["code_version"] == carlos_tasks.__version__
    (log,) = ask(
        place, "select message, facts ->> '$.n_decisions' as n from mart.commit_log order by snapshot_id desc limit 1"
    )
    assert log == {"message": "decide", "n": "1"}


def test_a_takedown_finds_the_copies_and_they_are_in_the_queue(place: Settings) -> None:
    assert queued(place) == {STAR}
    row = decide(place, draft())
    copies, others = still_there(place, [row])
    assert [(copy["of_id"], copy["kind"], copy["lora_id"], copy["listed_at"]) for copy in copies] == [
        (STAR, "same_file", STAR, "s#1/1"),
        (STAR, "same_weights", COPY, None),
    ]
    assert others == []
    assert queued(place) == {COPY}
    (removed,) = ask(place, "from mart.removed")
    assert (removed["lora_id"], removed["decision_id"], removed["action"]) == (STAR, row["decision_id"], "takedown")
    # What is known of it stays.
    assert ask(place, "select name from mart.lora where status = 'removed'") == [{"name": "Lucky Star"}]


def test_what_was_known_can_be_asked_as_of_any_snapshot(place: Settings) -> None:
    row = decide(place, draft())
    decide(place, draft(action="appeal"))
    assert queued(place, row["snapshot_id"]) == {STAR}
    assert ask(place, "from core.decision", row["snapshot_id"]) == []
    (then,) = ask(place, "select action from core.decision", row["snapshot_id"] + 1)
    assert then == {"action": "takedown"}
    versions = [len(ask(place, f"from core.decision at (version => {row['snapshot_id'] + n})")) for n in range(3)]
    assert versions == [0, 1, 2]


def test_an_appeal_is_made_and_answered(place: Settings) -> None:
    taken = decide(place, draft())
    appeal = decide(place, draft(action="appeal"))
    assert appeal["refers_to"] == taken["decision_id"]
    with pytest.raises(CarlosError, match="is under appeal already: uphold or overturn it"):
        decide(place, draft(action="appeal"))
    assert (
        decide(place, draft(action="uphold", refers_to=appeal["decision_id"][:8]))["refers_to"] == appeal["decision_id"]
    )
    with pytest.raises(CarlosError, match="has no open appeal: there is nothing to overturn"):
        decide(place, draft(action="overturn"))
    second = decide(place, draft(action="appeal", refers_to=taken["decision_id"]))
    assert decide(place, draft(action="overturn"))["refers_to"] == second["decision_id"]
    assert ask(place, "from mart.removed") == []
    with pytest.raises(CarlosError, match="has no decision in force: there is nothing to appeal"):
        decide(place, draft(action="appeal"))


def test_of_two_decisions_the_one_that_is_meant_has_to_be_named(place: Settings) -> None:
    first, second = (decide(place, draft(action=action))["decision_id"] for action in ("label", "restrict"))
    with pytest.raises(CarlosError, match=f"more than one decision in force: name one of {first}, {second}"):
        decide(place, draft(action="appeal"))
    with pytest.raises(CarlosError, match="has no decision in force 'nobody': there is"):
        decide(place, draft(action="appeal", refers_to="nobody"))
    assert decide(place, draft(action="appeal", refers_to=second))["refers_to"] == second


def test_a_decision_answers_the_complaint_that_waits(place: Settings) -> None:
    notice = add_notice(place, NoticeDraft(OTHER, "trademark", "rights_holder", "desk"))["notice_id"]
    assert queued(place) == {STAR, OTHER}
    comment = decide(place, draft(OTHER, "comment"))
    assert comment["notice_id"] is None
    row = decide(place, draft(OTHER, "no_action"))
    assert (row["notice_id"], row["evidence"], row["automated_detection"]) == (notice, [f"notice/{notice}"], False)
    assert queued(place) == {STAR}
    assert decide(place, draft(OTHER, "label"))["notice_id"] is None  # it is answered
    with pytest.raises(CarlosError, match="has no notice 'n0': there is"):
        decide(place, draft(OTHER, "label", notice_id="n0"))


@pytest.mark.parametrize(
    "entry", ["signal/x", "notice/x", "evidence/x.webp", "../catalog.sqlite", "/etc/passwd", "a//b"]
)
def test_evidence_that_is_not_there_is_refused_and_nothing_signed(place: Settings, entry: str) -> None:
    with pytest.raises(CarlosError, match="is no evidence on LoRA 5aaaaaaaaaaa: name a signal"):
        decide_many(place, [draft(OTHER), draft(evidence=(image_of(STAR), entry))])
    assert not ask(place, "from core.decision")


def test_the_snapshot_that_the_evidence_was_read_at_can_be_named(place: Settings) -> None:
    with connect(place) as con:
        before = snapshot_id(con)
    notice = add_notice(place, NoticeDraft(STAR, "other", "user", "desk"))["notice_id"]
    row = decide(place, draft(snapshot_id=before))
    assert (row["snapshot_id"], f"notice/{notice}" in row["evidence"], row["notice_id"]) == (before, False, notice)
    for snapshot, fault, message in (
        (99, NotFound, "there is no snapshot 99 of the lake"),
        (-1, NotFound, "there is no snapshot -1 of the lake"),
        (0, CarlosError, "snapshot 0 is of before cases were kept"),
        (1, NotFound, "at snapshot 1, the lake knows no LoRA"),
    ):
        with pytest.raises(fault, match=message):
            decide(place, draft(snapshot_id=snapshot))
    assert len(ask(place, "from core.decision")) == 1


def test_what_is_given_goes_before_what_would_be_told(place: Settings) -> None:
    given: dict[str, Any] = {
        "category": "STATEMENT_CATEGORY_VIOLENCE",
        "evidence": (image_of(STAR),),
        "automated_detection": False,
    }
    row = decide(place, draft(**given))
    assert (row["category"], row["evidence"], row["automated_detection"]) == (
        given["category"],
        [image_of(STAR)],
        False,
    )


def test_all_or_none_are_written(place: Settings) -> None:
    with pytest.raises(NotFound, match="the lake knows no LoRA 'f'"):
        decide_many(place, [draft(), draft(OTHER), draft("f")])
    with pytest.raises(CarlosError, match="is named twice"):
        decide_many(place, [draft(), draft(STAR[:12])])
    with pytest.raises(CarlosError, match="there is nothing to decide"):
        decide_many(place, [])
    assert ask(place, "from core.decision") == []
    signed = decide_many(place, [draft(OTHER), draft()])
    assert [row["lora_id"] for row in signed] == [OTHER, STAR]
    assert len({row["decided_at"] for row in signed}) == 1
    assert len(ask(place, "select distinct snapshot_id from mart.commit_log where message = 'decide'")) == 1


def test_a_batch_is_written_once_however_often_it_is_run(place: Settings) -> None:
    batch = [draft(), draft(OTHER)]
    first = decide_many(place, batch, approved("run 1"))
    assert decide_many(place, batch, approved("run 1")) == first
    assert len(ask(place, "from core.decision where batch_id = 'run 1'")) == 2
    with pytest.raises(CarlosError, match="is removed already, by takedown"):
        decide_many(place, batch, approved("run 2"))
    for other in ([draft()], [draft(COPY), draft(OTHER)], [draft(action="label"), draft(OTHER)]):
        with pytest.raises(PermanentError, match="another batch was recorded as run 1"):
            decide_many(place, other, approved("run 1"))
    assert len(ask(place, "from core.decision")) == 2


def test_a_no_action_lifts_no_takedown_and_whoever_signs_it_is_told(place: Settings) -> None:
    taken_down = decide(place, draft())
    cleared = decide(place, draft(action="no_action", ground=None))
    copies, removed = still_there(place, [cleared])
    assert copies == []
    assert [(row["lora_id"], row["action"], row["decision_id"]) for row in removed] == [
        (STAR, "takedown", taken_down["decision_id"])
    ]


@pytest.mark.parametrize(
    ("lora_id", "fields", "message"),
    [
        ("", {}, "the lake knows no LoRA ''"),
        ("%", {}, "the lake knows no LoRA '%'"),
        ("' or true --", {}, "the lake knows no LoRA"),
        ("5", {}, "more than one LoRA id begins with '5'"),
        (STAR, {"concept": "nothing"}, "no policy in force has the concept 'nothing'"),
        (STAR, {"concept": "dots"}, "write one of other rules/dots, rules/dots"),
    ],
)
def test_what_the_lake_does_not_know(place: Settings, lora_id: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        decide(place, draft(lora_id, **fields))
    assert ask(place, "from core.decision") == []


def test_a_commit_in_between_is_waited_for(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another commit, of another process, takes the snapshot number while this one is being written."""
    monkeypatch.setattr(recording, "_FIRST_WAIT_S", 0.0)
    tried: list[int] = []

    def write(con: Any, facts: Row) -> str:
        tried.append(1)
        facts["n"] = len(tried)
        con.execute("delete from core.query")
        con.execute(
            "insert into core.query by name "
            "select 't' as text_space_id, 'x' as text, [1.0] as vector, now() as encoded_at"
        )
        if len(tried) == 1:
            with connect(place, read_only=False) as other:
                other.execute("insert into core.threshold values ('p', 'strength_min', 1.0, 'test')")
        return "done"

    assert recording.record(place, "test", write) == "done"
    assert len(tried) == 2
    assert len(ask(place, "from core.query")) == 1


def test_a_try_whose_answer_was_lost_is_not_signed_again(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_FIRST_WAIT_S", 0.0)
    commit, tried = recording._commit, []

    def lost(*given: Any) -> Any:
        tried.append(1)
        written = commit(*given)
        if len(tried) == 1:
            raise PassingError("the connection broke off")
        return written

    monkeypatch.setattr(recording, "_commit", lost)
    row = decide(place, draft(action="takedown"))
    assert len(tried) == 2
    assert [step["decision_id"] for step in ask(place, "from core.decision")] == [row["decision_id"]]


def test_who_overturns_a_takedown_is_told_of_the_restriction_beside_it(place: Settings) -> None:
    second, first = (decide(place, draft(action=action))["decision_id"] for action in ("restrict", "takedown"))
    decide(place, draft(action="appeal", refers_to=first))
    overturned = decide(place, draft(action="overturn"))
    _, removed = still_there(place, [overturned])
    assert [row["decision_id"] for row in removed] == [second]


def test_a_lake_that_takes_nothing_says_so(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_FIRST_WAIT_S", 0.0)

    def write(con: Any, facts: Row) -> None:
        raise PassingError("another commit came in between")

    with pytest.raises(PassingError, match="in between"):
        recording.record(place, "test", write)


def test_without_a_lake_nothing_is_signed(settings: Settings) -> None:
    with pytest.raises(NotFound, match="there is no catalog"):
        decide(settings, draft())
    assert not Path(settings.catalog.partition(":")[2]).exists()


def test_a_connection_to_what_was_writes_nothing(place: Settings) -> None:
    with pytest.raises(ValueError, match="is read-only"):
        carlos_tasks.connect(place, read_only=False, snapshot=1)


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        ({}, {}, "is removed already, by takedown"),
        ({}, {"ground": "illegal_content", "ground_reference": "Act 1"}, "is removed already, by takedown"),
        ({"action": "restrict"}, {"action": "restrict", "ground_reference": "Terms 5"}, "is restricted on this ground"),
        ({"action": "label"}, {"action": "label"}, "is labelled on this ground already"),
        ({"action": "restrict"}, {"action": "restrict", "ground": "illegal_content"}, None),
        ({"action": "label"}, {"action": "label", "ground_reference": "Terms 5"}, None),
        ({"action": "restrict"}, {}, None),
        ({"action": "no_action"}, {"action": "no_action"}, None),
    ],
)
def test_what_is_in_force_is_not_done_again(
    place: Settings, first: dict[str, Any], second: dict[str, Any], fault: str | None
) -> None:
    done = decide(place, draft(**first))
    if fault is None:
        decide(place, draft(**second))
        return
    with pytest.raises(CarlosError, match=fault) as caught:
        decide(place, draft(**second))
    assert done["decision_id"] in str(caught.value) and "\n" not in str(caught.value)
    assert len(ask(place, "from core.decision")) == 1


def test_what_was_overturned_may_be_done_again(place: Settings) -> None:
    for action in ("takedown", "appeal", "overturn", "takedown"):
        decide(place, draft(action=action))
    (removed,) = ask(place, "from mart.removed")
    assert removed["action"] == "takedown"

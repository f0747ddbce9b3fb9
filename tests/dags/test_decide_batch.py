"""`decide_batch` as Airflow reads it, and a batch from its parameters to the decisions of who approved it."""

import json
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.verify import verify_ledger
from carlos_tasks.moderation.approval import Approval
from carlos_tasks.moderation.batches import BatchRequest, RecordedBatch, prepare_batch, record_batch
from carlos_tasks.nightly.stage_reports import as_json
from carlos_tasks.settings import Settings
from tests.moderation.cases_in_lake import COPY, OTHER, STAR, make_lake

GIVEN: dict[str, Any] = {
    "lora_ids": [STAR[:20], OTHER],
    "action": "takedown",
    "reasons": "The mark of the *house*.",
    "ground": "incompatible_content",
    "ground_reference": None,
    "concept": "star",
    "category": None,
}
APPROVED: dict[str, Any] = {"chosen_options": ["Approve"], "responded_by_user": {"id": "7", "name": "ana"}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with a few LoRAs."""
    return make_lake(tmp_path_factory.mktemp("batch"))


def decisions(place: Settings) -> list[dict[str, Any]]:
    with connect(place) as con:
        return rows(con, "select lora_id, analyst, action, batch_id, snapshot_id from core.decision order by lora_id")


def test_nothing_is_signed_before_a_person_approves(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    tasks = found["dags"]["decide_batch"]["tasks"]
    assert set(tasks) == {"prepare", "approve", "decide"}
    assert tasks["approve"]["upstream"] == ["prepare"]
    assert tasks["decide"]["upstream"] == ["approve", "prepare"]
    assert tasks["decide"]["trigger_rule"].lower().endswith("all_success")  # after a rejection it is skipped
    assert tasks["decide"]["pool"] == "lake_commit"
    assert tasks["approve"]["timeout"] is None


def test_what_would_be_decided_is_shown_and_nothing_is_written(place: Settings) -> None:
    batch = prepare_batch(place, BatchRequest(**GIVEN))
    assert batch.subject == "takedown: 2 LoRAs"
    assert batch.request.lora_ids == (STAR, OTHER)
    assert "- reasons: The mark of the \\*house\\*." in batch.body
    assert f"- Lucky Star `{STAR[:12]}`: Strength 12.0 is above" in batch.body
    assert f"- \\(no name\\) `{OTHER[:12]}`: no signal" in batch.body
    assert decisions(place) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora_ids": []}, "0 LoRAs: name 1 to 200"),
        ({"lora_ids": ["x"] * 201}, "201 LoRAs"),
        ({"lora_ids": ["nobody"]}, "the lake knows no LoRA 'nobody'"),
        ({"lora_ids": [STAR, STAR[:12]]}, "is named twice"),
        ({"concept": "nothing"}, "no policy in force has the concept 'nothing'"),
        ({"reasons": ""}, "takedown needs reasons"),
        ({"ground": None}, "needs a ground"),
        ({"action": "no_action"}, "no_action does nothing to the content"),
    ],
)
def test_what_can_never_be_right_is_not_asked_of_anybody(place: Settings, change: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        prepare_batch(place, BatchRequest(**GIVEN | change))


@pytest.mark.parametrize(
    "approval",
    [
        {"chosen_options": ["Reject"], "responded_by_user": {"id": "7", "name": "ana"}},
        {"chosen_options": ["Approve"], "responded_by_user": None},
        {},
    ],
)
def test_without_an_approval_nothing_is_written(place: Settings, approval: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="nobody has approved the batch"):
        record_batch(place, prepare_batch(place, BatchRequest(**GIVEN)), Approval.of(approval), "run 0")
    assert decisions(place) == []


def test_an_approved_batch_is_signed_once_by_who_approved_it(tmp_path: Path) -> None:
    place = make_lake(tmp_path)
    batch = prepare_batch(place, BatchRequest(**GIVEN))
    done = record_batch(place, batch, Approval.of(APPROVED), "run 1")
    assert (done.n_decisions, done.analyst) == (2, "ana")
    assert record_batch(place, batch, Approval.of(APPROVED), "run 1") == done
    one = {"analyst": "ana", "action": "takedown", "batch_id": "run 1", "snapshot_id": batch.snapshot_id}
    assert decisions(place) == [{"lora_id": STAR} | one, {"lora_id": OTHER} | one]
    with connect(place) as con:
        assert rows(con, "select lora_id from mart.moderation_queue") == [{"lora_id": COPY}]
        (kept,) = rows(con, "select batch_id, content_hash, user_name from core.approval")
        assert kept == {"batch_id": "run 1", "content_hash": batch.content_hash, "user_name": "ana"}
        assert [row["kind"] for row in rows(con, "from core.ledger order by position")] == [
            "approval",
            *["decision"] * 2,
        ]
        assert verify_ledger(con) == []
    with pytest.raises(PermanentError, match="is removed already, by takedown"):
        prepare_batch(place, BatchRequest(**GIVEN))


def test_the_task_signs_what_the_operator_returned(
    place: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The approval reaches the stage, with the run's id as the batch."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "dags")
    from decide_batch import decide_batch

    handed: list[Any] = []

    def keep(settings: Any, *given: Any) -> RecordedBatch:
        handed.extend(given)
        return RecordedBatch(2, "ana", ("1", "2"))

    hidden: list[Any] = []
    monkeypatch.setattr("carlos_tasks.moderation.batches.record_batch", keep)
    monkeypatch.setattr("carlos_tasks.reports.takedowns.hide_pictures", hidden.append)

    class Instance:
        """A task instance that has what `approve` returned."""

        def xcom_pull(self, task_ids: str) -> Any:
            return {"approve": APPROVED}[task_ids]

    batch = prepare_batch(place, BatchRequest(**GIVEN))
    told = json.loads(json.dumps(as_json(batch)))  # as it comes out of an XCom
    done = decide_batch().get_task("decide").python_callable(told, run_id="run 1", ti=Instance())
    assert handed == [batch, Approval.of(APPROVED), "run 1"]
    assert len(hidden) == 1, "a takedown takes effect on what was drawn before"
    assert done == {"n_decisions": 2, "analyst": "ana", "decision_ids": ("1", "2")}

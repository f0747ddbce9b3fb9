"""What follows a commit: scores and a report by themselves, decisions and releases after a person has said yes."""

import time
from typing import Any

import orjson
import pytest
from rich.console import Console

from carlos_tasks.errors import CarlosError
from carlos_tasks.retrieval.search import search
from carlos_tasks.stack.follow import follow, follow_to_success
from tests.end_to_end.conftest import Stack
from tests.end_to_end.waiting import wait_until

pytestmark = pytest.mark.end_to_end

# An answer right after the question was asked can fail the task (apache/airflow#67287).
QUESTION_SETTLES_S = 5


def answer(stack: Stack, dag_id: str, run_id: str, option: str) -> dict[str, Any]:
    """Answer the question of a run; returns the question."""
    [question] = wait_until("a question", lambda: stack.api.questions(dag_id, run_id))
    time.sleep(QUESTION_SETTLES_S)
    stack.api.answer(dag_id, run_id, question["task_instance"]["task_id"], option)
    return dict(question)


def found(stack: Stack) -> list[str]:
    with stack.settings() as settings:
        return [hit["name"] for hit in search(settings, "a striped picture", 10)]


@pytest.fixture(scope="session")
def moderated(stack: Stack, first_night: dict[str, Any]) -> dict[str, Any]:
    """What the first run of moderation did, which the commit of the first night started."""
    run_id = first_night["moderation"]
    return {
        task: stack.api.returned("moderate_index", run_id, task, map_index=0)
        for task in ("score_concepts", "report_moderation")
    }


class TestModerationFollowsACommit:
    """Nobody starts it."""

    def test_the_new_loras_are_scored(self, stack: Stack, moderated: dict[str, Any]) -> None:
        [scored] = stack.sql("select count(distinct lora_id) as n_loras, count(*) as n from core.concept_score")
        assert scored["n_loras"] == 2
        assert moderated["score_concepts"]["n_tests"] == scored["n"] > 0

    def test_the_report_lies_in_the_store_as_its_manifest_says(self, stack: Stack, moderated: dict[str, Any]) -> None:
        [manifest] = stack.objects(moderated["report_moderation"]["prefix"] + "manifest.json")
        files = orjson.loads(manifest.read_bytes())["files"]
        assert {"moderation.html", "moderation.pdf", "tables/queue.csv"} <= {file["path"] for file in files}
        assert [file["bytes"] for file in files] == [(manifest.parent / file["path"]).stat().st_size for file in files]


@pytest.fixture(scope="session")
def decided(stack: Stack, moderated: dict[str, Any], console: Console) -> dict[str, Any]:
    """Two batches over one LoRA: the first is rejected, the second approved."""
    [lora] = stack.sql("select lora_id from mart.lora where name = 'Stripes Overlay'")
    conf = {
        "lora_ids": [lora["lora_id"]],
        "action": "takedown",
        "ground": "incompatible_content",
        "ground_reference": "house rules, section 3",
        "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        "reasons": "It draws what the house rules do not allow.",
    }
    before = found(stack)
    rejected = stack.api.trigger("decide_batch", conf=conf)
    answer(stack, "decide_batch", rejected, "Reject")
    follow(stack.api, "decide_batch", [rejected], console)
    after_no = (stack.sql("from core.decision"), found(stack))
    approved = stack.api.trigger("decide_batch", conf=conf)
    question = answer(stack, "decide_batch", approved, "Approve")
    follow_to_success(stack.api, "decide_batch", [approved], console)
    return {"lora_id": lora["lora_id"], "before": before, "after_no": after_no, "question": question}


class TestABatchIsDecidedByAPerson:
    """`decide_batch` asks before it writes."""

    def test_a_no_changes_nothing(self, decided: dict[str, Any]) -> None:
        assert "Stripes Overlay" in decided["before"]
        assert decided["after_no"] == ([], decided["before"])

    def test_the_question_says_what_would_be_decided(self, decided: dict[str, Any]) -> None:
        said = f"{decided['question']['subject']} {decided['question']['body']}"
        assert "takedown" in said and "Stripes Overlay" in said

    def test_a_yes_is_signed_by_who_said_it(self, stack: Stack, decided: dict[str, Any]) -> None:
        [decision] = stack.sql("from core.decision")
        assert (decision["lora_id"], decision["action"], decision["analyst"]) == (
            decided["lora_id"],
            "takedown",
            "admin",
        )
        assert not decision["automated_decision"]

    def test_the_lora_is_hidden_and_what_is_known_of_it_stays(self, stack: Stack, decided: dict[str, Any]) -> None:
        assert found(stack) == [name for name in decided["before"] if name != "Stripes Overlay"]
        [lora] = stack.sql("select name, status, strength from mart.lora where name = 'Stripes Overlay'")
        assert lora["status"] == "removed" and lora["strength"] > 0

    def test_a_second_answer_is_refused(self, stack: Stack, decided: dict[str, Any]) -> None:
        task = decided["question"]["task_instance"]
        with pytest.raises(CarlosError, match="409"):
            stack.api.answer("decide_batch", task["dag_run_id"], task["task_id"], "Reject")


class TestATransparencyReportIsReleasedByAPerson:
    """`report_transparency` asks before the report goes out."""

    def test_the_release_names_who_said_yes(self, stack: Stack, decided: dict[str, Any], console: Console) -> None:
        [month] = stack.sql("select strftime(decided_at, '%Y-%m') as month from core.decision")
        stack.api.unpause("report_transparency")
        run_id = stack.api.trigger("report_transparency", conf=month)
        question = answer(stack, "report_transparency", run_id, "Approve")
        follow_to_success(stack.api, "report_transparency", [run_id], console)
        prefix = stack.api.returned("report_transparency", run_id, "draft")["prefix"]
        assert prefix in question["body"]
        [release] = stack.objects(prefix + "release.json")
        assert orjson.loads(release.read_bytes())["approved_by"] == "admin"
        [statements] = stack.objects(prefix + "statements/0001.json")
        [statement] = orjson.loads(statements.read_bytes())["statements"]
        assert statement["category"] == "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"

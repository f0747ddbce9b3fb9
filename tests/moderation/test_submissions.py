"""What was sent to the transparency database: steps that fit what is known, and the database's answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import carlos_tasks
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.moderation.database_answer import read_answer
from carlos_tasks.moderation.submissions import record_submissions
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake
from tests.sql.lake_rows import fill

TESTED_SQL = {"add_submissions"}
PUIDS = ("d1", "d2", "d3")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def lake(settings: Settings) -> Settings:
    """A lake with three decisions of March."""
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        fill(con, {"core.decision": [{"decision_id": puid, "lora_id": puid} for puid in PUIDS]})
    return settings


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of statements."""

    def write(*puids: str, name: str = "0001.json", day: str = "2026-03-01") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"statements": [{"puid": puid, "application_date": day} for puid in puids]}))
        return path

    return write


def answer(folder: Path, told: Any) -> Path:
    path = folder / "answer.json"
    path.write_text(json.dumps(told))
    return path


def test_a_file_is_submitted_and_accepted(lake: Settings, file_of: Callable[..., Path], tmp_path: Path) -> None:
    path = file_of(*PUIDS)
    (sent,) = record_submissions(lake, "submitted", [path], "ana", at=AT)
    assert (sent["state"], sent["n_statements"], sent["submitted_by"], sent["submitted_at"]) == (
        "submitted",
        3,
        "ana",
        AT,
    )
    taken = answer(tmp_path, {"statements": [{"puid": puid, "uuid": "u"} for puid in PUIDS]})
    (row,) = record_submissions(lake, "accepted", [path], "ben", at=AT + timedelta(hours=1), answer=taken)
    assert (row["state"], row["answered_by"], row["submitted_by"]) == ("accepted", "ben", "ana")
    with carlos_tasks.connect(lake) as con:
        assert rows(con, "select body from mart.submission") == [{"body": path.read_text()}]
        states = rows(con, "select distinct state from mart.statement_submission")
        assert states == [{"state": "accepted"}]
        assert len(rows(con, "from core.submission")) == 2, "append-only"


def test_a_refused_file_says_which_statement_and_can_be_sent_again(
    lake: Settings, file_of: Callable[..., Path], tmp_path: Path
) -> None:
    path = file_of(*PUIDS)
    record_submissions(lake, "submitted", [path], "ana")
    refused = {"errors": {"statement_1": {"category": ["The category field is required."]}, "existing_puids": ["d3"]}}
    record_submissions(lake, "refused", [path], "ana", answer=answer(tmp_path, refused))
    with carlos_tasks.connect(lake) as con:
        assert rows(con, "select puid, state, said from mart.statement_submission order by puid") == [
            {"puid": "d1", "state": "refused", "said": None},
            {"puid": "d2", "state": "refused", "said": "category: The category field is required."},
            {"puid": "d3", "state": "accepted", "said": "the database has it already"},
        ]
    (row,) = record_submissions(lake, "submitted", [file_of("d1", "d2")], "ana")
    assert (row["state"], row["n_statements"], row["n_times_submitted"]) == ("submitted", 2, 2)


def test_what_does_not_fit_is_refused_and_nothing_is_written(lake: Settings, file_of: Callable[..., Path]) -> None:
    path = file_of("d1", "d2")
    with pytest.raises(CarlosError, match=r"file 0001 of 2026-03 waits for no answer"):
        record_submissions(lake, "accepted", [path], "ana")
    record_submissions(lake, "submitted", [path], "ana")
    with pytest.raises(CarlosError, match=r"was submitted at .* and is submitted"):
        record_submissions(lake, "submitted", [path], "ana")
    with pytest.raises(CarlosError, match=r"d2 was sent in file 0001"):
        record_submissions(lake, "submitted", [file_of("d3", "d2", name="0002.json")], "ana")
    with pytest.raises(CarlosError, match=r"strange is no decision of this lake"):
        record_submissions(lake, "submitted", [file_of("strange", name="0002.json")], "ana")
    with pytest.raises(CarlosError, match=r"is not what was submitted"):
        record_submissions(lake, "accepted", [file_of("d1")], "ana")
    with pytest.raises(CarlosError, match=r"Give --answer FILE"):
        record_submissions(lake, "refused", [path], "ana")
    with carlos_tasks.connect(lake) as con:
        assert len(rows(con, "from core.submission")) == 1


def test_several_files_are_recorded_or_none(lake: Settings, file_of: Callable[..., Path]) -> None:
    good, bad = file_of("d1"), file_of("strange", name="0002.json")
    with pytest.raises(CarlosError):
        record_submissions(lake, "submitted", [good, bad], "ana")
    assert len(record_submissions(lake, "submitted", [good, file_of("d2", name="0002.json")], "ana")) == 2


@pytest.mark.parametrize(
    ("puids", "fields", "says"),
    [
        (("d1",), {"name": "statements.json"}, "has no number"),
        ((), {}, "does not hold 1 to 100"),
        (("d1", "d1"), {}, "does not hold 1 to 100 different"),
        (tuple(f"d{number}" for number in range(101)), {}, "does not hold 1 to 100"),
        (("d1",), {"day": "soon"}, "is no file of statements"),
    ],
)
def test_what_is_no_file_of_a_report_is_one_clear_line(
    lake: Settings, file_of: Callable[..., Path], puids: tuple[str, ...], fields: dict[str, str], says: str
) -> None:
    with pytest.raises(CarlosError, match=says):
        record_submissions(lake, "submitted", [file_of(*puids, **fields)], "ana")


def test_a_file_that_is_not_there(lake: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        record_submissions(lake, "submitted", [tmp_path / "0001.json"], "ana")


def test_who_and_when_are_told(lake: Settings, file_of: Callable[..., Path]) -> None:
    with pytest.raises(CarlosError, match="who sent it"):
        record_submissions(lake, "submitted", [file_of("d1")], " ")
    with pytest.raises(CarlosError, match="yet to come"):
        record_submissions(lake, "submitted", [file_of("d1")], "ana", at=datetime.now(UTC) + timedelta(days=1))


@pytest.mark.parametrize(
    ("told", "state", "says"),
    [
        ("no JSON", "refused", "is no JSON"),
        ("[]", "refused", "no JSON object"),
        ('{"statements": []}', "accepted", "other statements"),
        ('{"statements": [{"puid": "d9"}]}', "accepted", "other statements"),
        ('{"statements": [{"puid": "d1"}]}', "refused", "was accepted, not refused"),
        ('{"errors": {}}', "accepted", "was refused, not accepted"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(told: str, state: str, says: str) -> None:
    with pytest.raises(CarlosError, match=says):
        read_answer(told, ("d1",), state)


def test_an_answer_names_statements_by_their_place() -> None:
    told = {
        "message": "x",
        "errors": {"statement_0": {"puid": ["a", "b"]}, "statements.1.category": ["c"], "statement_7": {"x": ["y"]}},
    }
    read = read_answer(json.dumps(told), ("d1", "d2"), "refused")
    assert read.faults == {"d1": "puid: a b", "d2": "category: c"}
    assert read_answer('{"message": "Unauthorized"}', ("d1",), "refused").faults == {}

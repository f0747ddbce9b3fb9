"""Recording what was sent to the DSA transparency database, and what it answered: a row of core.submission a step.

Nothing here speaks to the database: a person sends a file of the transparency report, and tells what came of it.
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.ledger.chain import moment
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.moderation.database_answer import DatabaseAnswer, read_answer
from carlos_tasks.moderation.free_text import check_text
from carlos_tasks.moderation.recording import Scribe, ids_of, record
from carlos_tasks.policies.statement_rules import MOST_IN_A_CALL
from carlos_tasks.settings import Settings
from carlos_tasks.untrusted.text import says_something

_NAME = re.compile(r"(\d{4,})\.json")
_SUBMISSION: pa.Schema = pa.schema(
    [
        pa.field("submission_id", pa.string(), nullable=False),
        pa.field("month", pa.date32(), nullable=False),
        pa.field("number", pa.int32(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("puids", pa.list_(pa.string()), nullable=False),
        *(pa.field(name, pa.string()) for name in ("body", "answer", "faults")),
        pa.field("known_puids", pa.list_(pa.string())),
        pa.field("happened_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("recorded_by", pa.string(), nullable=False),
    ]
)
_APPENDED = ("add_submissions", "steps", _SUBMISSION)


@dataclass(frozen=True)
class SentFile:
    """A file of statements as it lies in a report: its number, its month and its statements' ids."""

    path: Path
    number: int
    month: date
    puids: tuple[str, ...]
    body: str

    @property
    def sha256(self) -> str:
        """Hash of its bytes."""
        return hashlib.sha256(self.body.encode()).hexdigest()


def record_submissions(
    settings: Settings,
    state: str,
    paths: Sequence[Path],
    by: str,
    *,
    at: datetime | None = None,
    answer: Path | None = None,
    signer: Signer | None = None,
) -> list[Row]:
    """Record a step about files of statements, in one commit: all or none.

    Args:
        settings: where the lake lies.
        state: submitted, accepted or refused.
        paths: files of a transparency report (statements/0001.json).
        by: who sent them, or records the answer.
        at: when; None: now.
        answer: file with what the database answered; needed where it refused.
        signer: the key of who records it, if it is at hand.

    Returns:
        Their rows of mart.submission.

    Raises:
        NotFound: a file, or the lake, is not there.
        CarlosError: what is recorded does not fit what is known, or a key may not sign it; nothing was written.
        PassingError: the lake did not take it; nothing was written.
    """
    if not says_something(by):
        raise CarlosError("who sent it? Name who records the step")
    check_text("recorded_by", by)
    if state == "refused" and answer is None:
        raise CarlosError("what did the database answer? Give --answer FILE: it says which statements it refused")
    if answer is not None and len(paths) > 1:
        raise CarlosError("an answer is that of one file: record them one by one")
    happened_at = (at if at.tzinfo else at.replace(tzinfo=UTC)) if at else datetime.now(UTC)
    if happened_at > datetime.now(UTC):
        raise CarlosError(f"{happened_at:%Y-%m-%d %H:%M UTC} is yet to come")
    files = [read_sent_file(path) for path in paths]
    told = read_answer(_text(answer), files[0].puids, state) if answer else DatabaseAnswer()
    ids = [uuid.uuid4().hex for _ in files]
    scribe = Scribe(settings, signer)

    def write(con: duckdb.DuckDBPyConnection, facts: Row) -> list[Row]:
        steps = []
        for submission_id, file in zip(ids, files, strict=True):
            _check(con, file, state)
            steps.append(
                {
                    "submission_id": submission_id,
                    "month": file.month,
                    "number": file.number,
                    "state": state,
                    "sha256": file.sha256,
                    "puids": list(file.puids),
                    "body": file.body if state == "submitted" else None,
                    "happened_at": happened_at,
                    "recorded_by": by.strip(),
                    **told.columns(),
                }
            )
        new = ids_of(steps, "submission_id")
        facts["n_submissions"] = scribe.append(con, facts, "submission", _APPENDED, new, moment(con))
        return [_written(con, file) for file in files]

    return record(settings, "submission", write)


def read_sent_file(path: Path) -> SentFile:
    """Read a file of statements of a transparency report.

    Raises:
        NotFound: it is not there.
        CarlosError: it is none.
    """
    body = _text(path)
    named = _NAME.fullmatch(path.name)
    try:
        statements = orjson.loads(body)["statements"]
        puids = tuple(str(one["puid"]) for one in statements)
        months = {date.fromisoformat(one["application_date"]).replace(day=1) for one in statements}
    except (ValueError, KeyError, TypeError) as exc:
        raise CarlosError(f"{path} is no file of statements: name one of a transparency report") from exc
    if named is None or int(named[1]) < 1:
        raise CarlosError(f"{path} has no number: keep the name that it has in the report, such as 0001.json")
    if not 1 <= len(puids) <= MOST_IN_A_CALL or len(set(puids)) < len(puids) or len(months) != 1:
        raise CarlosError(f"{path} does not hold 1 to {MOST_IN_A_CALL} different statements of one month")
    return SentFile(path, int(named[1]), months.pop(), puids, body)


def _check(con: duckdb.DuckDBPyConnection, file: SentFile, state: str) -> None:
    """Tell whether a step fits what is known of its file and its statements."""
    name = f"file {file.number:04} of {file.month:%Y-%m}"
    known = {row["number"]: row for row in rows(con, statement("ask/moderation/submissions_of"), {"month": file.month})}
    now = known.get(file.number)
    if state != "submitted":
        if now is None or now["state"] != "submitted":
            raise CarlosError(f"{name} waits for no answer: record first that it was submitted")
        if now["sha256"] != file.sha256:
            raise CarlosError(f"{file.path} is not what was submitted as {name}: name the file that was sent")
        return
    if now is not None and now["state"] != "refused":
        raise CarlosError(f"{name} was submitted at {now['submitted_at']:%Y-%m-%d %H:%M UTC} and is {now['state']}")
    for number, row in known.items():
        if number != file.number and (twice := set(row["puids"]) & set(file.puids)):
            raise CarlosError(
                f"{min(twice)} was sent in file {number:04}: write the report again, and send what it has"
            )
    found = rows(con, statement("ask/moderation/decisions_known"), {"decision_ids": list(file.puids)})
    if strange := set(file.puids) - {row["decision_id"] for row in found}:
        raise CarlosError(f"{min(strange)} is no decision of this lake: name a file of its transparency report")


def _written(con: duckdb.DuckDBPyConnection, file: SentFile) -> Row:
    (row,) = rows(
        con,
        "select * exclude (body, answer) from mart.submission where month = $month and number = $number",
        {"month": file.month, "number": file.number},
    )
    return row


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # with the line ends that were sent
    except FileNotFoundError as exc:
        raise NotFound(f"{path} is not there") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise CarlosError(f"cannot read {path}: {exc}") from exc

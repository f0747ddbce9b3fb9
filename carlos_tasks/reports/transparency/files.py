"""The statements of a month cut into files that the transparency database takes, each in one call.

A file that was submitted keeps its number, its statements and, until it is refused, its bytes: what a decision became
since does not change what was sent. Statements that were never sent fill the numbers that are free.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import orjson

from carlos_tasks.aliases import Json, Row
from carlos_tasks.policies.statement_rules import MOST_IN_A_CALL
from carlos_tasks.reports.bundles.json_text import json_bytes

FOLDER = "statements"
TO_BE_SUBMITTED = "to be submitted"


@dataclass(frozen=True)
class StatementFile:
    """One body of the API, and where it stands. `answer`: what the database said last, as it came."""

    number: int
    body: bytes
    puids: tuple[str, ...]
    state: str = TO_BE_SUBMITTED
    submitted_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str | None = None

    @property
    def path(self) -> str:
        """Its path in the report: statements/0001.json."""
        return f"{FOLDER}/{self.number:04}.json"

    def row(self) -> Row:
        """Its row of the report's table."""
        return {
            "number": self.number,
            "path": self.path,
            "n_statements": len(self.puids),
            "sha256": hashlib.sha256(self.body).hexdigest(),
            "state": self.state,
            "submitted_at": self.submitted_at,
            "answered_at": self.answered_at,
            "answer": self.answer if self.state == "refused" else None,  # of an accepted one, all statements again
        }

    def fact(self) -> Json:
        """What the manifest says of it."""
        row = self.row()
        return {name: row[name] for name in ("path", "sha256", "n_statements", "state")} | {"puids": list(self.puids)}


def statement_files(statements: Sequence[Json], submitted: Sequence[Row], sent: Sequence[Row]) -> list[StatementFile]:
    """Cut the statements of a month into files, by number.

    Args:
        statements: valid ones, the oldest decision first.
        submitted: rows of sql/ask/reports/transparency_submissions.sql.
        sent: rows of sql/ask/reports/transparency_statement_states.sql; a puid that is none of them was never sent.
    """
    known = {row["puid"] for row in sent}
    files = [file for row in submitted if (file := _submitted(row, statements))]
    fresh = [statement for statement in statements if statement["puid"] not in known]
    taken = {row["number"] for row in submitted}
    numbers = (number for number in count(1) if number not in taken)
    files += [_file(next(numbers), chunk) for chunk in _chunks(fresh)]
    return sorted(files, key=lambda file: file.number)


def _submitted(row: Row, statements: Sequence[Json]) -> StatementFile | None:
    """Return a file that was sent; of a refused one, what waits of it now, or None where nothing does."""
    told = {name: row[name] for name in ("state", "submitted_at", "answered_at", "answer")}
    if row["state"] != "refused":
        body = row["body"].encode()
        puids = tuple(statement["puid"] for statement in orjson.loads(body)["statements"])
        return StatementFile(row["number"], body, puids, **told)
    waiting = [statement for statement in statements if statement["puid"] in row["waiting"]]
    return _file(row["number"], waiting, **told) if waiting else None


def _file(number: int, statements: Sequence[Json], **told: Any) -> StatementFile:
    puids = tuple(statement["puid"] for statement in statements)
    return StatementFile(number, json_bytes({"statements": list(statements)}), puids, **told)


def _chunks(statements: Sequence[Json]) -> Iterator[Sequence[Json]]:
    return (statements[start : start + MOST_IN_A_CALL] for start in range(0, len(statements), MOST_IN_A_CALL))

"""One run of scoring: which LoRAs have no answer yet, and how the answers become rows of core.concept_score."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.moderation.answers import Answers
from carlos_tasks.moderation.questions import QuestionKey

# Rows whose texts are in memory together: 250,000 are about 100 MB.
_ROWS_AT_ONCE = 250_000
_SCORED = pa.schema([("number", pa.int32()), ("lora_id", pa.string()), ("computed_at", pa.timestamp("us", tz="UTC"))])
_ASKED = pa.schema(
    [("number", pa.int32()), *((name, pa.string()) for name in ("concept_id", "version", "basis", "null_id"))]
)


@dataclass(frozen=True, eq=False)
class Run:
    """What one run found.

    Attributes:
        loras: the LoRAs that `answers` counts: number, lora_id, computed_at (when they were measured).
        asked: the questions that `answers` counts.
        answers: the tests, m of them.
        ends: float64 (m, 2), intervals; nan where there is none.
    """

    loras: list[Row]
    asked: list[QuestionKey]
    answers: Answers
    ends: Doubles
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def unanswered(
    con: duckdb.DuckDBPyConnection, profile_id: str, policy: str, asked: Sequence[QuestionKey]
) -> tuple[list[Row], Mask]:
    """The measured LoRAs, and which of the questions each has no answer to.

    Returns:
        n rows of lora_id and computed_at, sorted by lora_id; and (n, len(asked)).
    """
    wanted = {"profile_id": profile_id, "policy": policy}
    with registered(con, "asked", _asked_table(asked)):
        loras = rows(con, statement("ask/moderation/answered_concepts"), wanted)
    is_new = np.ones((len(loras), len(asked)), bool)
    for number, lora in enumerate(loras):
        is_new[number, lora.pop("numbers")] = False
    return loras, is_new


def add_scores(con: duckdb.DuckDBPyConnection, profile_id: str, policy: str, run: Run) -> Row:
    """Add the scores of a run, inside a transaction.

    Returns:
        n_tests, the rows added; n_shown, those of them that show their concept.
    """
    scored = pa.Table.from_pylist(run.loras, schema=_SCORED)
    parameters = {"profile_id": profile_id, "policy": policy, "run_id": run.run_id, "n_tests": len(run.answers)}
    found, n_rows = _found_table(run), 0
    with registered(con, "scored", scored), registered(con, "asked", _asked_table(run.asked)):
        for start in range(0, len(found), _ROWS_AT_ONCE):
            with registered(con, "found", found.slice(start, _ROWS_AT_ONCE)):
                n_rows += run_statement(con, "add_concept_scores", parameters)
    (shown,) = rows(con, statement("ask/moderation/shown_of_run"), {"run_id": run.run_id})
    return {"n_tests": n_rows} | shown


def _asked_table(asked: Sequence[QuestionKey]) -> pa.Table:
    facts = ((one.concept.concept_id, one.concept.version, one.basis, one.null_id) for one in asked)
    numbered = [(number, *texts) for number, texts in enumerate(facts)]
    return pa.Table.from_pylist([dict(zip(_ASKED.names, row, strict=True)) for row in numbered], schema=_ASKED)


def _found_table(run: Run) -> pa.Table:
    answers, null = run.answers, run.answers.null
    doubles = {
        "score": answers.score,
        "percentile": answers.percentile,
        "z": null.z,
        "p": null.p,
        "p_counted": null.p_counted,
        "q": answers.q,
        "low": run.ends[:, 0],
        "high": run.ends[:, 1],
    }
    whole = {"lora": answers.lora, "number": answers.question, "n_null": null.n_null}
    return pa.table(
        {name: pa.array(values, pa.int32()) for name, values in whole.items()}
        | {name: pa.array(values, pa.float64(), mask=np.isnan(values)) for name, values in doubles.items()}
    )

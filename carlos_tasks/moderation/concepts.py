"""The concepts of a policy in the lake: new versions are added, and what its folder gave up is retired; append-only."""

from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.policies.policy import Concept, Policy

_TEXTS = ("texts", "counter_texts", "declared_as", "images")
_NUMBERS = {"nsfw_level": pa.int32(), "severity": pa.float64(), "due_hours": pa.float64(), "q_max": pa.float64()}
_SCHEMA = pa.schema(
    [
        (name, pa.string())
        for name in (
            *("policy", "policy_version", "concept_id", "version", "section", "title"),
            *("images_provenance", "images_licence", "category", "owner"),
        )
    ]
    + [(name, pa.list_(pa.string())) for name in _TEXTS]
    + [*_NUMBERS.items(), ("score_min", pa.float64()), ("is_active", pa.bool_())]
)


def changed_concepts(con: duckdb.DuckDBPyConnection, policy: Policy) -> tuple[list[Concept], int]:
    """What a policy says otherwise than the lake: the concepts that are new or changed, and how many it gave up."""
    found = rows(con, statement("ask/moderation/concept_versions"), {"policy": policy.head.policy})
    known = {(row["concept_id"], row["version"], row["policy_version"]) for row in found}
    changed = [
        concept
        for concept in policy.concepts
        if (concept.concept_id, concept.version, policy.head.version) not in known
    ]
    kept = {concept.concept_id for concept in policy.concepts}
    return changed, sum(row["concept_id"] not in kept for row in found)


def add_concepts(con: duckdb.DuckDBPyConnection, policy: Policy, changed: list[Concept]) -> int:
    """Add versions of concepts, and retire what the policy gave up; run it inside a transaction.

    Returns:
        Number of rows added.
    """
    given = pa.Table.from_pylist([concept_row(policy, concept) for concept in changed], schema=_SCHEMA)
    gone = {
        "policy": policy.head.policy,
        "policy_version": policy.head.version,
        "kept": [concept.concept_id for concept in policy.concepts],
    }
    # First, so that what is added now is not what is looked at.
    n_retired = run_statement(con, "retire_concepts", gone)
    with registered(con, "given", given):
        return n_retired + run_statement(con, "add_concepts")


def concept_row(policy: Policy, concept: Concept) -> Row:
    """A concept by the columns of core.concept, but for the time."""
    named: dict[str, Any] = {
        "policy": policy.head.policy,
        "policy_version": policy.head.version,
        "version": concept.version,
        "is_active": True,
    }
    return named | concept.content

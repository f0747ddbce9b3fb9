"""A person's answer to one of Airflow's approval tasks, as the stages behind it read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from carlos_tasks.aliases import Row


@dataclass(frozen=True)
class Approval:
    """Whether somebody said yes, who that was, and when (ISO 8601)."""

    is_approved: bool
    user_id: str | None
    user_name: str | None
    answered_at: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any] | None) -> "Approval":
        """Read what Airflow's ApprovalOperator returned; what is missing in it counts as no answer."""
        answer = answer or {}
        user = answer.get("responded_by_user") or {}
        at = answer.get("responded_at")
        return cls(
            is_approved="Approve" in answer.get("chosen_options", ()),
            user_id=user.get("id"),
            user_name=user.get("name"),
            answered_at=at.isoformat() if isinstance(at, datetime) else at,
        )


@dataclass(frozen=True)
class ApprovedBatch:
    """What was approved together, by whom, and the hash of what the person was shown."""

    batch_id: str
    content_hash: str
    approval: Approval

    def row(self) -> Row:
        """Its row of core.approval, but for its time."""
        return {
            "batch_id": self.batch_id,
            "content_hash": self.content_hash,
            "user_id": self.approval.user_id,
            "user_name": self.approval.user_name,
            "answered_at": _moment(self.approval.answered_at),
        }


def _moment(text: str | None) -> datetime | None:
    """A time as Airflow writes it; UTC where it names no zone, None where it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

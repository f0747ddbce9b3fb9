"""A person's answer to one of Airflow's approval tasks, as the stages behind it read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


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

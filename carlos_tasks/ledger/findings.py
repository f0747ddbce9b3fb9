"""What a verification finds: one fault of one entry or record, in one line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        fault: its name: changed, deleted, not_entered, duplicate, gap, fork, broken_link, altered_entry, backwards,
            backdated, not_signed, signature, key, head, history, stamp or unreadable.
        detail: what is wrong, one clause.
        position: the entry's, if one is concerned.
        kind: the record's, if one is concerned.
        record_id: its id.
    """

    fault: str
    detail: str
    position: int | None = None
    kind: str | None = None
    record_id: str | None = None

    def __str__(self) -> str:
        place = [f"position {self.position}"] if self.position is not None else []
        record = [f"{self.kind} {self.record_id}"] if self.kind else []
        return f"{', '.join(place + record) or 'the chain'}: {self.fault}: {self.detail}"

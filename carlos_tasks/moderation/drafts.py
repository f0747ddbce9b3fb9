"""What an analyst decides, and what is taken in as a complaint, before the lake has seen it.

A draft that can never be right is refused here; `decisions` and `notices` tell whether it fits what the lake knows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from carlos_tasks.errors import CarlosError
from carlos_tasks.moderation.free_text import check_text
from carlos_tasks.moderation.vocabulary import ACTING, ACTIONS, GROUNDS, NOTICE_CATEGORIES, OUTCOMES, SENDER_KINDS
from carlos_tasks.untrusted.text import says_something

_MOST_EVIDENCE, _LONGEST_EVIDENCE = 1000, 1000
# How far ahead the clock of whoever sends a notice may be.
_FIRST_YEAR = 2000
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class DecisionDraft:
    """One step about one LoRA, to be recorded.

    Args:
        lora_id: a whole id, or its first digits where they name only one.
        action: one of `vocabulary.ACTIONS`.
        analyst: who decides.
        reasons: why, in words; needed for every action but assign and skip.
        ground: illegal_content or incompatible_content; needed where content is acted on.
        ground_reference: the law, or the clause of the terms; where content is acted on, that or a concept is needed.
        category: of a statement of reasons; None: the concept's.
        concept: the concept applied, as `concept_id` or `policy/concept_id`.
        refers_to: the decision appealed against, or the appeal answered; None: the only one there is.
        notice_id: the complaint answered; None: of a decision, the oldest that is open.
        assignee: who is to look at the case (assign).
        snapshot_id: the lake that the evidence was read at; None: as it is now.
        evidence: what it stands on; None: the signals, open complaints and kept images of the LoRA.
        automated_detection: the platform found it; None: told from signals and complaints.

    Raises:
        CarlosError: a value that can never be right; the message says which and what to write.
    """

    lora_id: str
    action: str
    analyst: str
    reasons: str | None = None
    ground: str | None = None
    ground_reference: str | None = None
    category: str | None = None
    concept: str | None = None
    refers_to: str | None = None
    notice_id: str | None = None
    assignee: str | None = None
    snapshot_id: int | None = None
    evidence: tuple[str, ...] | None = None
    automated_detection: bool | None = None

    def __post_init__(self) -> None:
        _one_of("action", self.action, ACTIONS)
        if not says_something(self.analyst):
            raise CarlosError("who decides? A decision needs its analyst")
        if self.action not in ("assign", "skip") and not says_something(self.reasons):
            raise CarlosError(f"{self.action} needs reasons: say why, in words")
        for name in ("reasons", "ground_reference", "analyst", "assignee"):
            check_text(name, getattr(self, name))
        self._check_ground()
        self._check_fields_of_action()
        _check_evidence(self.evidence)

    def _check_ground(self) -> None:
        if self.action not in ACTING:
            for name in ("ground", "ground_reference", "category"):
                if getattr(self, name) is not None:
                    raise CarlosError(f"{self.action} does nothing to the content: leave {name} out")
            return
        if self.ground is None:
            raise CarlosError(f"{self.action} acts on the content and needs a ground: {' or '.join(GROUNDS)}")
        _one_of("ground", self.ground, GROUNDS)
        if not says_something(self.ground_reference) and self.concept is None:
            raise CarlosError(f"{self.action} needs a reference, the law or the clause that it stands on, or a concept")
        if self.category is not None:
            from carlos_tasks.policies.statement_rules import CATEGORIES

            _one_of("category", self.category, sorted(CATEGORIES))

    def _check_fields_of_action(self) -> None:
        if (self.action == "assign") != says_something(self.assignee):
            raise CarlosError("assign needs an assignee, and nothing else takes one")
        if self.refers_to is not None and self.action not in ("appeal", "comment", *OUTCOMES):
            raise CarlosError(f"{self.action} refers to nothing: leave refers_to out")


@dataclass(frozen=True)
class NoticeDraft:
    """A complaint from outside about one LoRA.

    Args:
        lora_id: a whole id, or its first digits where they name only one.
        category: one of `vocabulary.NOTICE_CATEGORIES`.
        sender_kind: one of `vocabulary.SENDER_KINDS`.
        recorded_by: who takes it in.
        sender: who sent it; personal data, in no report.
        text: what it says.
        received_at: when it came in (without a zone: UTC); None: now.
        concept: the concept that it names, as `concept_id` or `policy/concept_id`.

    Raises:
        CarlosError: a value that can never be right; the message says which and what to write.
    """

    lora_id: str
    category: str
    sender_kind: str
    recorded_by: str
    sender: str | None = None
    text: str | None = None
    received_at: datetime | None = None
    concept: str | None = None

    def __post_init__(self) -> None:
        _one_of("category", self.category, NOTICE_CATEGORIES)
        _one_of("sender_kind", self.sender_kind, SENDER_KINDS)
        if not says_something(self.recorded_by):
            raise CarlosError("who takes the notice in? Name who records it")
        for name in ("sender", "text", "recorded_by"):
            check_text(name, getattr(self, name))
        if self.received.year < _FIRST_YEAR:
            raise CarlosError(f"a notice cannot have come in in the year {self.received.year}: give the time it came")
        if self.received > datetime.now(UTC) + _CLOCKS_DIFFER:
            raise CarlosError(
                f"a notice cannot have come in at {self.received:%Y-%m-%d %H:%M UTC}, which is yet to come"
            )

    @property
    def received(self) -> datetime:
        """When it came in, with its zone."""
        given = self.received_at or datetime.now(UTC)
        return given if given.tzinfo else given.replace(tzinfo=UTC)


def _one_of(name: str, value: str, allowed: tuple[str, ...] | list[str]) -> None:
    if value not in allowed:
        raise CarlosError(f"there is no {name.replace('_', ' ')} {value!r}: choose of {', '.join(allowed)}")


def _check_evidence(evidence: tuple[str, ...] | None) -> None:
    for entry in evidence or ():
        if not entry.strip() or len(entry) > _LONGEST_EVIDENCE or not entry.isprintable():
            raise CarlosError(
                f"{entry[:40]!r} names no evidence: give a signal, a notice or a key, 1 to 1000 characters"
            )
    if len(evidence or ()) > _MOST_EVIDENCE:
        raise CarlosError(f"{len(evidence or ())} pieces of evidence: at most {_MOST_EVIDENCE}")

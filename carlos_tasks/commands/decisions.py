"""Recording what was decided, taking complaints in, and what was sent: `carlos decide`, `notice`, `submission`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carlos_tasks.aliases import Row
from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings
from carlos_tasks.console import print_json, print_table, say
from carlos_tasks.errors import CarlosError
from carlos_tasks.moderation.vocabulary import Action, Ground, NoticeCategory, SenderKind, SubmissionState

if TYPE_CHECKING:
    from carlos_tasks.ledger.keys import Signer
    from carlos_tasks.settings import Settings

DECISION_COLUMNS = (
    "decision_id",
    "lora_id",
    "action",
    "analyst",
    "decided_at",
    "snapshot_id",
    "notice_id",
    "refers_to",
    "signature",
)
COPY_COLUMNS = ("kind", "lora_id", "name", "cosine", "listed_at")
NOTICE_COLUMNS = ("notice_id", "lora_id", "category", "sender_kind", "received_at", "due_at", "recorded_by")
SUBMISSION_COLUMNS = ("month", "number", "state", "n_statements", "submitted_at", "submitted_by", "answered_at")

Text = str | None
KeyFile = Annotated[Path | None, typer.Option(metavar="FILE", help="your own key, which signs it: carlos keys new")]

app = typer.Typer()


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"no time: {text!r} (write 2026-11-23T14:30)") from exc


@app.command(cls=LakeCommand)
def decide(
    action: Annotated[Action, typer.Argument(metavar="ACTION", help="the step that is recorded")],
    lora_ids: Annotated[
        list[str], typer.Argument(metavar="LORA_ID", help="an id or its first digits; all or none is written")
    ],
    by: Annotated[str, typer.Option(metavar="NAME", help="who decides")],
    reasons: Annotated[Text, typer.Option(metavar="TEXT", help="why; needed for all but assign and skip")] = None,
    ground: Annotated[Ground | None, typer.Option(help="needed by takedown, restrict and label")] = None,
    reference: Annotated[Text, typer.Option(metavar="TEXT", help="the law, or the clause of the terms")] = None,
    category: Annotated[Text, typer.Option(metavar="STATEMENT_CATEGORY_…", help="of the statement of reasons")] = None,
    concept: Annotated[Text, typer.Option(metavar="ID", help="the concept applied; carlos concepts lists them")] = None,
    refers_to: Annotated[
        Text, typer.Option(metavar="DECISION_ID", help="what is appealed against, or the appeal answered")
    ] = None,
    notice: Annotated[
        Text, typer.Option(metavar="NOTICE_ID", help="the complaint answered (default: the oldest open one)")
    ] = None,
    to: Annotated[Text, typer.Option(metavar="NAME", help="who is to look at it (assign)")] = None,
    snapshot: Annotated[
        int | None, typer.Option(metavar="N", help="where the evidence was read (default: now)")
    ] = None,
    evidence: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="what it stands on (default: signals, notices and images)"),
    ] = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Record a step about LoRAs.

    Nothing is ever changed, only added: docs/moderation.md#decisions.
    """
    from carlos_tasks.moderation.decisions import decide_many, still_there
    from carlos_tasks.moderation.drafts import DecisionDraft

    drafts = [
        DecisionDraft(
            lora_id,
            action,
            by,
            reasons=reasons,
            ground=ground,
            ground_reference=reference,
            category=category,
            concept=concept,
            refers_to=refers_to,
            notice_id=notice,
            assignee=to,
            snapshot_id=snapshot,
            evidence=None if evidence is None else tuple(evidence),
        )
        for lora_id in lora_ids
    ]
    settings = load_settings()
    recorded = decide_many(settings, drafts, signer=_signer(key))
    copies, removed = still_there(settings, recorded)
    still_shown = _hide_pictures(settings) if action == "takedown" else None
    if as_json:
        duplicates = {row["lora_id"]: [one for one in copies if one["of_id"] == row["lora_id"]] for row in recorded}
        print_json([row | {"duplicates": duplicates[row["lora_id"]]} for row in recorded])
    else:
        _print_decisions(recorded, copies, removed)
    if still_shown:
        raise still_shown
    return 0


def _print_decisions(recorded: list[Row], copies: list[Row], removed: list[Row]) -> None:
    """Say what was decided, and what is left to look at."""
    print_table([row | {"signature": _held(row)} for row in recorded], DECISION_COLUMNS)
    for row in recorded:
        its_copies = [one for one in copies if one["of_id"] == row["lora_id"]]
        if its_copies:
            say(f"\nthe same as {row['lora_id'][:12]} (other LoRAs are in mart.moderation_queue now):")
            print_table(its_copies, COPY_COLUMNS)
    for row in removed:
        say(
            f"\n{row['lora_id'][:12]} is still kept from search, by {row['action']} {row['decision_id']}: "
            "appeal against that, and overturn it"
        )


def _hide_pictures(settings: "Settings") -> CarlosError | None:
    """Let a takedown take effect on what was drawn before; returns what was in the way."""
    from carlos_tasks.reports.takedowns import hide_pictures

    try:
        hide_pictures(settings)
    except CarlosError as exc:
        return CarlosError(
            f"the takedown is in force, but sheets and reports that were kept before may still show pictures: {exc} "
            "(run carlos report redact)"
        )
    return None


@app.command(cls=LakeCommand)
def notice(
    lora_id: Annotated[str, typer.Argument(metavar="LORA_ID", help="an id or its first digits")],
    category: Annotated[NoticeCategory, typer.Option(help="what it complains of")],
    sender_kind: Annotated[SenderKind, typer.Option("--from", help="what the sender is")],
    by: Annotated[str, typer.Option(metavar="NAME", help="who takes it in")],
    sender: Annotated[Text, typer.Option(metavar="NAME", help="who sent it; in no report")] = None,
    text: Annotated[Text, typer.Option(metavar="TEXT", help="what it says")] = None,
    received: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=_time, help="ISO 8601, UTC without a zone (default: now)"),
    ] = None,
    concept: Annotated[Text, typer.Option(metavar="ID", help="the concept that it names")] = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Take in a complaint about a LoRA.

    docs/moderation.md#notices says what follows from it.
    """
    from carlos_tasks.moderation.drafts import NoticeDraft
    from carlos_tasks.moderation.notices import add_notice

    draft = NoticeDraft(
        lora_id,
        category,
        sender_kind,
        by,
        sender=sender,
        text=text,
        received_at=received,
        concept=concept,
    )
    taken = add_notice(load_settings(), draft, _signer(key))
    if as_json:
        print_json([taken])
    else:
        print_table([taken], NOTICE_COLUMNS)
    return 0


@app.command(cls=LakeCommand)
def submission(
    state: Annotated[SubmissionState, typer.Argument(metavar="STATE", help="what became of the files")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="statements/0001.json of a report; all or none is recorded")
    ],
    by: Annotated[str, typer.Option(metavar="NAME", help="who sent them, or records the answer")],
    at: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=_time, help="ISO 8601, UTC without a zone (default: now)"),
    ] = None,
    answer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="what the database answered; needed where it refused")
    ] = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Record what was sent to the transparency database.

    And what it answered; nothing is sent: docs/moderation.md#statements-of-reasons.
    """
    from carlos_tasks.moderation.submissions import record_submissions

    recorded = record_submissions(load_settings(), state, files, by, at=at, answer=answer, signer=_signer(key))
    if as_json:
        print_json(recorded)
    else:
        print_table(recorded, SUBMISSION_COLUMNS)
    return 0


def _signer(key: Path | None) -> "Signer | None":
    from carlos_tasks.ledger.keys import read_signer

    return read_signer(key) if key else None


def _held(row: Row) -> str:
    """How a decision is held, in words: recorded or signed, and whether by who decided."""
    by_analyst = {"signed": f", and by {row['analyst']}", "not signed": f", not by {row['analyst']}"}
    return f"{row['signature']}{by_analyst.get(row['analyst_signature'], '')}"

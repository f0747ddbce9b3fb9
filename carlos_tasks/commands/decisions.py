"""Signing what was decided, and taking complaints in: `carlos decide`, `carlos notice`."""

import argparse
from datetime import datetime
from typing import Any

from carlos_tasks.commands.command import add_command
from carlos_tasks.console import print_json, print_table
from carlos_tasks.moderation.drafts import ACTIONS, GROUNDS, NOTICE_CATEGORIES, SENDER_KINDS, DecisionDraft, NoticeDraft
from carlos_tasks.settings import load_settings

DECISION_COLUMNS = (
    "decision_id",
    "lora_id",
    "action",
    "analyst",
    "decided_at",
    "snapshot_id",
    "notice_id",
    "refers_to",
)
COPY_COLUMNS = ("kind", "lora_id", "name", "cosine", "listed_at")
NOTICE_COLUMNS = ("notice_id", "lora_id", "category", "sender_kind", "received_at", "due_at", "recorded_by")


def add_decision_commands(commands: Any) -> None:
    """Add them to the subparsers of `carlos`."""
    command = add_command(commands, "decide", _decide, "sign a step about LoRAs: nothing is ever changed, only added")
    command.add_argument("action", metavar="ACTION", choices=ACTIONS, help=", ".join(ACTIONS))
    command.add_argument(
        "lora_ids", metavar="LORA_ID", nargs="+", help="an id or its first digits; all or none is written"
    )
    command.add_argument("--by", metavar="NAME", required=True, help="who signs")
    command.add_argument("--reasons", metavar="TEXT", help="why; needed for all but assign and skip")
    command.add_argument("--ground", choices=GROUNDS, help="needed by takedown, restrict and label")
    command.add_argument("--reference", metavar="TEXT", help="the law, or the clause of the terms")
    command.add_argument("--category", metavar="STATEMENT_CATEGORY_…", help="of the statement of reasons")
    command.add_argument("--concept", metavar="ID", help="the concept applied; carlos concepts lists them")
    command.add_argument("--refers-to", metavar="DECISION_ID", help="what is appealed against, or the appeal answered")
    command.add_argument("--notice", metavar="NOTICE_ID", help="the complaint answered (default: the oldest open one)")
    command.add_argument("--to", metavar="NAME", help="who is to look at it (assign)")
    command.add_argument("--snapshot", metavar="N", type=int, help="where the evidence was read (default: now)")
    command.add_argument(
        "--evidence", metavar="ID", action="append", help="what it stands on (default: signals, notices and images)"
    )

    command = add_command(commands, "notice", _notice, "take in a complaint about a LoRA")
    command.add_argument("lora_id", metavar="LORA_ID", help="an id or its first digits")
    command.add_argument("--category", choices=NOTICE_CATEGORIES, required=True, help="what it complains of")
    command.add_argument("--from", dest="sender_kind", choices=SENDER_KINDS, required=True, help="what the sender is")
    command.add_argument("--by", metavar="NAME", required=True, help="who takes it in")
    command.add_argument("--sender", metavar="NAME", help="who sent it; in no report")
    command.add_argument("--text", metavar="TEXT", help="what it says")
    command.add_argument("--received", metavar="TIME", type=_time, help="ISO 8601, UTC without a zone (default: now)")
    command.add_argument("--concept", metavar="ID", help="the concept that it names")


def _decide(options: argparse.Namespace) -> int:
    from carlos_tasks.moderation.decisions import decide_many, still_there

    drafts = [
        DecisionDraft(
            lora_id,
            options.action,
            options.by,
            reasons=options.reasons,
            ground=options.ground,
            ground_reference=options.reference,
            category=options.category,
            concept=options.concept,
            refers_to=options.refers_to,
            notice_id=options.notice,
            assignee=options.to,
            snapshot_id=options.snapshot,
            evidence=None if options.evidence is None else tuple(options.evidence),
        )
        for lora_id in options.lora_ids
    ]
    settings = load_settings()
    signed = decide_many(settings, drafts)
    copies, removed = still_there(settings, signed)
    if options.json:
        print_json([row | {"duplicates": [one for one in copies if one["of_id"] == row["lora_id"]]} for row in signed])
        return 0
    print_table(signed, DECISION_COLUMNS)
    for row in signed:
        its_copies = [one for one in copies if one["of_id"] == row["lora_id"]]
        if its_copies:
            print(f"\nthe same as {row['lora_id'][:12]} (other LoRAs are in mart.moderation_queue now):")
            print_table(its_copies, COPY_COLUMNS)
    for row in removed:
        print(
            f"\n{row['lora_id'][:12]} is still kept from search, by {row['action']} {row['decision_id']}: "
            "appeal against that, and overturn it"
        )
    return 0


def _notice(options: argparse.Namespace) -> int:
    from carlos_tasks.moderation.notices import add_notice

    draft = NoticeDraft(
        options.lora_id,
        options.category,
        options.sender_kind,
        options.by,
        sender=options.sender,
        text=options.text,
        received_at=options.received,
        concept=options.concept,
    )
    taken = add_notice(load_settings(), draft)
    if options.json:
        print_json([taken])
    else:
        print_table([taken], NOTICE_COLUMNS)
    return 0


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"no time: {text!r} (write 2026-11-23T14:30)") from exc

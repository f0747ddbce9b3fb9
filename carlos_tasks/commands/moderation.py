"""Concepts of the policy, and scoring with them: `carlos concepts`, `carlos score`."""

import argparse
import sys
from typing import Any

from carlos_tasks.commands.command import add_command, print_rows
from carlos_tasks.console import printable
from carlos_tasks.errors import PassingError, SettingsError
from carlos_tasks.settings import Settings, load_settings

CONCEPT_COLUMNS = ("concept_id", "title", "section", "severity", "due_hours", "q_max", "score_min", "texts", "version")
_FAULT_COLUMNS = ("file", "field", "fault")


def add_moderation_commands(commands: Any) -> None:
    """Add them to the subparsers of `carlos`."""
    command = add_command(commands, "concepts", _concepts, "list the concepts of the policy, or check a folder")
    command.add_argument("--check", metavar="FOLDER", help="tell all that is wrong with the policy in this folder")

    command = add_command(commands, "score", _score, "score what is new with the concepts of the policy")
    command.add_argument("--again", action="store_true", help="score every LoRA with every concept again")


def _concepts(options: argparse.Namespace) -> int:
    from carlos_tasks.moderation.concepts import concept_row
    from carlos_tasks.policies.files import policy_in_force
    from carlos_tasks.profiles.profile import load_profile

    settings = load_settings()
    if options.check is not None:
        return _check(options, settings)
    policy = policy_in_force(settings, load_profile(settings.profile))
    rows = [concept_row(policy, concept) for concept in policy.concepts]
    return print_rows(options, rows, () if options.json else CONCEPT_COLUMNS)


def _check(options: argparse.Namespace, settings: Settings) -> int:
    """Print every fault of a policy, or that there is none; 1 where there is one."""
    from carlos_tasks.policies.faults import refused_texts
    from carlos_tasks.policies.files import examine
    from carlos_tasks.profiles.profile import load_profile
    from carlos_tasks.retrieval.query_encoder import load_query_encoder

    policy, faults = examine(options.check)
    if policy is not None:
        profile = load_profile(settings.profile)
        try:
            faults = list(refused_texts(policy, load_query_encoder(profile, settings.device).vector))
        except (PassingError, SettingsError) as exc:
            print(f"carlos: the texts are not tried: {printable(str(exc))}", file=sys.stderr)
    if faults or options.json:
        print_rows(options, [fault.row() for fault in faults], _FAULT_COLUMNS)
    elif policy is not None:
        n_concepts, n_neutral = len(policy.concepts), len(policy.neutral_texts)
        print(f"policy {policy.head.policy} is sound: {n_concepts} concepts, {n_neutral} neutral texts")
    return 1 if faults else 0


def _score(options: argparse.Namespace) -> int:
    from carlos_tasks.moderation.scoring import score_concepts

    return print_rows(options, [score_concepts(load_settings(), again=options.again)])

"""Concepts of the policy, and scoring with them: `carlos concepts`, `carlos score`."""

from typing import TYPE_CHECKING, Annotated

import typer

from carlos_tasks.commands.command import AsJson, LakeCommand, load_settings, print_rows
from carlos_tasks.console import printable, say
from carlos_tasks.errors import PassingError, SettingsError

if TYPE_CHECKING:
    from carlos_tasks.settings import Settings

CONCEPT_COLUMNS = ("concept_id", "title", "section", "severity", "due_hours", "q_max", "score_min", "texts", "version")
_FAULT_COLUMNS = ("file", "field", "fault")

app = typer.Typer()


@app.command(cls=LakeCommand)
def concepts(
    check: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="tell all that is wrong with the policy in this folder")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List the concepts of the policy, or check a folder.

    `--check` names every fault of a policy's folder: docs/moderation.md#policies-and-concepts.
    """
    from carlos_tasks.moderation.concepts import concept_row
    from carlos_tasks.policies.files import policy_in_force
    from carlos_tasks.profiles.profile import load_profile

    settings = load_settings()
    if check is not None:
        return _check(check, as_json, settings)
    policy = policy_in_force(settings, load_profile(settings.profile))
    rows = [concept_row(policy, concept) for concept in policy.concepts]
    return print_rows(rows, as_json, () if as_json else CONCEPT_COLUMNS)


@app.command(cls=LakeCommand)
def score(
    again: Annotated[bool, typer.Option("--again", help="score every LoRA with every concept again")] = False,
    as_json: AsJson = False,
) -> int:
    """Score what is new with the concepts of the policy."""
    from carlos_tasks.moderation.scoring import score_concepts
    from carlos_tasks.nightly.stage_reports import as_json as report_json

    return print_rows([report_json(score_concepts(load_settings(), again=again))], as_json)


def _check(folder: str, as_json: bool, settings: "Settings") -> int:
    """Print every fault of a policy, or that there is none; 1 where there is one."""
    from carlos_tasks.policies.faults import refused_texts
    from carlos_tasks.policies.files import examine
    from carlos_tasks.profiles.profile import load_profile
    from carlos_tasks.retrieval.query_encoder import load_query_encoder

    policy, faults = examine(folder)
    if policy is not None:
        profile = load_profile(settings.profile)
        try:
            faults = list(refused_texts(policy, load_query_encoder(profile, settings.device).vector))
        except (PassingError, SettingsError) as exc:
            say(f"carlos: the texts are not tried: {printable(str(exc))}", to_stderr=True)
    if faults or as_json:
        print_rows([fault.row() for fault in faults], as_json, _FAULT_COLUMNS)
    elif policy is not None:
        n_concepts, n_neutral = len(policy.concepts), len(policy.neutral_texts)
        say(f"policy {printable(policy.head.policy)} is sound: {n_concepts} concepts, {n_neutral} neutral texts")
    return 1 if faults else 0

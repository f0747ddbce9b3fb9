"""Scoring LoRAs with the concepts of a policy: what is new, in one commit, and none where nothing is.

A LoRA is scored with a concept when there is no score of it for this version of the concept, these neutral texts and
this measurement. The encoder is loaded for texts that the store holds no vector of, and for pictures.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.calibration.measured import Measured, read_measured
from carlos_tasks.errors import PassingError, SettingsError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.moderation.answers import Answers, answer
from carlos_tasks.moderation.concepts import add_concepts, changed_concepts
from carlos_tasks.moderation.intervals import score_intervals, worth_an_interval
from carlos_tasks.moderation.questions import Question, QuestionKey, image_questions, questions_of, text_questions
from carlos_tasks.moderation.run import Run, add_scores, unanswered
from carlos_tasks.policies.files import policy_in_force
from carlos_tasks.policies.policy import Policy
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.retrieval.query_encoder import load_query_encoder
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoreReport:
    """What a run added: LoRAs, tests, and tests that show their concept. `n_concepts` are those of the policy.

    Where the profile's encoder cannot be loaded, `left_out` says why, and nothing is scored.
    """

    n_loras: int
    n_concepts: int
    n_tests: int
    n_shown: int
    snapshot_id: int
    left_out: str | None = None


def score_concepts(settings: Settings, again: bool = False) -> ScoreReport:
    """Load the policy into the lake, and score the LoRAs of the profile that it has not scored yet.

    Args:
        settings: where the lake lies, the profile, the policy, the device.
        again: score every LoRA with every concept, whatever was scored before.

    Raises:
        NotFound: there is no lake yet, or no such policy.
        CarlosError: the policy is not sound, or its encoder refuses one of its texts; the message names file and field.
        PassingError: another commit came in between, or catalog or storage did not answer.
    """
    profile = load_profile(settings.profile)
    policy = policy_in_force(settings, profile)
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        migrate(con)
        return _score(con, settings, profile, policy, again)


def _score(
    con: duckdb.DuckDBPyConnection, settings: Settings, profile: Profile, policy: Policy, again: bool
) -> ScoreReport:
    changed, n_retired = changed_concepts(con, policy)
    report: Row = {"n_loras": 0, "n_concepts": len(policy.concepts), "n_tests": 0, "n_shown": 0}
    run = None
    try:
        run = _run(con, settings, profile, policy, again)
    except (PassingError, SettingsError) as exc:
        # What was measured here can be scored here, later if not now; an imported index may be read without an encoder.
        if profile.origin != "imported":
            raise
        report["left_out"] = str(exc)
        log.warning("profile %s is not scored: %s", profile.name, exc)
    if changed or n_retired or run is not None:
        facts: Row = {"profile_id": profile.profile_id, "policy": policy.head.policy}
        with transaction(con, "concepts", facts):
            add_concepts(con, policy, changed)
            if run is not None:
                report["n_loras"] = len(np.unique(run.answers.lora))
                report |= add_scores(con, profile.profile_id, policy.head.policy, run)
            facts |= report
    return ScoreReport(**report, snapshot_id=snapshot_id(con))


def _run(
    con: duckdb.DuckDBPyConnection, settings: Settings, profile: Profile, policy: Policy, again: bool
) -> Run | None:
    """Hold what is new against the policy; None where nothing is."""
    asked = questions_of(policy, profile)
    loras, is_new = unanswered(con, profile.profile_id, policy.head.policy, asked)
    is_new |= again
    if not is_new.any():
        return None
    measured = _read(con, profile)
    # A LoRA that was committed since they were listed waits for the next run; one without a Direction has no score.
    places = np.array([measured.place.get(lora["lora_id"], -1) for lora in loras])
    loras = [lora for lora, place in zip(loras, places, strict=True) if place >= 0]
    is_asked = np.zeros((len(measured.loras), len(asked)), bool)
    is_asked[places[places >= 0]] = is_new[places >= 0]
    is_any = np.asarray(is_asked.any(axis=0))
    if not is_any.any():
        return None
    chosen = [one for one, is_in in zip(asked, is_any, strict=True) if is_in]
    questions = _questions(con, settings, profile, policy, chosen, measured)
    answers = answer(questions, measured.field.units, is_asked[:, is_any])
    ends = _ends(con, profile, measured.lora_ids, questions, answers)
    computed = {lora["lora_id"]: lora["computed_at"] for lora in loras}
    known = [
        {"number": number, "computed_at": computed.get(lora["lora_id"])} | lora
        for number, lora in enumerate(measured.loras)
    ]
    return Run(known, [question.asked for question in questions], answers, ends)


def _read(con: duckdb.DuckDBPyConnection, profile: Profile) -> Measured:
    """The measured LoRAs, both statements from one state of the lake."""
    con.execute("begin")
    try:
        return read_measured(con, profile)
    finally:
        con.execute("rollback")


def _questions(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    profile: Profile,
    policy: Policy,
    asked: Sequence[QuestionKey],
    measured: Measured,
) -> list[Question]:
    encoder = load_query_encoder(profile, settings.device, open_store(settings.store))
    texts = [one for one in asked if one.basis == "texts"]
    images = [one for one in asked if one.basis == "images"]
    found = text_questions(texts, policy, profile.profile_id, encoder.vector, measured.field.units) if texts else []
    return found + (image_questions(images, con, profile, settings, measured) if images else [])


def _ends(
    con: duckdb.DuckDBPyConnection,
    profile: Profile,
    lora_ids: Sequence[str],
    questions: Sequence[Question],
    answers: Answers,
) -> Doubles:
    """Intervals of the scores that chance hardly explains, (m, 2); nan for all others."""
    ends = np.full((len(answers), 2), np.nan)
    is_told = worth_an_interval(answers)
    tests = [
        (int(lora), questions[number])
        for lora, number in zip(answers.lora[is_told], answers.question[is_told], strict=True)
    ]
    if tests:
        ends[is_told] = score_intervals(con, profile.profile_id, lora_ids, tests)
    return ends

"""`carlos evaluate`: measures the index of a profile, and writes down what it found."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from carlos_tasks.errors import CarlosError
from carlos_tasks.evaluation.calibration.attribution import attribution
from carlos_tasks.evaluation.calibration.concepts import concepts
from carlos_tasks.evaluation.calibration.queue import queue
from carlos_tasks.evaluation.convergence.convergence import convergence
from carlos_tasks.evaluation.corpus.corpus import Corpus, read_corpus
from carlos_tasks.evaluation.corpus.study import Options, Study
from carlos_tasks.evaluation.corpus.truth import Truth, judge, read_truth, shipped_truth
from carlos_tasks.evaluation.landscape.clusters import clusters
from carlos_tasks.evaluation.landscape.landscape import landscape
from carlos_tasks.evaluation.landscape.likeness import likeness
from carlos_tasks.evaluation.rankings.ablation import ablation
from carlos_tasks.evaluation.rankings.diversity import diversity
from carlos_tasks.evaluation.rankings.retrieval import retrieval
from carlos_tasks.evaluation.report import Report, write_report
from carlos_tasks.evaluation.section import Section
from carlos_tasks.evaluation.weights.weights import weights
from carlos_tasks.extras import require
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.ledger.chain import head
from carlos_tasks.ledger.keys import signer_of
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings

log = logging.getLogger(__name__)

SECTIONS: dict[str, Callable[[Study], list[Section]]] = {
    "retrieval": retrieval,
    "ablation": ablation,
    "diversity": diversity,
    "convergence": convergence,
    "landscape": landscape,
    "likeness": likeness,
    "clusters": clusters,
    "concepts": concepts,
    "attribution": attribution,
    "queue": queue,
    "weights": weights,
}
"""What can be asked for by name, in the order of the report."""


def evaluate(
    settings: Settings,
    out: Path,
    queries: Path | None = None,
    *,
    sections: Sequence[str] = (),
    options: Options | None = None,
) -> Report:
    """Evaluate the profile of `settings` and write the report. The lake is read only.

    Args:
        out: a folder; made if it is not there, and files of the same names are replaced.
        queries: queries and labelled LoRAs (`evaluation.corpus.truth.read_truth`); without it the micro world's
            where its LoRAs are indexed, else the sections that need them say why they are left out.
        sections: names of SECTIONS; all where it is empty.

    Raises:
        NotFound: nothing is measured under the profile, or there is no such file of queries.
        SettingsError: the extra `evaluation` is not installed.
        CarlosError: an unknown section; a file of queries that is none, or that has no answer in this lake.
    """
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        raise CarlosError(f"there is no section {', '.join(map(repr, unknown))}; there are {', '.join(SECTIONS)}")
    if out.exists() and not out.is_dir():
        raise CarlosError(f"{out} is a file: name a folder for the report")
    require("carlos evaluate", "evaluation")
    profile = load_profile(settings.profile)
    with connect(settings) as con, lake_errors():
        last = head(con)
        corpus = read_corpus(con, profile)
        truth = _truth(corpus, queries)
        study = Study(con, corpus, truth, options or Options(), settings.device)
        found: list[Section] = []
        for name, make in SECTIONS.items():
            if not sections or name in sections:
                log.info("evaluating: %s", name)
                found += make(study)
    report = Report(
        profile=profile.name,
        profile_id=profile.profile_id,
        snapshot_id=corpus.snapshot_id,
        committed_at=corpus.committed_at,
        n_loras=len(corpus.loras),
        n_queries=len(study.queries),
        sections=tuple(found),
    )
    write_report(report, out, signer_of(settings), last)
    return report


def _truth(corpus: Corpus, queries: Path | None) -> Truth | None:
    if not corpus.profile.identity.encoder.reads_text:
        if queries is not None:
            raise CarlosError(f"the encoder of profile {corpus.profile.name} reads no text: leave out --queries")
        return None  # no query can be asked
    if queries is None:
        return shipped_truth(corpus.lora_ids, corpus.has_direction)
    truth = judge(read_truth(queries), corpus.lora_ids, corpus.has_direction)
    if truth is None:
        raise CarlosError(
            f"no query of {queries} has a right answer among the LoRAs of profile {corpus.profile.name}: each sha256 "
            "in it is to be the lora_id of a LoRA that was measured (mart.lora has them)"
        )
    return truth

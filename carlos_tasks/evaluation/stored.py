"""Keeps evaluations in the store, one per state of the lake: what the DAG `evaluate_index` does."""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from carlos_tasks.evaluation.evaluate import evaluate
from carlos_tasks.evaluation.report import FACTS
from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import evaluation_prefix

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptEvaluation:
    """Where an evaluation lies in the store, and whether it was made now; `left_out`: sections that were not to be had.

    `n_files` counts the files that were uploaded: none where the evaluation was there already.
    """

    prefix: str
    is_new: bool
    n_files: int = 0
    left_out: tuple[str, ...] = ()


def evaluate_and_keep(settings: Settings, *, again: bool = False) -> KeptEvaluation:
    """Evaluate the lake as it is and upload the report; one that is there already is left alone.

    report.json goes last, so where it lies the report is whole: a task that was killed is simply run again.

    Args:
        again: evaluate also where this state has a report, e.g. after an upgrade.

    Raises:
        NotFound: nothing is measured under the profile yet.
    """
    profile = load_profile(settings.profile)
    store = open_store(settings.store)
    with connect(settings) as con:
        (snapshot_id,) = con.execute("select max(snapshot_id) from mart.commit_log").fetchall()[0]
    place = evaluation_prefix(profile.profile_id, snapshot_id)
    if not again and store.exists(place + FACTS):
        return KeptEvaluation(place, is_new=False)
    with tempfile.TemporaryDirectory(prefix="carlos-evaluation-") as folder:
        report = evaluate(settings, Path(folder))
        # The lake may have moved on between the two looks at it: the report says what it read.
        place = evaluation_prefix(report.profile_id, report.snapshot_id)
        files = sorted(Path(folder).iterdir(), key=lambda path: (path.name == FACTS, path.name))
        for path in files:
            store.write(place + path.name, path.read_bytes())
    left_out = tuple(section.name for section in report.sections if section.left_out)
    log.info("%d files of the evaluation lie at %s", len(files), place)
    return KeptEvaluation(place, True, len(files), left_out)

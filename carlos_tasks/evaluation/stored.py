"""Keeps evaluations in the store, one per state of the lake: what the DAG `evaluate_index` does."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import orjson

from carlos_tasks.evaluation.evaluate import evaluate
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import lake_state
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.bundles.seal import MANIFEST
from carlos_tasks.reports.bundles.stored import entry_of_kept, upload_report
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import evaluation_prefix


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

    The manifest goes last, and is entered in the ledger then: a task that was killed is simply run again.

    Args:
        again: evaluate also where this state has a report, e.g. after an upgrade.

    Raises:
        NotFound: nothing is measured under the profile yet.
    """
    profile = load_profile(settings.profile)
    store = open_store(settings.store)
    with connect(settings) as con, lake_errors():
        snapshot_id, _ = lake_state(con)
        place = evaluation_prefix(profile.profile_id, snapshot_id)
        is_there = entry_of_kept(con, store, place) is not None
    if not again and is_there:
        return KeptEvaluation(place, is_new=False)
    with tempfile.TemporaryDirectory(prefix="carlos-evaluation-") as folder:
        report = evaluate(settings, Path(folder))
        # The lake may have moved on between the two looks at it: the report says what it read.
        place = evaluation_prefix(report.profile_id, report.snapshot_id)
        listed = orjson.loads((Path(folder) / MANIFEST).read_bytes())["files"]
        n_files = upload_report(settings, Path(folder), [file["path"] for file in listed], place)
    left_out = tuple(section.name for section in report.sections if section.left_out)
    return KeptEvaluation(place, True, n_files, left_out)

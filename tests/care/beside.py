"""Processes that use one lake at once, as a test starts them: `python -m tests.care.beside commit|care|back_up …`.

Each tries again where another one came in between, as Airflow does.
"""

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from carlos_tasks.care.backup import backup
from carlos_tasks.care.clean_up import clean_up
from carlos_tasks.care.compaction import compact
from carlos_tasks.care.expiry import expire
from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import PassingError
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import outcome_key

_TRIES = 60
# Without a pause there is always a commit of the care, and never one of another.
_BETWEEN_S = 2

Result = TypeVar("Result")


def again(step: Callable[[], Result]) -> Result:
    """Do a step until nothing comes in between."""
    for tried in range(_TRIES):
        try:
            return step()
        except PassingError as exc:
            print(f"again ({tried}): {exc}", file=sys.stderr)
            time.sleep(0.2)
    raise RuntimeError(f"nothing came of {_TRIES} tries")


def commit(settings: Settings, profile: Profile, names: str) -> None:
    """A commit for each LoRA, each of which is measured."""
    for name in names:
        again(lambda name=name: commit_index(settings, profile, [outcome_key(profile.profile_id, name)]))  # type: ignore[misc]


def care(settings: Settings, ended: Path) -> None:
    """Merge, expire and clean, as much as can be, until the file is there."""
    steps = (lambda: expire(settings, timedelta(0), 1), lambda: compact(settings, 3), lambda: clean_up(settings))
    while not ended.exists():
        for step in steps:
            again(step)
            time.sleep(_BETWEEN_S)


def back_up(settings: Settings, place: str, ended: Path) -> None:
    """Make backups, one after the other, until the file is there."""
    while not ended.exists():
        again(lambda: backup(settings, place))
        time.sleep(_BETWEEN_S)


if __name__ == "__main__":
    what, store, catalog, *rest = sys.argv[1:]
    its = Settings(store=store, catalog=catalog)
    if what == "commit":
        commit(its, Profile.model_validate_json(rest[0]), rest[1])
    elif what == "care":
        care(its, Path(rest[0]))
    else:
        back_up(its, rest[0], Path(rest[1]))

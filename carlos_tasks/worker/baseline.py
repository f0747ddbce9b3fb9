"""The images of the bare backbone, once per profile: what every LoRA is laid beside."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from carlos_tasks.generation.merge import restore_bare
from carlos_tasks.lake.outcomes import OutcomeRecord, write_outcome
from carlos_tasks.lake.shards import ShardFile
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.version import __version__
from carlos_tasks.worker.existing import existing_outcome
from carlos_tasks.worker.shard_maker import ShardMaker


def make_baseline(
    store: ObjectStore, maker: ShardMaker, profiles: Sequence[Profile], advance: Callable[[int], None]
) -> int:
    """Make what is missing or damaged for some profiles with the same images, and the outcomes.

    Returns:
        How many images were made.
    """
    started = time.monotonic()
    restore_bare()
    lacking = [profile for profile in profiles if not _is_whole(store, profile)]
    files: dict[str, list[ShardFile]] = {profile.profile_id: [] for profile in lacking}
    made = 0
    for number, pairs in enumerate(lacking[0].baseline_shards() if lacking else []):
        made += maker.add(files, lacking, BASELINE, number, pairs, "")
        advance(len(pairs))
    seconds = share_of(started, lacking)
    for profile in lacking:
        outcome = OutcomeRecord(
            profile_id=profile.profile_id,
            lora_id=BASELINE,
            status="embedded",
            shards=tuple(files[profile.profile_id]),
            n_pairs=len(profile.pairs()),
            seconds=seconds,
            attempted_at=datetime.now(UTC),
            code_version=__version__,
        )
        write_outcome(store, outcome)
    return made


def _is_whole(store: ObjectStore, profile: Profile) -> bool:
    """Whether all pairs are there, in whatever way their shards were cut."""
    known = existing_outcome(store, profile.profile_id, BASELINE)
    return known is not None and known.is_sealed and known.n_pairs == len(profile.pairs())


def share_of(started: float, profiles: Sequence[Profile]) -> float:
    """Seconds since `started`, an equal share for each profile: over all outcomes they add up to the time."""
    return round((time.monotonic() - started) / max(len(profiles), 1), 3)

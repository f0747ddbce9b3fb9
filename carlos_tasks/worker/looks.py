"""Looks: after some pairs of a LoRA, whether it needs more. A worker tells from shards alone; no catalog is asked."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import pyarrow as pa

from carlos_tasks.errors import DamagedObject, NotFound, PermanentError
from carlos_tasks.lake.outcomes import read_outcome
from carlos_tasks.lake.shards import ShardFile, UnreadableShard, read_shard
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.representation.pairs import BaselinePairs, Embeddings, embeddings_of
from carlos_tasks.representation.settled import Look, look_at_pairs
from carlos_tasks.store.keys import BASELINE, outcome_key
from carlos_tasks.store.objects import ObjectStore


class Looks:
    """Looks at the LoRAs of one profile that has a budget.

    Args:
        store: where the shards lie.
        profile: with its budget.
        thresholds: by name, those in force; None: those that the profile ships with.
    """

    def __init__(self, store: ObjectStore, profile: Profile, thresholds: Mapping[str, float] | None = None) -> None:
        self._store = store
        self._profile = profile
        shipped = {name: limit.value for name, limit in profile.thresholds.items()}
        self._thresholds = shipped if thresholds is None else thresholds
        self._seen: dict[ShardFile, pa.Table] = {}  # of the last look: the next one has these shards and more

    def look(self, shards: Sequence[ShardFile]) -> Look:
        """Look at the pairs of some shards of a LoRA, as they lie in the store.

        Raises:
            PermanentError: the baseline is not there, or cannot be read.
            UnreadableShard: one of the LoRA's shards cannot be used.
        """
        budget = self._profile.budget
        assert budget is not None  # noqa: S101 - who has none asks nothing
        self._seen = {file: self._seen[file] if file in self._seen else self._read(file) for file in shards}
        pairs = self._baseline.beside(Embeddings.of_tables(list(self._seen.values())))
        identity = self._profile.identity
        return look_at_pairs(
            pairs, budget, self._thresholds, len(self._profile.indexing_prompts().prompts), len(identity.seeds)
        )

    @cached_property
    def _baseline(self) -> BaselinePairs:
        profile_id = self._profile.profile_id
        try:
            outcome = read_outcome(self._store, outcome_key(profile_id, BASELINE), profile_id)
            return BaselinePairs(embeddings_of(self._store, outcome.shards))
        except (NotFound, DamagedObject, UnreadableShard) as exc:
            raise PermanentError(
                f"the baseline of profile {self._profile.name} is not all there ({exc}): it is made before any LoRA"
            ) from exc

    def _read(self, file: ShardFile) -> pa.Table:
        return read_shard(self._store.read(file.key))[0]

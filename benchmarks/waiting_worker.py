"""A worker that waits instead of drawing: what `benchmarks/planning.py` measures the orchestration with.

Airflow's workers are forked from a process that has imported this module. All else is real: tasks, manifests, shards
(of noise), outcomes, the commit. `BENCHMARK_WAIT_S` says how many seconds a LoRA takes.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from carlos_tasks.lake.outcomes import OutcomeRecord
from carlos_tasks.lake.shards import ShardFile, write_shard
from carlos_tasks.profiles.budget import Pair
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.store.keys import shard_key
from carlos_tasks.version import __version__
from carlos_tasks.worker import worker
from carlos_tasks.worker.plans import LoraTask
from carlos_tasks.worker.shard_maker import ShardMaker

WAIT = "BENCHMARK_WAIT_S"
_DIMENSION = 64


class NoiseMaker(ShardMaker):
    """Its embeddings are noise."""

    def _made(
        self, profiles: Sequence[Profile], lora_id: str, number: int, pairs: Sequence[Pair], suffix: str
    ) -> dict[str, ShardFile]:
        seed = int(hashlib.sha256(f"{lora_id}{pairs[0][0].prompt_id}".encode()).hexdigest()[:8], 16)
        noise = np.random.default_rng(seed).normal(size=(len(pairs), _DIMENSION)).astype(np.float32)
        rows = [
            {
                "prompt_id": prompt.prompt_id,
                "seed": its_seed,
                "embedding": embedding,
                "image_mean": 0.5,
                "image_std": 0.1,
                "flag": None,
            }
            for (prompt, its_seed), embedding in zip(pairs, noise, strict=True)
        ]
        keys = {profile.profile_id: shard_key(profile.profile_id, lora_id, number) for profile in profiles}
        return {profile_id: write_shard(self._store, key, rows) for profile_id, key in keys.items()}


class WaitingWorker(worker.Worker):
    """Its LoRAs take as long as they are said to."""

    @cached_property
    def _maker(self) -> ShardMaker:
        return NoiseMaker(self._settings, self._store, self._device, lambda: None, self._load_encoder)

    def _measure(
        self, profiles: Sequence[Profile], task: LoraTask, advance: Callable[[int], None]
    ) -> list[OutcomeRecord]:
        time.sleep(float(os.environ[WAIT]))
        files: dict[str, list[ShardFile]] = {profile.profile_id: [] for profile in profiles}
        n_pairs, _ = self._make_shards(files, profiles, task, advance)
        return [
            OutcomeRecord(
                profile_id=profile.profile_id,
                lora_id=task.lora_id,
                status="embedded",
                shards=tuple(files[profile.profile_id]),
                n_pairs=n_pairs,
                modules_saved=1,
                modules_patched=1,
                seconds=float(os.environ[WAIT]),
                attempted_at=datetime.now(UTC),
                code_version=__version__,
                measure_key=task.measure_key,
            )
            for profile in profiles
        ]


worker.Worker = WaitingWorker  # type: ignore[misc]

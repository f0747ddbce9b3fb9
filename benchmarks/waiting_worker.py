"""A worker that waits instead of drawing: what `benchmarks/planning.py` measures the orchestration with.

Airflow's workers are forked from a process that has imported this module. All else is real: tasks, manifests, shards
(of noise), outcomes, the commit. `BENCHMARK_WAIT_S` says how many seconds a LoRA takes.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from carlos_tasks.lake.outcomes import OutcomeRecord
from carlos_tasks.profiles.budget import Pair
from carlos_tasks.version import __version__
from carlos_tasks.worker import worker
from carlos_tasks.worker.plans import LoraTask

WAIT = "BENCHMARK_WAIT_S"
_DIMENSION = 64


class WaitingWorker(worker.Worker):
    """Its LoRAs take as long as they are said to, and their embeddings are noise."""

    def _measure(self, task: LoraTask, advance: Callable[[int], None]) -> OutcomeRecord:
        time.sleep(float(os.environ[WAIT]))
        shards, _ = self._make_shards(task.lora_id, "", advance)
        return OutcomeRecord(
            profile_id=self._profile.profile_id,
            lora_id=task.lora_id,
            status="embedded",
            shards=shards,
            n_pairs=len(self._profile.pairs()),
            modules_saved=1,
            modules_patched=1,
            seconds=float(os.environ[WAIT]),
            attempted_at=datetime.now(UTC),
            code_version=__version__,
            measure_key=task.measure_key,
        )

    def _rows(self, lora_id: str, pairs: Sequence[Pair], suffix: str) -> list[dict[str, Any]]:
        seed = int(hashlib.sha256(f"{lora_id}{pairs[0][0].prompt_id}".encode()).hexdigest()[:8], 16)
        noise = np.random.default_rng(seed).normal(size=(len(pairs), _DIMENSION)).astype(np.float32)
        return [
            {
                "prompt_id": prompt.prompt_id,
                "seed": number,
                "embedding": embedding,
                "image_mean": 0.5,
                "image_std": 0.1,
                "flag": None,
            }
            for (prompt, number), embedding in zip(pairs, noise, strict=True)
        ]


worker.Worker = WaitingWorker  # type: ignore[misc]

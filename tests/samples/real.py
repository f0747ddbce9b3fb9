"""Where the real samples lie that some tests read besides our own: `../shared/data`, beside the repository.

They are other people's files and no part of this project. Our own, of the same layouts, are written by `own`; every
test reads both, and skips the real ones where they are absent.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

REAL_SAMPLES = Path(__file__).parents[3] / "shared" / "data"
needs_real_samples = pytest.mark.skipif(not REAL_SAMPLES.is_dir(), reason="../shared/data, the real samples, is absent")


@dataclass(frozen=True)
class Samples:
    """A folder of samples, and whose they are: "own" or "real"."""

    kind: str
    folder: Path

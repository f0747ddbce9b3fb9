"""Short names for arrays, by what they hold; docstrings give the shapes."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
#: float32 or float64.
Reals: TypeAlias = NDArray[np.floating[Any]]
#: One bool per row or pair.
Mask: TypeAlias = NDArray[np.bool_]

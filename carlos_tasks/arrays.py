"""Short names for arrays, by what they hold; docstrings give the shapes."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
#: float32 or float64.
Reals: TypeAlias = NDArray[np.floating[Any]]
#: One bool per row or pair.
Mask: TypeAlias = NDArray[np.bool_]


def values_of(lists: "pa.ListArray") -> NDArray[Any]:
    """The values of lists, none of which is null, one after the other.

    pyarrow's own `flatten` imports `pyarrow.compute`, which takes longer than to read an index of some thousand LoRAs.
    """
    first, last = lists.offsets[0].as_py(), lists.offsets[-1].as_py()
    return np.asarray(lists.values.to_numpy(zero_copy_only=False)[first:last])

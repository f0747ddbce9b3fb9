"""Let torchvision's CUDA wheel be imported beside a CPU torch.

That wheel's compiled library needs CUDA's own libraries. Where they are absent it does not load, and
``import torchvision`` then fails while it registers shapes for two operators that nobody declared. open_clip
imports torchvision, and so do parts of transformers and diffusers; none of them calls those two operators.
Where the library loads (a CUDA machine, or a CPU build of torchvision) nothing is changed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

# The signatures in torchvision's own C++ sources; an operator with a schema and no kernel can be imported
# and given shape rules, and raises if it is ever called.
MISSING_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A torch.library.Library withdraws its operators when it is collected, so it lives as long as the process.
_declared: list[Any] = []


def declare_missing_operators() -> bool:
    """Declare torchvision's two operators if its compiled library cannot be loaded here.

    Call it before importing torchvision, open_clip, transformers or diffusers; calling it again is free.

    Returns:
        True if the operators had to be declared (now or in an earlier call), False if torchvision needs no
        help or is not installed.
    """
    if _declared:
        return True
    library = _compiled_library()
    if library is None or _loads(library):
        return False
    import torch

    operators = torch.library.Library("torchvision", "DEF")
    for schema in MISSING_OPERATORS:
        operators.define(schema)
    _declared.append(operators)
    return True


def _compiled_library() -> Path | None:
    """Torchvision's extension module, found without importing torchvision; None where there is none."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("_C.*"))), None)


def _loads(library: Path) -> bool:
    """Whether the extension loads into this process (on success torchvision finds it loaded already)."""
    import torch

    try:
        torch.ops.load_library(str(library))
    except (ImportError, OSError):
        return False
    return True

"""Ctrl-C at a moment that a test names."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Interrupting(TorchDispatchMode):
    """Ctrl-C at one of the copies that torch makes from now on; `at` counts them down."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.copy_.default:
            self.at -= 1
            if self.at == 0:
                raise KeyboardInterrupt
        return func(*args, **(kwargs or {}))

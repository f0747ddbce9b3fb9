"""The training loop that the encoder, the VAE, the UNet and the LoRAs share.

A budget may be given in minutes, in steps, or both: the learning rate falls along a cosine over whichever is
further gone, so that a run on any machine ends with a cooled-down model. Steps alone make a run repeatable.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CHECKPOINT_SECONDS = 120.0
PROGRESS_SECONDS = 15.0


@dataclass(frozen=True)
class Budget:
    """How long a training may take: it ends with the first limit that is reached."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.minutes is None and self.steps is None:
            raise ValueError("a budget needs minutes, steps or both")

    def spent(self, step: int, seconds: float) -> float:
        """The part of the budget that is gone, 0 to 1."""
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        by_steps = step / self.steps if self.steps else 0.0
        return min(1.0, max(by_time, by_steps))


class MovingAverage:
    """An exponential moving average of a module's weights; what is saved after a training."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        # Early on a long memory would hold on to the random start.
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)


def fit(
    name: str,
    parameters: Iterable[nn.Parameter],
    loss_at: Callable[[int], Tensor],
    budget: Budget,
    *,
    learning_rate: float,
    weight_decay: float = 0.01,
    warmup_steps: int = 50,
    after_step: Callable[[int], None] = lambda step: None,
    checkpoint: Callable[[], None] = lambda: None,
) -> int:
    """Minimise a loss with AdamW until the budget is spent.

    Args:
        name: what the progress lines call the training.
        loss_at: step -> scalar loss of that step's fresh batch.
        after_step: called after every update (moving averages).
        checkpoint: called every two minutes and at the end.

    Returns:
        The number of steps made.

    Raises:
        FloatingPointError: the loss is no longer a number.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=learning_rate, betas=(0.9, 0.98), weight_decay=weight_decay)
    start = last_line = last_checkpoint = time.monotonic()
    step = 0
    while (spent := budget.spent(step, time.monotonic() - start)) < 1.0:
        rate = learning_rate * min(1.0, (step + 1) / warmup_steps) * 0.5 * (1 + math.cos(math.pi * spent))
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = loss_at(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        after_step(step)
        step += 1
        now = time.monotonic()
        if now - last_line > PROGRESS_SECONDS:
            last_line = now
            print(_progress_line(name, step, float(loss.detach()), spent, now - start), flush=True)
            if not math.isfinite(float(loss.detach())):
                raise FloatingPointError(f"{name}: the loss is {float(loss.detach())} after {step} steps")
        if now - last_checkpoint > CHECKPOINT_SECONDS:
            last_checkpoint = now
            checkpoint()
    checkpoint()
    print(f"{name}: done, {step} steps in {time.monotonic() - start:.0f} s", flush=True)
    return step


def _progress_line(name: str, step: int, loss: float, spent: float, seconds: float) -> str:
    left = seconds * (1 - spent) / spent if spent > 0 else math.inf
    return f"{name}: step {step}, loss {loss:.4f}, {step / seconds:.2f} steps/s, {spent:.0%}, {left:.0f} s left"

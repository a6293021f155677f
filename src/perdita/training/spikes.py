"""Loss spikes: found in a series of losses, and guarded against while a model trains."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

DELTA = 0.5  # nats above the lowest loss so far


@component("spike-no-more")
def loss_spikes(losses: Float[Tensor, "t"] | Sequence[float], *, delta: float = DELTA) -> Bool[Tensor, "t"]:
    """Which losses of a series are spikes: more than delta above the lowest loss before, or not finite.

    Args:
        losses: (t,) losses of consecutive steps.
        delta: height from which on it is a spike, above 0.

    Returns:
        (t,) True at spikes; never at the first step, unless it is not finite.

    Raises:
        InputError: delta <= 0, losses that are no series.
    """
    series = torch.as_tensor(losses, dtype=torch.float64)
    if series.ndim != 1:
        raise InputError(f"losses must have shape (t,), not {tuple(series.shape)}")
    _check(delta)
    finite = series.where(series.isfinite(), math.inf)
    lowest = torch.cat([finite.new_full((1,), math.inf), finite[:-1]]).cummin(0).values
    return (finite > lowest + delta) | ~series.isfinite()


@component("spike-no-more")
class SpikeGuard:
    """Tells spikes as they come, in any loop, and takes the model back to where it was before them.

        guard = SpikeGuard(delta=0.5, model=model, optimizer=optimizer)
        for batch in batches:
            loss = loss_of(model, batch)
            if guard.sees_spike(loss):  # skip this batch; after `patience` in a row the model is taken back
                continue
            optimizer.zero_grad(); loss.backward(); optimizer.step()

    Skipping a batch leaves the weights as they are. A spike that does not go away with its batch lies in the weights:
    after ``patience`` spikes in a row those of the last snapshot come back, and with them the optimiser's state.

    Args:
        delta: as in `loss_spikes`.
        model, optimizer: what is taken back; None only tells.
        patience: spikes in a row until then.
        every: losses without a spike from one snapshot to the next.

    Raises:
        InputError: delta <= 0, patience or every below 1.
    """

    def __init__(
        self,
        *,
        delta: float = DELTA,
        model: nn.Module | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        patience: int = 3,
        every: int = 100,
    ) -> None:
        _check(delta)
        for name, value in (("patience", patience), ("every", every)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        self.delta, self.patience, self.every = delta, patience, every
        self.kept = [part for part in (model, optimizer) if part is not None]
        self.lowest = math.inf
        self.seen = self.spikes = self.in_a_row = self.rewinds = 0
        self.snapshot: list[Any] | None = None

    def sees_spike(self, loss: float | Tensor) -> bool:
        """Take note of a step's loss, before its gradient is applied; True asks to skip the step."""
        value = float(loss.detach()) if isinstance(loss, Tensor) else float(loss)
        if not math.isfinite(value) or value > self.lowest + self.delta:
            self.spikes += 1
            self.in_a_row += 1
            if self.in_a_row >= self.patience and self.snapshot is not None:
                self.rewind()
            return True
        if self.seen % self.every == 0 and self.kept:
            self.snapshot = [copy.deepcopy(part.state_dict()) for part in self.kept]
        self.lowest = min(self.lowest, value)
        self.seen += 1
        self.in_a_row = 0
        return False

    def rewind(self) -> None:
        """Take model and optimiser back to the last snapshot; the lowest loss is forgotten, and found anew."""
        if self.snapshot is None:
            raise InputError("there is no snapshot yet: give the guard a model, and a loss without a spike")
        for part, state in zip(self.kept, self.snapshot, strict=True):
            part.load_state_dict(copy.deepcopy(state))
        self.lowest, self.in_a_row = math.inf, 0
        self.rewinds += 1

    def state_dict(self) -> dict[str, Any]:
        """What a run that is resumed needs; snapshots are not kept."""
        return {name: getattr(self, name) for name in ("lowest", "seen", "spikes", "in_a_row", "rewinds")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        for name in self.state_dict():
            setattr(self, name, state[name])


@component("spike-no-more")
def stop_at_spikes(guard: SpikeGuard, after: int = 1, on_spike: Callable[[int, float], None] | None = None) -> Any:
    """A callback for Hugging Face's Trainer: it stops the training once its logged losses have spiked.

    Args:
        guard: without a model: by the time that a loss is logged its step is done.
        after: number of spikes in a row until the training stops.
        on_spike: called with the step and the loss at each spike.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    try:
        from transformers import TrainerCallback
    except ModuleNotFoundError as error:
        from perdita.core.errors import MissingExtraError

        raise MissingExtraError("transformers", "hf") from error

    class StopAtSpikes(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            if logs is None or "loss" not in logs or not guard.sees_spike(logs["loss"]):
                return
            if on_spike is not None:
                on_spike(state.global_step, logs["loss"])
            if guard.in_a_row >= after:
                control.should_training_stop = True

    return StopAtSpikes()


def _check(delta: float) -> None:
    if not delta > 0:
        raise InputError(f"delta must be above 0, not {delta!r}")

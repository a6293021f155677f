"""What a weighting is: it makes of k losses the k terms of an objective, and learns from the losses of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from perdita.core.apply import may_look
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float


class Weighted(NamedTuple):
    """Losses, weighted: the objective is the sum of the terms; a gradient balancer takes the terms themselves."""

    terms: Float[Tensor, "k"]
    weights: Float[Tensor, "k"]


def weigh(losses: Float[Tensor, "k"], weights: Float[Tensor, "k"]) -> Weighted:
    """The terms weights * losses, in the losses' dtype and on their device."""
    weights = weights.to(losses)
    return Weighted(weights * losses, weights)


class Weighting(nn.Module):
    """Weights among k losses; a subclass has a name, a ``forward``, and a ``learn`` where it has a state.

    ``forward`` changes nothing: the same losses give the same weights until the next `step`. A generator and optimisers
    that a subclass puts into ``generator`` and ``optimizers`` are part of its ``state_dict``, as are its buffers.

    Args:
        terms: number of losses, k.
        seed: of its random numbers, equal on all ranks of a data-parallel run; None where there are none.
        options: what else its constructor was given, for `to_config`.
    """

    name: ClassVar[str]
    reads_losses: ClassVar[bool] = False  # whether terms depend on the current losses otherwise than linearly
    reads_gradients: ClassVar[bool] = False  # whether its step needs the gramian of the losses' gradients
    partial: ClassVar[bool] = False  # whether a batch may lack a term

    def __init_subclass__(cls, *, name: str) -> None:
        cls.name = name
        WEIGHTINGS[name] = cls

    def __init__(self, terms: int, *, seed: int | None = None, **options: Any) -> None:
        super().__init__()
        if isinstance(terms, bool) or not isinstance(terms, int) or terms < 1:
            raise InputError(f"terms must be the number of losses, at least 1, not {terms!r}")
        self.terms, self.steps = terms, 0
        self.options = options if seed is None else {**options, "seed": seed}
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)
        self.optimizers: list[torch.optim.Optimizer] = []

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """The terms of the objective, and the weights, which carry no gradient unless they are learned by it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    @torch.no_grad()
    def step(
        self,
        losses: Float[Tensor, "k"],
        *,
        gram: Float[Tensor, "k k"] | None = None,
        after: Float[Tensor, "k"] | None = None,
    ) -> None:
        """Learn from an optimiser step that was made.

        Args:
            losses: of the step's whole batch, before the step.
            gram: inner products of the losses' gradients, from `gramian`, for weightings that balance gradients.
            after: losses of the same batch after the step, for weightings that look at what it brought.

        Raises:
            InputError: not k losses, or what this weighting needs did not come.
        """
        if losses.shape != (self.terms,):
            raise InputError(f"{self.name} weighs {self.terms} losses, but {tuple(losses.shape)} came")
        self.learn(losses.detach(), gram=gram, after=after)
        self.steps += 1

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """What a subclass does in `step`; ``steps`` counts the steps before this one."""

    def get_extra_state(self) -> dict[str, Any]:
        """The position, the random numbers' state and the optimisers' moments, for ``state_dict``."""
        return {
            "steps": self.steps,
            "generator": None if self.generator is None else self.generator.get_state(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_extra_state` gave."""
        self.steps = state["steps"]
        if self.generator is not None:
            self.generator.set_state(state["generator"].cpu())
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def to_config(self) -> dict[str, Any]:
        """The configuration from which `build_weighting` makes an equal one; what it learned is in ``state_dict``."""
        return {"method": self.name, **self.options}

    def extra_repr(self) -> str:
        return ", ".join([str(self.terms), *(f"{key}={value!r}" for key, value in self.options.items())])


WEIGHTINGS: dict[str, type[Weighting]] = {}


def build_weighting(method: str, terms: int, **options: Any) -> Weighting:
    """A weighting by its name. Raises `InputError` for an unknown name or option."""
    if method not in WEIGHTINGS:
        raise InputError(
            f"unknown weighting {method!r}{nearest(method, WEIGHTINGS)}; there are {', '.join(WEIGHTINGS)}"
        )
    try:
        return WEIGHTINGS[method](terms, **options)
    except TypeError as error:
        raise InputError(f"weighting {method}: {error}") from error


def check_number(name: str, value: float, low: float, *, excluded: bool = False, high: float = float("inf")) -> None:
    """Raise `InputError` for an option outside [low, high], or (low, high] where the low end is excluded."""
    if not (low < value if excluded else low <= value) or not value <= high:
        bounds = f"{'above' if excluded else 'at least'} {low:g}" + (f" and at most {high:g}" if high < 1e308 else "")
        raise InputError(f"{name} must be {bounds}, not {value}")


def log_losses(losses: Float[Tensor, "k"], floor: float) -> Float[Tensor, "k"]:
    """Logarithms of losses, of ``floor`` where they are below it. Raises `InputError` for negative losses."""
    if may_look({"losses": losses}) and (losses < 0).any():
        raise InputError(f"losses must be >= 0 for a logarithm; they are {[round(x, 6) for x in losses.tolist()]}")
    return losses.clamp_min(floor).log()


class EqualWeighting(Weighting, name="equal"):
    """Every loss as it is: weights 1.

    Args:
        terms: number of losses.
    """

    partial = True

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """The losses themselves."""
        return Weighted(losses, torch.ones_like(losses))

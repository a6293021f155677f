"""The backward pass of several terms whose gradients are weighed against one another."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from perdita.compound.balancing.methods import METHODS, balanced_weights, check_lengths, choose
from perdita.compound.balancing.rows import add_gradients, gradient_rows, leaves, mean_gradients
from perdita.compound.ranks import mean_over_ranks, world_size
from perdita.compound.scored import Scored
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float


class Balanced(NamedTuple):
    """What a balanced backward pass did."""

    weights: Float[Tensor, "k"]  # of each term's gradient
    gram: Float[Tensor, "k k"]  # inner products of the terms' gradients, of the whole batch


class GradientBalancer(nn.Module):
    """In place of ``scored.total.backward()``: a backward pass that weighs the terms by how their gradients agree.

    ``balancer.backward(scored, features=hidden)`` weighs gradients to the features, the last tensor that all terms pass
    through, and then goes back once through what lies below them: its cost does not grow with the trunk, and it works
    under data-parallel wrappers. ``balancer.backward(scored, shared=trunk.parameters())`` weighs gradients to the
    parameters themselves, one backward pass for each term. Either way all other parameters get the gradient of the
    plain sum. Without both, all parameters that the terms depend on count as shared.

    Args:
        method: a name among `METHODS`, or any function from a Gramian (k, k) to k weights, such as a weighting of
            TorchJD.
        seed: of the random numbers, for methods that draw them; equal on all ranks.
        group: process group of a data-parallel run; the default group where one is initialised.
        options: of the method.

    Raises:
        InputError: an unknown method or option.

    Example:
        >>> from perdita.compound.balancing import GradientBalancer
        >>> x = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> balancer = GradientBalancer("upgrad")
        >>> balancer.backward([x[0] - x[1], 3 * x[1] - 2 * x[0]]).weights  # they conflict
        tensor([3.5000, 1.3846])
        >>> x.grad
        tensor([0.7308, 0.6538])
    """

    def __init__(
        self,
        method: str | Callable[..., Tensor] = "upgrad",
        *,
        seed: int = 0,
        group: dist.ProcessGroup | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.method, self.group, self.options, self.seed = method, group, options, seed
        self.function = choose(method) if isinstance(method, str) else method
        parameters = inspect.signature(self.function).parameters
        if isinstance(method, str):
            try:
                inspect.signature(self.function).bind(None, **options)
            except TypeError as error:
                raise InputError(f"balancer {method}: {error}") from error
        self.generator = torch.Generator().manual_seed(seed) if "generator" in parameters else None

    def forward(self, gram: Float[Tensor, "k k"], names: Sequence[str] | None = None) -> Float[Tensor, "k"]:
        """The weights for gradients with this Gramian. Raises `InputError` where one is not finite, by its name."""
        drawn = {} if self.generator is None else {"generator": self.generator}
        return balanced_weights(gram, self.function, list(names) if names else None, **self.options, **drawn)

    def backward(
        self,
        terms: Scored | Float[Tensor, "k"] | Sequence[Tensor],
        *,
        shared: Iterable[Tensor] | None = None,
        features: Tensor | Sequence[Tensor] | None = None,
        names: Sequence[str] | None = None,
        allow_nonfinite: bool = False,
    ) -> Balanced:
        """Add gradients to the ``grad`` of all parameters, those of the shared ones balanced.

        In a data-parallel run, ``features`` goes with the usual wrapper, which averages the gradients. With ``shared``
        they are averaged here, and the model is used without one.

        Args:
            terms: what a compound scored; or scalars with a graph.
            shared: parameters whose gradients are balanced.
            features: instead, tensors of the forward pass that lie between what is shared and the rest.
            names: of the terms, for messages; those of a compound are known.
            allow_nonfinite: let NaN and infinity pass into the gradients, with weights 1, so that a ``GradScaler`` sees
                them and skips the step.

        Raises:
            InputError: nothing to balance, or a gradient that is NaN or infinite, before any ``grad`` has changed.
        """
        scalars, mix, known = _read(terms)
        names = known if names is None else list(names)
        if names is not None and len(names) != len(scalars):
            raise InputError(f"names must be one for each of the {len(scalars)} terms, not {len(names)}")
        if shared is not None and features is not None:
            raise InputError("either shared or features is balanced, not both")
        ends = _ends(scalars, shared, features)
        totals = [terms.total] if isinstance(terms, Scored) else [one for one in scalars if one is not None]
        learned = leaves(totals, above=scalars) if isinstance(terms, Scored) else []  # by the weighting of the terms
        apart = {*ends, *learned}
        rest = [leaf for leaf in leaves(scalars, above=() if features is None else ends) if leaf not in apart]
        ranks = world_size(self.group)
        hooked = features is not None and (ranks > 1 or not set(leaves(ends)).isdisjoint(rest))
        with torch.no_grad():
            shares = None if mix is None else mix.sum(0).tolist()
            rows, used, beside = gradient_rows(scalars, ends, () if hooked else rest, shares)
            if features is None:
                rows = mean_gradients(rows, self.group)
            products = functools.reduce(torch.add, [(own @ own.T).to(rows[0]) for own in rows])
            if features is not None and ranks > 1:  # each rank has items of its own
                products = mean_over_ranks({"products": products}, self.group)["products"] / ranks
            mix = None if mix is None else mix.to(products)
            found = self._weigh(products, mix, names, allow_nonfinite)
            weights = found.weights if mix is None else found.weights @ mix
            balanced = [
                (weights.to(own).unsqueeze(0) @ own).view_as(end).to(end.dtype) if at in used else None
                for at, (own, end) in enumerate(zip(rows, ends, strict=True))
            ]
        if hooked:
            _through(totals, ends, balanced)
            return found
        if learned:
            own = torch.autograd.grad(totals, learned, retain_graph=True, allow_unused=True)
            add_gradients(learned, mean_gradients(own, self.group))
        add_gradients(rest, mean_gradients(beside, self.group))
        if features is None:
            add_gradients(ends, balanced)
        else:
            there = [(end, part) for end, part in zip(ends, balanced, strict=True) if part is not None]
            torch.autograd.backward([end for end, _ in there], [part for _, part in there])
        return found

    def _weigh(
        self,
        products: Float[Tensor, "k k"],
        mix: Float[Tensor, "k k"] | None,
        names: list[str] | None,
        allow_nonfinite: bool,
    ) -> Balanced:
        """Weights of the terms, from the products of the gradients that they are mixed of."""
        gram = products if mix is None else mix @ products @ mix.T
        lengths = products.diagonal().tolist()
        if not all(map(math.isfinite, lengths)):  # a NaN would spread over the other terms in the mixture
            if not allow_nonfinite:
                check_lengths(lengths, names)
            return Balanced(torch.ones_like(gram[0]), gram)
        return Balanced(self(gram, names), gram)

    def get_extra_state(self) -> dict[str, Any]:
        """The random numbers' state, for ``state_dict``."""
        return {"generator": None if self.generator is None else self.generator.get_state()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_extra_state` gave."""
        if self.generator is not None:
            self.generator.set_state(state["generator"].cpu())

    def to_config(self) -> dict[str, Any]:
        """The arguments that make an equal balancer: ``GradientBalancer(**config)``."""
        return {"method": self.method, "seed": self.seed, **self.options}

    def extra_repr(self) -> str:
        return ", ".join([repr(self.method), *(f"{key}={value!r}" for key, value in self.options.items())])


def choose_balancer(
    balance: GradientBalancer | str | Mapping[str, Any] | None, group: dist.ProcessGroup | None = None
) -> GradientBalancer | None:
    """A balancer from its method's name or from ``{"method": name, …options}``; one that is there stays.

    Raises `InputError` for anything else, an unknown method or option.
    """
    if balance is None or isinstance(balance, GradientBalancer):
        return balance
    if not isinstance(balance, str | Mapping):
        raise InputError(f"balance must be a method's name or configuration, not {type(balance).__name__}")
    given = {"method": balance} if isinstance(balance, str) else dict(balance)
    if not isinstance(given.get("method"), str):
        raise InputError(f"balance must have a method, one of {', '.join(METHODS)}; it is {given}")
    return GradientBalancer(group=group, **given)


def _ends(
    scalars: Sequence[Tensor | None], shared: Iterable[Tensor] | None, features: Tensor | Sequence[Tensor] | None
) -> list[Tensor]:
    """The tensors whose gradients are balanced. Raises `InputError` where there are none."""
    if features is not None:
        ends = [features] if isinstance(features, Tensor) else list(features)
    else:
        ends = list(shared) if shared is not None else leaves(scalars)
    if not ends or not all(end.requires_grad for end in ends):
        raise InputError(f"{'shared' if features is None else 'features'} must hold tensors that need a gradient")
    return ends


def _read(
    terms: Scored | Tensor | Sequence[Tensor],
) -> tuple[list[Tensor | None], Float[Tensor, "k k"] | None, list[str] | None]:
    """Scalars to differentiate, how the terms are mixed of them (None: they are the terms), and the terms' names.

    A compound's terms come of one stacked tensor: a pass back from one of them would run through the heads of all. Its
    losses are differentiated instead, each alone, and the small matrix of the terms' derivatives to the losses does
    the rest.
    """
    if not isinstance(terms, Scored):
        scalars = list(terms.unbind()) if isinstance(terms, Tensor) else list(terms)
        if not scalars or any(scalar.ndim for scalar in scalars):
            raise InputError("terms must be at least one scalar")
        if not any(scalar.requires_grad for scalar in scalars):
            raise InputError("terms must have a graph")
        return list(scalars), None, None
    names = [name for name in terms.weights if "." not in name]
    losses = [terms.parts.get(name) for name in names]
    if not (terms.losses.requires_grad and terms.total.requires_grad):
        raise InputError("terms must have a graph")
    mix = [torch.autograd.grad(term, terms.losses, retain_graph=True)[0] for term in terms.terms.unbind()]
    return losses, torch.stack(mix), names


def _through(totals: Sequence[Tensor], features: Sequence[Tensor], balanced: Sequence[Tensor | None]) -> None:
    """A plain backward pass in which the features' gradients give way to the balanced ones.

    It goes through the heads once more, but through the hooks of all parameters too, which data-parallel wrappers need;
    and a parameter that lies on both sides of the features gets the gradients of both.
    """
    handles = [
        feature.register_hook(lambda plain, own=own: own)
        for feature, own in zip(features, balanced, strict=True)
        if own is not None
    ]
    try:
        torch.autograd.backward([total for total in totals if total.requires_grad])
    finally:
        for handle in handles:
            handle.remove()

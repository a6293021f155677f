"""Several named terms over one batch, weighted, as one objective."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from perdita.compound.balancing.balancer import Balanced, GradientBalancer, choose_balancer
from perdita.compound.ranks import mean_over_ranks, with_value_of_all_ranks
from perdita.compound.schedules import check_length, schedule_config
from perdita.compound.scored import Normalizer, Scored, StepRecord
from perdita.compound.terms import Term, check_finite, check_names
from perdita.compound.weighting.choice import choose_weighting
from perdita.compound.weighting.protocol import Weighting
from perdita.core.apply import may_look
from perdita.core.combine import Sum
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float


class Compound(nn.Module):
    r"""A weighted sum of named terms, each over the outputs and batch fields that it reads.

    .. math:: \sum_i a_i(\text{progress}) \, T_i(L_1, \dots, L_k)

    with L_i the terms' losses, T the weighting's terms (L_i itself where all are equal) and a_i a term's own weight
    times its schedule.

    Calling a compound changes nothing in it. After each optimiser step, ``compound.step(scored)`` moves the schedules
    and the weights on; after accumulated micro-batches it takes all of their `Scored`. Weights that the weighting
    learns by gradient are the compound's ``parameters()``: hand them to the optimiser, without weight decay.

    Args:
        terms: name → `Term`, or a criterion that reads all outputs and the whole batch. A `Sum` becomes a compound of
            its parts. Names may also be given by keyword.
        weights: a `Weighting`, or its name or configuration; or {name: number} for fixed weights; None for equal ones.
        balance: a `GradientBalancer`, or its method's name or configuration, for `backward`; None for the plain sum.
        steps: optimiser steps in the whole training; needed where a term has a schedule.
        group: process group of a data-parallel run; the default group where one is initialised.

    Raises:
        InputError: no terms, an unknown name, a weighting of another number of losses.

    Example:
        >>> from perdita.compound import Compound, Term
        >>> compound = Compound(
        ...     kind=Term(perdita.CrossEntropy(), outputs="kind", batch="kind"),
        ...     depth=Term(perdita.Mse(), outputs="depth", batch="depth"),
        ...     weights="uncertainty",
        ... )
        >>> outputs = {"kind": torch.zeros(4, 3), "depth": torch.zeros(4)}
        >>> batch = {"kind": torch.tensor([0, 1, 2, 0]), "depth": torch.ones(4)}
        >>> scored = compound.score(outputs, batch)
        >>> scored.total.backward()
        >>> {name: round(part.item(), 3) for name, part in compound.step(scored).parts.items()}
        {'kind': 1.099, 'depth': 1.0}
    """

    scales: Tensor

    def __init__(
        self,
        terms: Mapping[str, Term | nn.Module] | None = None,
        /,
        *,
        weights: Weighting | str | Mapping[str, Any] | None = None,
        balance: GradientBalancer | str | Mapping[str, Any] | None = None,
        steps: int | None = None,
        group: dist.ProcessGroup | None = None,
        **named: Term | nn.Module,
    ) -> None:
        super().__init__()
        given = {**(terms or {}), **named}
        if not given:
            raise InputError("a compound needs at least one term")
        self.terms = {name: _term(name, item) for name, item in given.items()}
        try:
            self.criteria = nn.ModuleDict({name: term.criterion for name, term in self.terms.items()})
        except KeyError as error:
            raise InputError(f"a term cannot have this name: {error.args[0]}") from error
        self.fixed, self.weighting = choose_weighting(weights, self.terms)
        if self.weighting.terms != len(self.terms):
            raise InputError(
                f"the weighting is for {self.weighting.terms} losses, but there are {len(self.terms)} terms"
            )
        self.balancer = choose_balancer(balance, group)
        self.steps, self.group, self.position = steps, group, 0
        self.register_buffer("scales", torch.ones(len(self.terms)), persistent=False)
        self._rescale()

    @classmethod
    def of(cls, total: Sum, **options: Any) -> Compound:
        """The compound of a sum's parts: ``Compound.of(perdita.Dice() + 0.5 * perdita.CrossEntropy())``.

        Args:
            total: what arithmetic on criteria gives.
            options: of the constructor.
        """
        return cls({name: Term(part, weight=total.weights[name]) for name, part in total.criteria.items()}, **options)

    def forward(
        self,
        outputs: Any,
        batch: Any,
        *,
        normalizer: Normalizer = None,
        micro_batches: int = 1,
        absent: Collection[str] = (),
    ) -> Float[Tensor, ""]:
        """The total alone; arguments as in `score`."""
        return self.score(outputs, batch, normalizer=normalizer, micro_batches=micro_batches, absent=absent).total

    def score(
        self,
        outputs: Any,
        batch: Any,
        *,
        normalizer: Normalizer = None,
        micro_batches: int = 1,
        absent: Collection[str] = (),
    ) -> Scored:
        """Total and parts in one pass.

        Args:
            outputs: of the model: a tensor, a mapping, a tuple or an object with attributes.
            batch: likewise; its fields are targets, masks, weights.
            normalizer: the denominator of each term's mean over all micro-batches of a step, or {name: denominator}, so
                that micro-batches and ranks add up to the gradient of the whole batch, however many items of each are
                masked. Weightings that look at the current losses (their ``reads_losses``) see each micro-batch for
                itself, but all ranks together.
            micro_batches: how many of them a step has; the total is divided by it.
            absent: terms that this batch has no labels for; they are left out, with what their weight costs.

        Raises:
            InputError: a field that is not there, a term that is no number (the message names the term and the step),
                a weight that is infinite, an unknown name.
        """
        check_names("absent", absent, self.terms)
        if absent and not self.weighting.partial:
            raise InputError(f"the weighting {self.weighting.name} needs every term in every batch")
        if isinstance(normalizer, Mapping):
            check_names("normalizer", normalizer, self.terms)
        parts: dict[str, Tensor] = {}
        inner: dict[str, Tensor] = {}
        values = []
        for name, term in self.terms.items():
            if name in absent:
                values.append(self.scales.new_zeros(()))
                continue
            whole = normalizer.get(name) if isinstance(normalizer, Mapping) else normalizer
            own = whole if whole is None else whole / micro_batches
            value, below, weights = self._value(name, term, outputs, batch, own)
            values.append(value)
            parts |= {name: value, **below}
            inner |= weights
        losses = torch.stack(values)
        joint = self.weighting.reads_losses and self.training
        weighted = self.weighting(with_value_of_all_ranks(losses, self.group) if joint else losses)
        if may_look({"terms": weighted.terms}) and not weighted.terms.isfinite().all():
            check_finite(losses, self.terms, "is", self.position)
            check_finite(weighted.weights, self.terms, "has a weight of", self.position)
            check_finite(weighted.terms, self.terms, "comes weighted to", self.position)
        scales = self.scales.to(weighted.terms)
        terms = scales * weighted.terms if micro_batches == 1 else scales * weighted.terms / micro_batches
        if absent:
            present = torch.tensor([name not in absent for name in self.terms], device=terms.device)
            terms = torch.where(present, terms, 0.0)
        applied = (scales * weighted.weights).detach().unbind()
        named = dict(zip(self.terms, applied, strict=True))
        return Scored(terms.sum(), parts, named | inner, terms, losses)

    def backward(
        self,
        scored: Scored,
        *,
        shared: Iterable[Tensor] | None = None,
        features: Tensor | Sequence[Tensor] | None = None,
        allow_nonfinite: bool = False,
    ) -> Balanced | None:
        """The backward pass: of the balanced terms where the compound balances them, else of the plain total.

        Args:
            scored: of the batch, or of a micro-batch: each is balanced for itself.
            shared, features, allow_nonfinite: as in `GradientBalancer.backward`; the plain total needs none of them.

        Returns:
            What the balancer did, or None.
        """
        if self.balancer is None:
            scored.total.backward()
            return None
        return self.balancer.backward(scored, shared=shared, features=features, allow_nonfinite=allow_nonfinite)

    @torch.no_grad()
    def step(
        self, *scored: Scored, gram: Float[Tensor, "k k"] | None = None, after: Scored | None = None
    ) -> StepRecord:
        """Move on by one optimiser step: the weighting learns, and the schedules advance.

        Every rank of a data-parallel run must call it; they all learn from the same numbers.

        Args:
            scored: of the step's batch, or of each of its micro-batches.
            gram: `gramian` of the losses, for weightings that balance gradients.
            after: the batch scored again after the step, for weightings that look at what it brought.

        Raises:
            InputError: nothing scored, a schedule that ended before the training, what the weighting needs is missing.
        """
        if not scored or len({tuple(one.parts) for one in scored}) > 1:
            raise InputError("step takes what score gave, with the same terms for all micro-batches")
        means = {name: sum(one.parts[name].detach() for one in scored) / len(scored) for name in scored[0].parts}
        parts = mean_over_ranks(means, self.group)
        later = None if after is None else mean_over_ranks(after.parts, self.group)
        self._advance(parts, gram, later)
        return StepRecord(self.position, parts, scored[-1].weights)

    def _advance(self, parts: Mapping[str, Tensor], gram: Tensor | None, after: Mapping[str, Tensor] | None) -> None:
        def own(values: Mapping[str, Tensor]) -> Tensor:
            return torch.stack([values.get(name, self.scales.new_zeros(())) for name in self.terms])

        check_length([name for name, term in self.terms.items() if term.schedule], self.steps, self.position)
        self.weighting.step(own(parts), gram=gram, after=None if after is None else own(after))
        self.position += 1
        self._rescale()
        for name, criterion in self.criteria.items():
            if isinstance(criterion, Compound) and name in parts:
                criterion._advance(_below(parts, name), None, None if after is None else _below(after, name))

    def get_extra_state(self) -> dict[str, Any]:
        """The position in the schedules, for ``state_dict``."""
        return {"position": self.position}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_extra_state` gave."""
        self.position = state["position"]
        self._rescale()

    def to_config(self) -> dict[str, Any]:
        """The configuration from which `perdita.compound.build` makes an equal compound."""
        terms = {}
        for name, term in self.terms.items():
            entry: dict[str, Any] = {"criterion": term.criterion.to_config()}  # type: ignore[operator]
            entry |= {key: getattr(term, key) for key in ("outputs", "batch") if getattr(term, key) is not None}
            if term.weight != 1.0:
                entry["weight"] = term.weight
            if term.schedule is not None:
                entry["schedule"] = schedule_config(term.schedule)
            terms[name] = entry
        length = {"steps": self.steps} if any(term.schedule is not None for term in self.terms.values()) else {}
        balance = {} if self.balancer is None else {"balance": self.balancer.to_config()}
        return {"terms": terms, "weights": self.fixed or self.weighting.to_config(), **balance, **length}

    def _value(
        self, name: str, term: Term, outputs: Any, batch: Any, normalizer: float | Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """A term's loss, and the parts and weights of a nested compound under their full names."""
        placed, named = term.read(name, outputs, batch)
        if normalizer is not None:
            named["normalizer"] = normalizer
        try:
            found = term.criterion.score(*placed, **named) if isinstance(term.criterion, Compound) else None
            value = term.criterion(*placed, **named) if found is None else found.total
        except InputError as error:
            raise InputError(f"term {name!r} at step {self.position}: {error}") from error
        if value.ndim:
            raise InputError(f"term {name!r} must be one number, but has the shape {tuple(value.shape)}; reduce it")
        if found is None:
            return value, {}, {}
        below = {f"{name}.{key}": part for key, part in found.parts.items()}
        return value, below, {f"{name}.{key}": weight for key, weight in found.weights.items()}

    @torch.no_grad()
    def _rescale(self) -> None:
        progress = min(self.position / self.steps, 1.0) if self.steps else 0.0
        scales = [self.fixed.get(name, 1.0) * term.scale(progress) for name, term in self.terms.items()]
        self.scales.copy_(torch.tensor(scales, dtype=torch.float64))


def _term(name: str, item: Term | nn.Module) -> Term:
    if "." in name:
        raise InputError(f"a term's name must have no dot: {name!r}")
    term = item if isinstance(item, Term) else Term(item)
    if isinstance(term.criterion, Sum):
        parts = Compound.of(term.criterion)
        return Term(parts, term.outputs, term.batch, term.weight, term.schedule)
    if getattr(term.criterion, "balancer", None) is not None:
        raise InputError(f"term {name!r} is a compound that balances gradients, which only the outermost one can")
    return term


def _below(parts: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): part for key, part in parts.items() if key.startswith(f"{name}.")}

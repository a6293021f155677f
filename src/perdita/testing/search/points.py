"""Many single inputs of one loss at once, the ground on which every trait is searched."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from perdita.testing.sample import Sample, class_axis, shape_of
from perdita.testing.subject import Subject

LINKS: dict[str, Callable[[Tensor, int], Tensor]] = {  # (coordinates, axis of classes) → the first argument's domain
    "real": lambda z, axis: z,
    "unit": lambda z, axis: torch.sigmoid(z),
    "simplex": lambda z, axis: z.softmax(axis),
    "log_probs": lambda z, axis: z.log_softmax(axis) if axis < z.ndim else -torch.nn.functional.softplus(z),
    "positive": lambda z, axis: torch.exp(z),
    "nonnegative": lambda z, axis: torch.exp(z),
}
SET_SIZE = 4  # items in one point of a loss over sets


@dataclass(frozen=True, eq=False)
class Points:
    """``m`` small inputs: one item each, or one small set each; ``z`` are the real coordinates of the first argument.

    Args:
        subject: the loss.
        base: one input, for the shapes and options.
        z: (m, *shape) real coordinates.
        rest: (m, …) the other tensors by name.
    """

    subject: Subject
    base: Sample
    z: Tensor
    rest: dict[str, Tensor]

    def link(self, z: Tensor) -> Tensor:
        """The first argument at coordinates z, shape (m, *shape)."""
        item = self.subject.first
        axis = class_axis(shape_of(item, self.base.tensors[item.name]), z.ndim - 1)
        return LINKS[item.domain](z, axis + 1)

    def at(self, z: Tensor, rest: dict[str, Tensor] | None = None) -> Tensor:
        """(m,) values at coordinates z."""
        return self.values(self.link(z), rest)

    def values(self, x: Tensor, rest: dict[str, Tensor] | None = None) -> Tensor:
        """(m,) values where the first argument is x; each is the sum over its items."""
        rest, first = self.rest if rest is None else rest, self.subject.first.name

        def value(x: Tensor, rest: dict[str, Tensor]) -> Tensor:
            return self.subject(self.base.but(**rest, **{first: x}), reduction="sum")

        if "vmap" in self.subject.card.limits:
            return torch.stack([value(x[i], {name: t[i] for name, t in rest.items()}) for i in range(len(x))])
        return torch.func.vmap(value)(x, rest)

    def take(self, index: Tensor) -> Points:
        """Some of the points, with repetitions."""
        return Points(self.subject, self.base, self.z[index], {name: t[index] for name, t in self.rest.items()})

    def describe(self, x: Tensor, index: int) -> Sample:
        """One point as a sample, for messages."""
        own = {name: tensor[index] for name, tensor in self.rest.items()}
        return self.base.but(**own, **{self.subject.first.name: x[index].detach()})


def draw(subject: Subject, count: int, seed: int, largest: float = 2.0) -> Points:
    """Random points on scales from 10**-1 to 10**largest, with ties and zeros among them."""
    n = 1 if subject.card.rowwise else SET_SIZE
    kinds = min(count, 32)
    drawn = [subject.sample(seed * 1000 + index, n=n) for index in range(kinds)]
    first = subject.first.name
    stacked = {name: torch.stack([one.tensors[name] for one in drawn]) for name in drawn[0].tensors}
    rest = {name: t[torch.arange(count) % kinds] for name, t in stacked.items() if name != first}
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *stacked[first].shape[1:])
    scale = 10 ** (torch.rand(count, generator=generator, dtype=torch.float64) * (largest + 1) - 1)
    z = torch.randn(shape, generator=generator, dtype=torch.float64) * scale.view(-1, *[1] * (len(shape) - 1))
    z[::7] = z[::7].sign() * scale[::7].view(-1, *[1] * (len(shape) - 1))
    z[0] = 0.0
    by_name = {item.name: item for item in subject.card.signature.fields}
    for name, one in rest.items():  # large and small targets too
        if by_name[name].domain in ("real", "positive", "nonnegative") and one.is_floating_point():
            stretch = 10 ** (2 * torch.rand(count, generator=generator, dtype=torch.float64) - 0.5)
            rest[name] = one * torch.where(torch.arange(count) % 2 == 0, 1.0, stretch).view(-1, *[1] * (one.ndim - 1))
    for one in rest.values():  # the prediction at the target itself, where the two are alike
        if one.shape == z.shape and one.is_floating_point() and subject.first.domain == "real":
            z[3::11] = one[3::11]
    return Points(subject, drawn[0], z, rest)


def descend(points: Points, objective: Callable[[Tensor], Tensor], z: Tensor, steps: int = 60) -> Tensor:
    """Follow the gradient of an objective down from every point at once."""
    step = 0.3 * z.abs().flatten(1).amax(1).clamp(min=1.0).view(-1, *[1] * (z.ndim - 1))
    offset = torch.zeros_like(z, requires_grad=True)
    optimizer = torch.optim.Adam([offset], lr=0.1)
    for _ in range(steps):
        found = objective(z + step * offset)
        if not found.requires_grad:
            break
        offset.grad = torch.autograd.grad(torch.where(torch.isfinite(found), found, 0.0).sum(), offset)[0].nan_to_num(
            0.0, 0.0, 0.0
        )
        optimizer.step()
    return (z + step * offset).detach()


def geometric(low: float, high: float, count: int) -> Tensor:
    """Numbers from low to high in equal ratios."""
    return torch.logspace(math.log10(low), math.log10(high), count, dtype=torch.float64)

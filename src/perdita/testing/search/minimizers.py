"""What minimises the expected loss: true probabilities (proper), the right class (calibrated), a known statistic."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from perdita.testing.registry import ConformanceError
from perdita.testing.sample import Sample
from perdita.testing.search.points import LINKS, Points
from perdita.testing.search.statistics import STATISTICS
from perdita.testing.subject import Subject

BOX = 20.0  # logits are searched within this box, so that minimisers at infinity are found at its edge
STARTS = 4
TIE = 1e-3  # logits closer than this say nothing about which class is first


@dataclass(frozen=True, eq=False)
class Expectation:
    """The expected loss of one item under given class probabilities, for many problems at once.

    Args:
        points: one point for each outcome (outcomes come first), all with the same other inputs.
        outcomes: (k, …) every target that can occur.
        chances: (problems, k) probability of each outcome.
        probabilities: (problems, *shape) the truth, in the shape of the first argument.
        binary: whether each number is a decision of its own (sigmoid), else one of several classes (softmax).
    """

    points: Points
    target: str
    outcomes: Tensor
    chances: Tensor
    probabilities: Tensor
    binary: bool

    def __call__(self, z: Tensor) -> Tensor:
        """(m,) expected loss at coordinates z, shape (m, *shape), of problems in their order, repeated as often."""
        m, k = len(z), len(self.outcomes)
        every = self.points.take(torch.zeros(m * k, dtype=torch.long))
        rest = {**every.rest, self.target: self.outcomes.repeat(m, *[1] * (self.outcomes.ndim - 1))}
        values = every.at(z.repeat_interleave(k, 0), rest).view(m, k)
        return (values * self.chances.repeat(m // len(self.chances), 1)).sum(1)

    def link(self, z: Tensor) -> Tensor:
        """Probabilities of real coordinates."""
        return torch.sigmoid(z) if self.binary else z.softmax(2)

    def truth(self) -> Tensor:
        """Coordinates of the true probabilities."""
        return torch.logit(self.probabilities) if self.binary else self.probabilities.log()


def _truths(binary: bool, shape: tuple[int, ...]) -> Tensor:
    """Class probabilities with clear gaps, some without a majority; each at least 0.02."""
    generator = torch.Generator().manual_seed(11)
    if binary:
        spread = torch.linspace(0.07, 0.93, 6, dtype=torch.float64).view(-1, *[1] * len(shape)).expand(6, *shape)
        return (spread + 0.04 * (torch.rand(6, *shape, generator=generator, dtype=torch.float64) - 0.5)).clone()
    classes = shape[1]
    found = []
    for top in (0.3, 0.38, 0.45, 0.6, 0.75, 0.9):
        top = max(top, 1.6 / classes) if top < 0.5 else top
        rest = 0.5 + torch.rand(classes - 1, generator=generator, dtype=torch.float64)
        rest = rest / rest.sum() * (1 - min(top, 0.9))
        p = torch.cat([torch.tensor([min(top, 0.9)], dtype=torch.float64), rest])
        found.append(p[torch.randperm(classes, generator=generator)])
    return torch.stack(found).view(6, 1, classes, *[1] * (len(shape) - 2)).expand(6, *shape).clone()


def expectation(subject: Subject, trait: str) -> Expectation:
    """The expected loss over random class probabilities. Raises where the loss has no labels to take it over."""
    if subject.first.domain not in LINKS or not subject.card.rowwise:
        raise ConformanceError(
            f"trait_{trait}", "cannot be tested: it needs one item whose first argument is real or a probability"
        )
    base = subject.sample(12, n=1)
    shape = tuple(base.tensors[subject.first.name].shape)
    for item in subject.card.signature.fields[1:]:
        target = base.tensors.get(item.name)
        if target is None or item.optional:
            continue
        if item is subject.card.signature.labels and not target.is_floating_point() and len(shape) > 1:
            outcomes = torch.arange(shape[1]).view(-1, *[1] * target.ndim).expand(-1, *target.shape).clone()
            truths = _truths(False, shape)
            return _expectation(subject, base, item.name, outcomes, truths.flatten(1), truths, False)
        if item.domain in ("binary", "unit", "sign") and tuple(target.shape) == shape:
            truths = _truths(True, shape)
            bits = torch.tensor(list(itertools.product((0, 1), repeat=target.numel())))
            chances = torch.where(bits == 1, truths.flatten(1).unsqueeze(1), 1 - truths.flatten(1).unsqueeze(1)).prod(2)
            outcomes = (bits * 2 - 1 if item.domain == "sign" else bits).view(-1, *shape).to(target.dtype)
            return _expectation(subject, base, item.name, outcomes, chances, truths, True)
    raise ConformanceError(f"trait_{trait}", "cannot be tested: it has no class labels to take an expectation over")


def _expectation(
    subject: Subject, base: Sample, name: str, outcomes: Tensor, chances: Tensor, truths: Tensor, binary: bool
) -> Expectation:
    first = subject.first.name
    rest = {key: tensor.unsqueeze(0) for key, tensor in base.tensors.items() if key != first}
    points = Points(subject, base, torch.zeros_like(base.tensors[first]).unsqueeze(0), rest)
    return Expectation(points, name, outcomes, chances, truths, binary)


@functools.lru_cache(maxsize=8)
def _minimum(subject: Subject, trait: str) -> tuple[Expectation, Tensor, Tensor]:
    """The problems, the coordinates of each one's minimiser and the expected loss there."""
    expected = expectation(subject, trait)
    generator = torch.Generator().manual_seed(13)
    problems = len(expected.probabilities)
    start = torch.randn(
        (STARTS * problems, *expected.probabilities.shape[1:]), generator=generator, dtype=torch.float64
    )
    z = polish(expected, _descend(expected, start), generator)
    values = expected(z).view(STARTS, problems)
    best = values.argmin(0)
    return expected, z.view(STARTS, problems, *z.shape[1:])[best, torch.arange(problems)], values.min(0).values


def _descend(expected: Expectation, start: Tensor) -> Tensor:
    inner = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [inner], max_iter=60, history_size=20, line_search_fn="strong_wolfe", tolerance_change=1e-14
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = expected(BOX * torch.tanh(inner / BOX)).sum()
        value.backward()
        return value

    optimizer.step(closure)
    found = BOX * torch.tanh(inner.detach() / BOX)
    return torch.where(torch.isfinite(found), found, start)


def polish(expected: Expectation, z: Tensor, generator: torch.Generator, rounds: int = 40, tries: int = 12) -> Tensor:
    """Random steps of shrinking length, each kept only where it helps: for corners and flat places."""
    values = expected(z)
    rows = torch.arange(len(z))
    for length in torch.logspace(0.7, -5, rounds, dtype=torch.float64).tolist():
        steps = torch.randn((tries, *z.shape), generator=generator, dtype=torch.float64) * length
        trial = (z + steps).clamp(-BOX, BOX)
        found = expected(trial.flatten(0, 1)).view(tries, -1)
        best = found.argmin(0)
        better = found[best, rows] < values
        z = torch.where(better.view(-1, *[1] * (z.ndim - 1)), trial[best, rows], z)
        values = torch.where(better, found[best, rows], values)
    return z


def find_improper(subject: Subject, effort: int) -> str:
    """Class probabilities under which some prediction is better than the truth, or as good but different."""
    expected, z, least = _minimum(subject, "proper")
    honest = expected(expected.truth())
    if not expected.binary and subject.first.domain == "real":  # softmax does not say which of the shifted logits
        shifts = torch.linspace(-8, 8, 161, dtype=torch.float64)
        moved = torch.stack([expected(expected.truth() + shift) for shift in shifts])
        honest = torch.minimum(honest, moved.min(0).values)
        finer = shifts[moved.argmin(0)].view(-1, *[1] * (z.ndim - 1))
        honest = (
            torch.stack(
                [honest, *(expected(expected.truth() + finer + s) for s in torch.linspace(-0.1, 0.1, 41).tolist())]
            )
            .min(0)
            .values
        )
    gain = (honest - least) / (1 + honest.abs())
    apart = (expected.link(z) - expected.probabilities).abs().flatten(1).amax(1)
    wrong = (gain > 1e-5) | ((apart > 0.02) & (gain > -1e-9))
    if not wrong.any():
        return ""
    worst = int(torch.where(wrong, apart, -1.0).argmax())
    return (
        f"for true probabilities {_rounded(expected.probabilities[worst])} the best answer is "
        f"{_rounded(expected.link(z)[worst])}, {gain[worst]:.3g} (relative) better"
    )


def find_uncalibrated(subject: Subject, effort: int) -> str:
    """Class probabilities whose most probable class is not, or not alone, first in the minimiser."""
    expected, z, _ = _minimum(subject, "proper")
    truth = expected.probabilities.flatten(1)
    for index in range(len(z)):
        if expected.binary:
            wrong = (z[index].flatten() * (truth[index] - 0.5).sign() < TIE).any()
        else:
            top = z[index].flatten().topk(2)
            wrong = top.indices[0] != truth[index].argmax() or top.values[0] - top.values[1] < TIE
        if wrong:
            return f"for true probabilities {_rounded(truth[index])} the minimiser is {_rounded(z[index])}"
    return ""


def _rounded(tensor: Tensor) -> list[float]:
    return torch.round(tensor.detach().flatten(), decimals=4).tolist()


def fits_statistic(subject: Subject) -> None:
    """A constant prediction fitted to a few targets is the statistic that the card names."""
    name = subject.card.traits.minimizer
    if name not in STATISTICS:
        raise ConformanceError("trait_minimizer", f"unknown statistic {name!r}; known: {', '.join(STATISTICS)}")
    base = subject.sample(14, n=1)
    target = next((item for item in subject.card.signature.fields[1:] if item.name.startswith("target")), None)
    first = subject.first.name
    if not subject.card.rowwise or target is None or base.tensors[first].numel() != 1:
        raise ConformanceError(
            "trait_minimizer", "cannot be tested: it needs one number predicted for each item's one target"
        )
    targets = torch.cat(
        [subject.sample(15 + index, n=1).tensors[target.name].flatten() for index in range(11)]
    ).double()
    if target.domain in ("real", "positive", "nonnegative"):
        targets = targets + targets.square() / 3  # skewed, so that mean, median and midrange differ
    options = {**subject.card.signature.defaults, **base.options}
    expected = STATISTICS[name](targets, options)
    found = _constant(subject, base, target.name, targets)
    gap = (found - expected).abs()
    if gap > 1e-3 * (1 + expected.abs()):
        raise ConformanceError(
            "trait_minimizer",
            f"the best constant is {found:.6g}, but the {name} of {_rounded(targets)} is {expected:.6g}",
        )


def _constant(subject: Subject, base: Sample, target: str, targets: Tensor) -> Tensor:
    """The constant with the least total loss, by ever finer grids."""
    first, m = subject.first.name, len(targets)
    shape, kind = base.tensors[first].shape, base.tensors[target]
    rest = {k: t.unsqueeze(0) for k, t in base.tensors.items() if k != first}
    points = Points(subject, base, torch.zeros(1, *shape, dtype=torch.float64), rest).take(
        torch.zeros(m, dtype=torch.long)
    )
    rest = {**points.rest, target: targets.to(kind.dtype).view(m, *kind.shape)}
    edges = {"unit": (1e-9, 1 - 1e-9), "positive": (1e-6, 20.0), "nonnegative": (0.0, 20.0)}
    low, high = edges.get(subject.first.domain, (float(targets.min()) - 5, float(targets.max()) + 5))
    for _ in range(5):
        grid = torch.linspace(low, high, 101, dtype=torch.float64)
        every = points.take(torch.arange(m).repeat(101))
        own = {k: t.repeat(101, *[1] * (t.ndim - 1)) for k, t in rest.items()}
        totals = every.values(grid.repeat_interleave(m).view(-1, *shape), own).view(101, m).sum(1)
        best, step = grid[totals.argmin()], (high - low) / 100
        low, high = max(low, float(best) - step), min(high, float(best) + step)
    return best

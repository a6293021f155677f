"""Every trait a card claims, tested by search: a True must survive it, a False must be refuted by what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from perdita.testing.registry import CHECKS, Applies, Check, ConformanceError, at
from perdita.testing.search.kinks import find_kink
from perdita.testing.search.minimizers import (
    find_improper,
    find_uncalibrated,
    fits_statistic,
)
from perdita.testing.search.points import Points, descend, draw
from perdita.testing.subject import Subject

Search = Callable[[Subject, int], str]  # of `effort`: a counter-example in words, or "" where none was found
TINY = 1e-7  # relative; far above the rounding of float64, far below any effect that is searched


def find_negative(subject: Subject, effort: int) -> str:
    """A value below zero."""
    points = draw(subject, 200 * effort, 1)
    z = torch.cat([points.z, descend(points, lambda z: points.at(z), points.z)])
    twice = points.take(torch.arange(len(points.z)).repeat(2))
    values = twice.at(z)
    worst = int(values.nan_to_num(torch.inf).argmin())
    return f"the value {values[worst]:.6g}{at(twice.describe(twice.link(z), worst))}" if values[worst] < -1e-9 else ""


def find_growth(subject: Subject, effort: int) -> str:
    """A direction in which the value keeps growing as the first argument goes to 1e4 (or to its domain's edge)."""
    near, far = (1e3, 1e4) if subject.first.domain == "real" else (10.0, 30.0)
    points = draw(subject, 100 * effort, 2)
    norm = points.z.flatten(1).abs().amax(1).clamp(min=1e-12).view(-1, *[1] * (points.z.ndim - 1))
    direction = torch.where(points.z.abs() < 1e-12, 1.0, points.z / norm)
    direction[::3] = direction[::3].sign()
    before, after = points.at(near * direction), points.at(far * direction)
    place = points.link(far * direction)
    if not torch.isfinite(after).all():
        return f"a value that is not finite{at(points.describe(place, int((~torch.isfinite(after)).int().argmax())))}"
    bound = before.max() + 0.05 * before.max().abs() + 1e-6
    worst = int(after.argmax())
    if after[worst] <= bound:
        return ""
    grown = f"at most {before.max():.6g} at {near:g}, but {after[worst]:.6g} at {far:g}"
    return f"{grown}{at(points.describe(place, worst))}"


def find_nonconvex(subject: Subject, effort: int) -> str:
    """Two points whose midpoint lies above their chord."""
    points = draw(subject, 200 * effort, 3)
    others = draw(subject, 200 * effort, 4).z
    halves = torch.arange(len(others)) % 2 == 0
    nearby = points.z + 0.3 * others
    others = torch.where(halves.view(-1, *[1] * (others.ndim - 1)), others, nearby)

    def gap(pair: Tensor) -> Tensor:
        left, right = points.link(pair[:, 0]), points.link(pair[:, 1])
        chord = (points.values(left) + points.values(right)) / 2
        return (points.values((left + right) / 2) - chord) / (1 + chord.abs())

    pairs = torch.stack([points.z, others], 1)
    for found in (pairs, descend(points, lambda pair: -gap(pair), pairs, steps=40)):
        gaps = gap(found).nan_to_num(-torch.inf)
        worst = int(gaps.argmax())
        if gaps[worst] > TINY:
            ends = [torch.round(points.link(found[:, i])[worst], decimals=4).tolist() for i in (0, 1)]
            return f"the midpoint of {ends[0]} and {ends[1]} lies {gaps[worst]:.3g} (relative) above their chord"
    return ""


def find_asymmetry(subject: Subject, effort: int) -> str:
    """Two points whose sums over all labels differ."""
    points = draw(subject, 100 * effort, 5)
    name, values = _label_values(subject, points)
    total = torch.stack(
        [points.at(points.z, {**points.rest, name: torch.full_like(points.rest[name], k)}) for k in values]
    ).sum(0)
    spread = total.max() - total.min()
    return (
        f"sums over the labels from {total.min():.6g} to {total.max():.6g}"
        if spread > TINY * (1 + total.abs().max())
        else ""
    )


def _label_values(subject: Subject, points: Points) -> tuple[str, list[int]]:
    for item in subject.card.signature.fields[1:]:
        if item.name not in points.rest or item.optional:
            continue
        if item.domain == "labels" and not points.rest[item.name].is_floating_point():
            if item is not subject.card.signature.labels or points.z.ndim < 3:
                break
            return item.name, list(range(points.z.shape[2]))
        if item.domain in ("binary", "unit", "sign"):
            return item.name, [-1 if item.domain == "sign" else 0, 1]
    raise _untestable(subject, "symmetric", "it has no labels to sum over")


def find_shift(subject: Subject, effort: int) -> str:
    """A number that, added to all logits of an item, changes the value."""
    return _find_change(subject, effort, lambda z, amount: z + 10 * amount, "adding {0:.4g}", 10.0)


def find_scale(subject: Subject, effort: int) -> str:
    """A positive factor of the logits that changes the value."""
    return _find_change(
        subject, effort, lambda z, amount: z * 10**amount, "multiplying the logits by 10 ** {0:.4g}", 1.0
    )


def _find_change(
    subject: Subject, effort: int, change: Callable[[Tensor, Tensor], Tensor], what: str, factor: float
) -> str:
    if subject.first.domain != "real":
        raise _untestable(
            subject, "shift_invariant or scale_invariant", f"its first argument is {subject.first.domain}"
        )
    points = draw(subject, 100 * effort, 6, largest=1.0)
    amount = torch.randn(len(points.z), generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    before = points.at(points.z)
    after = points.at(change(points.z, amount.view(-1, *[1] * (points.z.ndim - 1))))
    gaps = (after - before).abs() / (1 + before.abs())
    worst = int(gaps.argmax())
    if not gaps[worst] > TINY:
        return ""
    shown = what.format(factor * amount[worst].item())
    return f"{shown} turns {before[worst]:.6g} into {after[worst]:.6g}{at(points.describe(points.z, worst))}"


def find_changing_hessian(subject: Subject, effort: int) -> str:
    """Two points at which the matrix of second derivatives differs."""
    points = draw(subject, 24, 8, largest=1.0)
    for index in range(4):
        alike = points.take(torch.full((6,), index))
        one = alike.take(torch.tensor([0]))

        def value(x: Tensor, one: Points = one) -> Tensor:
            return one.values(x.unsqueeze(0)).sum()

        places = points.link(points.z)[index::4][:6]
        stacked = torch.stack([torch.autograd.functional.hessian(value, x) for x in places])
        gap = (stacked - stacked[0]).abs().max()
        if gap > 1e-6 * (1 + stacked[0].abs().max()):
            return f"second derivatives that differ by {gap:.4g} between two points"
    return ""


SEARCHES: dict[str, tuple[str, Search]] = {  # trait → what a counter-example is called, how to find one
    "nonnegative": ("a negative value", find_negative),
    "bounded": ("unbounded growth", find_growth),
    "convex": ("a chord below the value", find_nonconvex),
    "symmetric": ("label sums that differ", find_asymmetry),
    "shift_invariant": ("a shift that matters", find_shift),
    "scale_invariant": ("a scale that matters", find_scale),
    "differentiable": ("a jump of the gradient", find_kink),
    "constant_hessian": ("a Hessian that changes", find_changing_hessian),
    "proper": ("a better answer than the true probabilities", find_improper),
    "classification_calibrated": ("a minimiser with the wrong class on top", find_uncalibrated),
}


def _untestable(subject: Subject, trait: str, reason: str) -> ConformanceError:
    return ConformanceError(f"trait_{trait}", f"{subject.card.name} claims {trait}, which cannot be tested: {reason}")


def _claims(trait: str) -> Applies:
    def applies(subject: Subject) -> str:
        if subject.plain:
            return "it claims no traits"
        return f"the card claims nothing about {trait}" if getattr(subject.card.traits, trait) is None else ""

    return applies


def _register(trait: str, noun: str, search: Search) -> None:
    def run(subject: Subject) -> None:
        claim: Any = getattr(subject.card.traits, trait)
        found = search(subject, 1 if claim else 3)
        if claim and found:
            raise ConformanceError(f"trait_{trait}", f"claimed {trait}, but there is {noun}: {found}")
        if not claim and not found:
            raise ConformanceError(
                f"trait_{trait}", f"claimed not to be {trait}, but the search found no {noun.split(' ', 1)[1]}"
            )

    run.__doc__ = f"The card's word on {trait} stands up to a search for {noun}."
    CHECKS[f"trait_{trait}"] = Check(f"trait_{trait}", run, (_claims(trait),), shrinks=False)


for _trait, (_noun, _search) in SEARCHES.items():
    _register(_trait, _noun, _search)
CHECKS["trait_minimizer"] = Check("trait_minimizer", fits_statistic, (_claims("minimizer"),), shrinks=False)

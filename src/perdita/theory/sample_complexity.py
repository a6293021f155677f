"""How many rows a classifier needs: learning curves on shared subsets, and the least number that reaches an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FitPredict = Callable[[Tensor, Tensor, Tensor], Tensor]  # training rows, their classes, test rows → test classes
Sampler = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]  # m, generator → m rows and their classes
SCALES = ("minmax", "none")


@component("discriminative-vs-generative")
def mean_shift_mixture(features: int, classes: int) -> Sampler:
    """A sampler of normal classes that share a diagonal covariance.

    Class 0 has the mean -1 in every coordinate, class k the mean 2^(k - 1); the first half of the coordinates has the
    variance of their number, the rest 1. Classes are of equal size. From 100 features on the Bayes error is nearly 0.

    Args:
        features: number of coordinates n.
        classes: number of classes.

    Source: Zheng et al., ICML 2023, arXiv 2302.02334, the simulation in the authors' code, without its mode of
    correlated features.
    """
    mean = torch.cat([torch.tensor([-1.0]), 2.0 ** torch.arange(classes - 1)]).double()
    deviation = torch.ones(features, dtype=torch.float64)
    deviation[: features // 2] = math.sqrt(features)

    def sampler(rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        target = torch.arange(rows) % classes
        noise = torch.randn(rows, features, generator=generator, dtype=torch.float64)
        return mean[target].unsqueeze(1) + deviation * noise, target

    return sampler


@component("discriminative-vs-generative")
def draw_every_class(target: Int[Tensor, "n"], rows: int, generator: torch.Generator) -> Int[Tensor, "m"]:
    """Indices of a random subset without repetition that holds every class of the target, redrawn until it does.

    Raises:
        InputError: fewer rows than classes, or more than there are, or no such subset in 1,000 draws.
    """
    classes = len(target.unique())
    if not classes <= rows <= len(target):
        raise InputError(f"rows must be from {classes}, the number of classes, to {len(target)}, not {rows}")
    for _ in range(1000):
        chosen = torch.randperm(len(target), generator=generator)[:rows]
        if len(target[chosen].unique()) == classes:
            return chosen
    raise InputError(f"rows: 1,000 subsets of {rows} rows did not hold every class; draw more rows")


@component("discriminative-vs-generative")
def learning_curve(
    input: Float[Tensor, "n f"],
    target: Int[Tensor, "n"],
    test_input: Float[Tensor, "m f"],
    test_target: Int[Tensor, "m"],
    *,
    heads: Mapping[str, FitPredict],
    sizes: Sequence[int],
    repeats: int = 5,
    scale: str = "minmax",
    generator: torch.Generator,
) -> dict[str, Float[Tensor, "sizes repeats"]]:
    """The test error of every head on the same random subsets of growing size.

    Args:
        input, target: training rows and their classes.
        test_input, test_target: test rows and their classes.
        heads: name → function that fits on rows and predicts others.
        sizes: of the subsets; each holds every class.
        repeats: subsets of each size.
        scale: "minmax" moves every feature of the subset to [0, 1], and the test rows alike; "none" leaves them.
        generator: of the subsets.

    Returns:
        name → (sizes, repeats) shares of wrong test rows.
    """
    if scale not in SCALES:
        raise InputError(f"scale must be one of {SCALES}, not {scale!r}")
    errors = {name: torch.zeros(len(sizes), repeats, dtype=torch.float64) for name in heads}
    for row, size in enumerate(sizes):
        for repeat in range(repeats):
            chosen = draw_every_class(target, size, generator)
            x, held = input[chosen], test_input
            if scale == "minmax":
                low, width = x.amin(0), x.amax(0) - x.amin(0)
                width = torch.where(width == 0, 1.0, width)
                x, held = (x - low) / width, (held - low) / width
            for name, head in heads.items():
                errors[name][row, repeat] = (head(x, target[chosen], held) != test_target).double().mean()
    return errors


@component("discriminative-vs-generative")
def sample_sizes(features: int, classes: int, largest: int | None = None) -> list[int]:
    """The numbers of rows that the paper walks: from 2 classes on, in steps of ceil(log features), to 100 features."""
    return list(range(2 * classes, 1 + (largest or 100 * features), max(1, math.ceil(math.log(features)))))


@component("discriminative-vs-generative")
def sample_complexity(
    fit_predict: FitPredict,
    sampler: Sampler,
    *,
    sizes: Sequence[int],
    target_error: float,
    test_rows: int = 10_000,
    repeats: int = 5,
    generator: torch.Generator,
) -> Float[Tensor, "repeats"]:
    """The first number of rows whose test error is below a target, in each repetition.

    Args:
        fit_predict: fits on rows and predicts others.
        sampler: draws training rows, and the test rows once for each repetition.
        sizes: numbers of rows to try, from the smallest up.
        target_error: usually the Bayes error plus 0.01.
        test_rows: number of test rows.
        repeats: repetitions.
        generator: of all rows.

    Returns:
        (repeats,) numbers of rows; infinity where no size reaches the target.
    """
    found = torch.full((repeats,), math.inf, dtype=torch.float64)
    for repeat in range(repeats):
        test_input, test_target = sampler(test_rows, generator)
        for rows in sizes:
            predicted = fit_predict(*sampler(rows, generator), test_input)
            if float((predicted != test_target).double().mean()) < target_error:
                found[repeat] = rows
                break
    return found

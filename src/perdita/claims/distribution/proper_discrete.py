"""Black-box losses of samples: unbiased ones are least at the true distribution, the plain plug-in is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch

from perdita.claims.harness import Claim, Evidence, paired
from perdita.losses.distribution.sampled import outcome_counts, power_distance, sequential_cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

TARGET = (0.5, 0.3, 0.15, 0.05)
STEPS = (-0.2, 0.0, 0.2, 0.5, 1.0)  # from the target towards uniform; below 0 the model is too sure
MODELS = {"target": TARGET, "uniform": (0.25, 0.25, 0.25, 0.25), "sharper": (0.7, 0.2, 0.08, 0.02)}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is how much nearer to uniform the unbiased loss is least than the plug-in, in steps t.

    Two draws of each model (1 - t) target + t uniform and one of the target, often; all t see the same uniform numbers.
    The plug-in takes (count / draws)^2 for the squared probability. Beside it, the sequential cross-entropy of three
    models.
    """
    repetitions = 2_000 if short else 200_000
    target = torch.tensor(TARGET, dtype=torch.float64, device=device)
    unbiased, plug_in, entropy = [], [], []
    for seed in seeds:
        generator = torch.Generator(device).manual_seed(seed)
        rolls = torch.rand(repetitions, 3, generator=generator, dtype=torch.float64, device=device)
        data = outcome_counts(_outcomes(target, rolls[:, 2:]), len(TARGET))
        models = [
            outcome_counts(_outcomes(_towards_uniform(target, step), rolls[:, :2]), len(TARGET)) for step in STEPS
        ]
        unbiased.append(torch.stack([power_distance(model, data, include_target=False) for model in models]))
        plug_in.append(torch.stack([((model / 2).square() - model * data).sum(1) for model in models]))
        aims = _outcomes(target, rolls[: repetitions // len(seeds), 2])
        entropy.append(torch.stack([_surprises(model, aims, generator) for model in MODELS.values()]))
    estimates = torch.stack(unbiased)  # (seeds, steps, repetitions)
    plain = torch.stack(plug_in).mean(2)
    waits = torch.stack(entropy)
    places = torch.stack([_towards_uniform(target, step) for step in STEPS])
    exact = (places.square() - 2 * places * target).sum(1)
    log_models = torch.tensor(list(MODELS.values()), dtype=torch.float64, device=device).log()
    errors = torch.stack([*_errors(estimates, exact), *_errors(waits, -(log_models * target).sum(1))])
    means, steps = estimates.mean(2), torch.tensor(STEPS, dtype=torch.float64)
    pooled = {"unbiased": steps[means.mean(0).argmin()].item(), "plug_in": steps[plain.mean(0).argmin()].item()}
    return paired(
        steps[plain.argmin(1).cpu()].tolist(),
        steps[means.argmin(1).cpu()].tolist(),
        steps=list(STEPS),
        unbiased=means.mean(0).tolist(),
        plug_in=plain.mean(0).tolist(),
        exact=exact.tolist(),
        sequential=waits.mean((0, 2)).tolist(),
        least_at=pooled,
        errors=errors.tolist(),
        remarks=[
            f"over all draws the unbiased loss is least at t = {pooled['unbiased']:g}, the plug-in at "
            f"t = {pooled['plug_in']:g}",
            f"the largest distance from an exact value is {errors.abs().max().item():.2f} standard errors",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    least_at, worst = evidence.details["least_at"], max(map(abs, evidence.details["errors"]))
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if worst > 5 or least_at["unbiased"] != 0:
        return "does not hold"
    return "holds" if worst <= 3 and least_at["plug_in"] < 0 else "inconclusive"


def _towards_uniform(target: Float[Tensor, "k"], step: float) -> Float[Tensor, "k"]:
    return (1 - step) * target + step / len(target)


def _outcomes(probs: Float[Tensor, "k"], rolls: Float[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    return torch.searchsorted(probs.cumsum(0)[:-1].contiguous(), rolls.contiguous(), right=True)


def _surprises(model: Sequence[float], aims: Int[Tensor, "n"], generator: torch.Generator) -> Float[Tensor, "n"]:
    probs = torch.tensor(model, dtype=torch.float64, device=aims.device)
    return sequential_cross_entropy(partial(_draw, probs, generator), aims).values


def _draw(probs: Float[Tensor, "k"], generator: torch.Generator, waiting: Int[Tensor, "w"]) -> Int[Tensor, "w"]:
    rolls = torch.rand(len(waiting), generator=generator, dtype=torch.float64, device=waiting.device)
    return _outcomes(probs, rolls)


def _errors(estimates: Float[Tensor, "seeds models n"], exact: Float[Tensor, "models"]) -> Float[Tensor, "models"]:
    """Distances of the means from the exact values, in standard errors."""
    every = estimates.transpose(0, 1).flatten(1)
    return (every.mean(1) - exact) / (every.std(1) / math.sqrt(every.shape[1]))


CLAIM = Claim(
    slug="proper-discrete",
    statement=(
        "Losses of samples that estimate polynomials of the probabilities without bias are least at the true "
        "distribution, and drawing until the target comes estimates cross-entropy."
    ),
    source="Kimpara, Frongillo, Waggoner, ICML 2023, arXiv 2211.03761, abstract",
    rule=(
        "Holds: over all draws, the unbiased squared loss of two draws is least at the target itself (t = 0) while "
        "the plug-in is least at a sharper model (t < 0), and it and the sequential cross-entropy lie within 3 "
        "standard errors of their exact values for every model. Does not hold: the unbiased loss is least elsewhere, "
        "or some mean is more than 5 standard errors away. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)

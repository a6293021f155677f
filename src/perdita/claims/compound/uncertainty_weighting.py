"""Weights learned as noise: do they find the noise, and do they free a model of the units of its losses?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

import perdita
import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.multitask import (
    OVERLAP,
    Heads,
    digit_errors,
    digit_network,
    digit_tasks,
    fit,
    fit_together,
    stacked,
    stacked_losses,
    started,
)
from perdita.claims.scenes import CLASSES, Scenes, render
from perdita.compare.spec import Training
from perdita.compound import Compound, EqualWeighting, Term, UncertaintyWeighting

if TYPE_CHECKING:
    from torch import Tensor

    from perdita.claims import multitask
    from perdita.compound import Weighting

NOISE = (10.0, 1.0)  # true standard deviations of the toy's two targets
LOW, HIGH = 0.7, 1.15  # of an estimated standard deviation over the true one
UNITS = 100.0
CHANGE = 0.02  # how much another unit may change the errors
ADAM = Training(optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant")


def squared_error(unit: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The squared error of numbers that are told in another unit."""
    return lambda prediction, target: P.mse(unit * prediction, unit * target, reduction="none")


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the log10 of the errors' geometric mean on digits, learned weights minus equal ones.

    There the regressions are told in a unit a hundred times smaller. The details hold the toy's estimated noise over
    the true one, both units, and rendered scenes with segmentation and depth.
    """
    ratios = _estimated_noise(seeds, device, 10 if short else 400)
    errors: dict[str, list[dict[str, float]]] = {}
    gaps: dict[str, float] = {}
    for unit in (1.0, UNITS):
        for weights in ("equal", "uncertainty"):
            found, gap = _digits(seeds, device, weights, unit, 3 if short else 60)
            errors[f"{weights} x{unit:g}"], gaps[f"x{unit:g}"] = found, gap  # that of the learned weights stays
    logs = {arm: [_log_mean(found) for found in own] for arm, own in errors.items()}
    mean = {arm: sum(own) / len(own) for arm, own in logs.items()}
    scenes = {weights: _scenes(seeds[0], device, weights, 1 if short else 15) for weights in ("equal", "uncertainty")}
    change = 10 ** (mean[f"uncertainty x{UNITS:g}"] - mean["uncertainty x1"]) - 1
    return paired(
        logs[f"equal x{UNITS:g}"],
        logs[f"uncertainty x{UNITS:g}"],
        overlap=OVERLAP,
        noise_ratios=ratios,
        found=sum(all(LOW <= ratio <= HIGH for ratio in own) for own in ratios),
        change=change,
        errors=errors,
        gaps=gaps,
        scenes=scenes,
        remarks=[
            f"estimated over true noise: {min(map(min, ratios)):.2f} to {max(map(max, ratios)):.2f}",
            "geometric mean of the errors on digits: " + ", ".join(f"{arm} {10**v:.4f}" for arm, v in mean.items()),
            f"change of learned weights' errors by the unit: {change:+.1%}",
            "largest distance of a log-variance from its best value when training ended: "
            + ", ".join(f"{unit} {gap:.2f}" for unit, gap in gaps.items()),
            "scenes, class error and depth error: "
            + ", ".join(f"{arm} {own['kind']:.3f} {own['depth']:.4f}" for arm, own in scenes.items()),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    found, change = evidence.details["found"] / evidence.n, abs(evidence.details["change"])
    if evidence.n < 5 or not math.isfinite(evidence.effect):
        return "inconclusive"
    if evidence.effect > 0 or found < 0.5:
        return "does not hold"
    return "holds" if found == 1 and change <= CHANGE else "inconclusive"


def _log_mean(errors: dict[str, float]) -> float:
    return sum(math.log10(max(error, 1e-6)) for error in errors.values()) / len(errors)


def _estimated_noise(seeds: Sequence[int], device: str, epochs: int) -> list[list[float]]:
    """Two lines with noise 10 and 1: each seed's learned standard deviations over the true ones."""
    drawn = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        x, noise = torch.randn(100, 1, generator=generator), torch.randn(100, 2, generator=generator)
        lines = {"first": 2 * x[:, 0] + 8 + 10 * noise[:, 0], "second": 3 * x[:, 0] + 3 + noise[:, 1]}
        drawn.append({"x": x} | lines)
    models = [started(_line_network, seed, device) for seed in seeds]
    terms = dict.fromkeys(("first", "second"), squared_error(1.0))
    weighting = UncertaintyWeighting(2 * len(seeds), kinds="regression").to(device)
    training = Training(
        epochs=epochs, batch_size=20, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, schedule="constant"
    )
    fit_together(models, terms, weighting, stacked(drawn, device), training, seeds)
    learned = (0.5 * weighting.log_vars.detach()).exp().view(2, -1).T.tolist()
    return [[estimate / true for estimate, true in zip(own, NOISE, strict=True)] for own in learned]


def _line_network() -> Heads:
    return Heads(nn.Sequential(nn.Linear(1, 128), nn.ReLU()), 128, {"first": 1, "second": 1})


def _digits(
    seeds: Sequence[int], device: str, weights: str, unit: float, epochs: int
) -> tuple[list[dict[str, float]], float]:
    """Held-out errors, and how far the learned log-variances still are from their best values, mean of the seeds."""
    tasks = [digit_tasks(seed, device) for seed in seeds]
    models = [started(digit_network, seed, device) for seed in seeds]
    terms = {"kind": _cross_entropy, "intensity": squared_error(unit), "contrast": squared_error(unit)}
    count = len(terms) * len(seeds)
    kinds = [kind for kind in ("classification", "regression", "regression") for _ in seeds]
    learns = weights == "uncertainty"
    weighting = (UncertaintyWeighting(count, kinds=kinds) if learns else EqualWeighting(count)).to(device)
    data = stacked([own.train for own in tasks], device)
    fit_together(models, terms, weighting, data, _adam(epochs), seeds)
    errors = [digit_errors(model, own.test) for model, own in zip(models, tasks, strict=True)]
    return errors, _gap(weighting, models, terms, data)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return P.cross_entropy(logits, target, reduction="none")


@torch.no_grad()
def _gap(
    weighting: Weighting, models: Sequence[nn.Module], terms: dict[str, multitask.Term], data: dict[str, Tensor]
) -> float:
    """The largest |s - log(2 c L)| of each seed, mean of the seeds; 0 where nothing is learned."""
    if not isinstance(weighting, UncertaintyWeighting):
        return 0.0
    outputs = [model(x) for model, x in zip(models, data["x"], strict=True)]
    losses = stacked_losses({name: torch.stack([own[name] for own in outputs]) for name in terms}, data, terms)
    gaps = (weighting.log_vars - (2 * weighting.factors * losses.flatten()).log()).abs()
    return gaps.view(len(terms), -1).amax(0).mean().item()


class _Pixels(nn.Module):
    """A small convolutional trunk with a head for each pixel's class and depth."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.ReLU(),
            nn.Conv2d(16, len(CLASSES) + 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        found = self.net(image)
        return {"kind": found[:, :-1], "depth": found[:, -1]}


def _scenes(seed: int, device: str, weights: str, epochs: int) -> dict[str, float]:
    generator = torch.Generator().manual_seed(seed)
    shown, held = (_as_batch(render(count, generator=generator), device) for count in (128, 64))
    model = started(_Pixels, seed, device)
    terms = {"kind": Term(perdita.CrossEntropy(), "kind", "kind"), "depth": Term(perdita.Mse(), "depth", "depth")}
    fit(model, Compound(terms, weights=weights).to(device), shown, _adam(epochs, 16), seed)
    with torch.no_grad():
        found = model(held["x"])
    wrong = (found["kind"].argmax(1) != held["kind"]).double().mean().item()
    return {"kind": wrong, "depth": (found["depth"] - held["depth"]).abs().double().mean().item()}


def _as_batch(scenes: Scenes, device: str) -> dict[str, Tensor]:
    return {"x": scenes.image.to(device), "kind": scenes.kind.to(device), "depth": scenes.depth.to(device)}


def _adam(epochs: int, batch_size: int = 100) -> Training:
    return replace(ADAM, epochs=epochs, batch_size=batch_size)


CLAIM = Claim(
    slug="uncertainty-weighting",
    statement=(
        "Weights learned as homoscedastic noise find each task's noise, and make a model with several tasks "
        "independent of the units of its losses, where equal weights fail."
    ),
    source="Kendall, Gal, Cipolla, CVPR 2018, arXiv 1705.07115, section 3, table 1 and the authors' toy notebook",
    rule=(
        "Holds: in every seed of the toy (two lines, noise 10 and 1, 400 epochs) both estimated standard deviations "
        "over the true ones are within 0.7 to 1.15; on digits with three tasks, the regressions told in a unit 100 "
        "times smaller, the geometric mean of the three errors is not above that of equal weights; and the unit "
        "changes the learned weights' geometric mean by at most 2 %. Does not hold: it is above that of equal weights, "
        "or the noise is found in fewer than half of the seeds. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)

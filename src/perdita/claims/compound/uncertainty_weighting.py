"""Weights learned as noise: do they find the noise, and do they free a model of the units of its losses?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.multitask import OVERLAP, Heads, digit_errors, digit_network, digit_tasks, fit, started
from perdita.claims.scenes import CLASSES, Scenes, render
from perdita.compare.spec import Training
from perdita.compound import Compound, Term, UncertaintyWeighting

if TYPE_CHECKING:
    from torch import Tensor

NOISE = (10.0, 1.0)  # true standard deviations of the toy's two targets
LOW, HIGH = 0.7, 1.15  # of an estimated standard deviation over the true one
UNITS = 100.0
CHANGE = 0.02  # how much another unit may change the errors
ADAM = Training(optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant")


class Rescaled(nn.Module):
    """The mean squared error of numbers that are told in another unit."""

    def __init__(self, unit: float) -> None:
        super().__init__()
        self.unit = unit

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return perdita.functional.mse(self.unit * prediction, self.unit * target)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the log10 of the errors' geometric mean on digits, learned weights minus equal ones.

    There the regressions are told in a unit a hundred times smaller. The details hold the toy's estimated noise over
    the true one, both units, and rendered scenes with segmentation and depth.
    """
    ratios = [_estimated_noise(seed, device, 10 if short else 400) for seed in seeds]
    errors: dict[str, list[dict[str, float]]] = {}
    gaps: dict[str, float] = {}
    for unit in (1.0, UNITS):
        for weights in ("equal", "uncertainty"):
            found = [_digits(seed, device, weights, unit, 3 if short else 60) for seed in seeds]
            errors[f"{weights} x{unit:g}"] = [own for own, _ in found]
            gaps[f"x{unit:g}"] = sum(gap for _, gap in found) / len(found)  # that of the learned weights stays
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


def _estimated_noise(seed: int, device: str, epochs: int) -> list[float]:
    """Two lines with noise 10 and 1: the learned standard deviations over the true ones."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(100, 1, generator=generator), torch.randn(100, 2, generator=generator)
    data = {"x": x, "first": 2 * x[:, 0] + 8 + 10 * noise[:, 0], "second": 3 * x[:, 0] + 3 + noise[:, 1]}
    model = started(_line_network, seed, device)
    terms = {name: Term(perdita.Mse(), name, name) for name in ("first", "second")}
    compound = Compound(terms, weights=UncertaintyWeighting(2, kinds="regression")).to(device)
    training = Training(
        epochs=epochs, batch_size=20, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, schedule="constant"
    )
    fit(model, compound, {name: field.to(device) for name, field in data.items()}, training, seed)
    learned = (0.5 * compound.weighting.log_vars).exp().tolist()
    return [estimate / true for estimate, true in zip(learned, NOISE, strict=True)]


def _line_network() -> Heads:
    return Heads(nn.Sequential(nn.Linear(1, 128), nn.ReLU()), 128, {"first": 1, "second": 1})


def _digits(seed: int, device: str, weights: str, unit: float, epochs: int) -> tuple[dict[str, float], float]:
    """Held-out errors, and how far the learned log-variances still are from their best values."""
    tasks = digit_tasks(seed, device)
    model = started(digit_network, seed, device)
    compound = Compound(
        kind=Term(perdita.CrossEntropy(), "kind", "kind"),
        intensity=Term(Rescaled(unit), "intensity", "intensity"),
        contrast=Term(Rescaled(unit), "contrast", "contrast"),
        weights={"method": "uncertainty", "kinds": {"intensity": "regression", "contrast": "regression"}}
        if weights == "uncertainty"
        else None,
    ).to(device)
    fit(model, compound, tasks.train, _adam(epochs), seed)
    return digit_errors(model, tasks.test), _gap(compound, compound.score(model(tasks.train["x"]), tasks.train).losses)


@torch.no_grad()
def _gap(compound: Compound, losses: Tensor) -> float:
    """The largest |s - log(2 c L)|; 0 where nothing is learned."""
    weighting = compound.weighting
    if not isinstance(weighting, UncertaintyWeighting):
        return 0.0
    return (weighting.log_vars - (2 * weighting.factors * losses).log()).abs().max().item()


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

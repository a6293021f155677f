"""Correctness-aware temperatures against none and against temperature scaling: digits in and out of distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita
import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.measures import calibration_error
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.losses.calibration.correctness import correctness
from perdita.nn.temperature import AdaptiveTemperature, TemperatureScaling, consistency_features
from perdita.training.calibrator import Objective, fit_temperature

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    Part = tuple[Float[Tensor, "n 10"], Float[Tensor, "n 12"], Int[Tensor, "n"]]  # logits, features, target

TRAIN, HELD = 50, 850  # images that train the classifier, and those that fit the calibrator; the rest is for the test
COPIES = ("shifted_right", "shifted_down", "faded")
SETTINGS = ("in", "out")  # of distribution


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the Brier score of the top label with correctness-aware temperatures minus that with none.

    A 64-128-10 network learns 50 digits, 850 others fit the calibrators, the rest is the test; out of distribution it
    carries noise. Features are what the network says of three changed copies.
    """
    folds, labels = [], []
    for seed in seeds:
        fold, own = _fold(seed, device)
        folds.append(fold)
        labels.append(own)
    training = Training(
        epochs=15 if short else 150, batch_size=None, optimizer="sgd", learning_rate=0.1, momentum=0.9,
        weight_decay=0.0, schedule="constant",
    )  # fmt: skip
    trained = train_together({"": perdita.CrossEntropy()}, lambda: mlp((64,), 10, (128,)), folds, training, seeds)
    scores: dict[str, dict[str, list[dict[str, float]]]] = {setting: {} for setting in SETTINGS}
    for index, seed in enumerate(seeds):
        outputs = {part: logits[0, index] for part, logits in trained.outputs.items()}
        parts = {name: _part(outputs, name, labels[index][name]) for name in ("held", *SETTINGS)}
        for arm, calibrator in _calibrators(parts["held"], seed, 10 if short else 300).items():
            for setting in SETTINGS:
                scores[setting].setdefault(arm, []).append(_measure(calibrator, parts[setting]))
    means = {
        setting: {arm: {name: sum(one[name] for one in own) / len(own) for name in own[0]} for arm, own in arms.items()}
        for setting, arms in scores.items()
    }
    brier = {arm: [one["brier"] for one in scores["in"][arm]] for arm in ("none", "aware")}
    return paired(
        brier["none"],
        brier["aware"],
        overlap=(1797 - TRAIN - HELD) / (TRAIN + HELD),
        means=means,
        remarks=[
            f"{'within' if setting == 'in' else 'out of'} the distribution, {arm}: "
            + ", ".join(f"{name} {value:.3f}" for name, value in own.items())
            for setting, arms in means.items()
            for arm, own in arms.items()
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    means = evidence.details["means"]
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if any(means[setting]["aware"]["brier"] >= means[setting]["none"]["brier"] for setting in SETTINGS):
        return "does not hold"
    level = means["out"]["aware"]["ece"] <= means["out"]["scaling"]["ece"]
    return "holds" if level else "inconclusive"


def _calibrators(held: Part, seed: int, steps: int) -> dict[str, nn.Module]:
    """A fitted calibrator for each arm; those with a temperature for each item begin alike."""

    def entropy(logits: Tensor, target: Tensor, temperature: Tensor) -> Tensor:
        return P.cross_entropy(logits / temperature.unsqueeze(1), target)

    logits, features, target = held
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        fresh = AdaptiveTemperature(features.shape[1]).to(logits.device)
    one_for_all = TemperatureScaling().to(logits.device)
    arms: dict[str, tuple[nn.Module, Objective]] = {
        "scaling": (one_for_all, entropy),
        "entropy": (fresh, entropy),
        "aware": (fresh, P.correctness_aware),
        "aware, balanced": (fresh, P.balanced_correctness_aware),
    }
    fitted: dict[str, nn.Module] = {"none": one_for_all}
    for arm, (start, objective) in arms.items():
        fitted[arm] = deepcopy(start)
        fit_temperature(fitted[arm], logits, features, target, objective, steps=steps)
    return fitted


@torch.no_grad()
def _measure(calibrator: nn.Module, part: Part) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    logits, features, target = part
    temperature = calibrator(features)
    probs = (logits / temperature.unsqueeze(1)).softmax(1)
    right = correctness(logits, target)
    return {
        "ece": calibration_error(probs, target),
        "brier": P.correctness_aware(logits, target, temperature=temperature).item(),
        "auroc": float(roc_auc_score(right.cpu(), probs.amax(1).cpu())),
    }


def _part(outputs: dict[str, Float[Tensor, "n 10"]], name: str, labels: Int[Tensor, "n"]) -> Part:
    copies = torch.stack([outputs[f"{name}, {copy}"] for copy in COPIES], 1)
    return outputs[name], consistency_features(outputs[name], copies), labels


def _fold(seed: int, device: str) -> tuple[Fold, dict[str, Int[Tensor, "n"]]]:
    from sklearn.datasets import load_digits

    pixels, classes = map(torch.as_tensor, load_digits(return_X_y=True))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(classes), generator=generator)
    images, labels = (pixels[order] / 16).float().view(-1, 8, 8), classes[order]
    train, held, test = images[:TRAIN], images[TRAIN : TRAIN + HELD], images[TRAIN + HELD :]
    noise = 0.35 * torch.randn(test.shape, generator=generator)
    seen = {"held": held, "in": test, "out": (test + noise).clamp(0, 1)}
    parts: dict[str, Tensor] = {}
    for name, own in seen.items():
        faded = 0.6 * own + 0.2 * torch.randn(own.shape, generator=generator)
        copies = dict(zip(COPIES, (_shifted(own, 2), _shifted(own, 1), faded), strict=True))
        parts |= {name: own} | {f"{name}, {copy}": changed for copy, changed in copies.items()}
    rows = {name: own.flatten(1).to(device) for name, own in parts.items()}
    answers = {"held": labels[TRAIN : TRAIN + HELD], "in": labels[TRAIN + HELD :], "out": labels[TRAIN + HELD :]}
    fold = Fold(train.flatten(1).to(device), labels[:TRAIN].to(device), rows)
    return fold, {name: own.to(device) for name, own in answers.items()}


def _shifted(images: Float[Tensor, "n 8 8"], axis: int) -> Float[Tensor, "n 8 8"]:
    """One pixel to the right (axis 2) or down (axis 1); what comes in is empty."""
    return torch.cat([torch.zeros_like(images.narrow(axis, 0, 1)), images.narrow(axis, 0, 7)], axis)


CLAIM = Claim(
    slug="calibration-correctness",
    statement=(
        "Temperatures fitted to be sure where the classifier is right and unsure where it is wrong improve its "
        "calibration in and out of distribution, there at least as much as temperature scaling."
    ),
    source="Liu, Wang, Zou, Zou, Zheng, 2024, arXiv 2404.13016, abstract",
    rule=(
        "Holds: on digits, the mean Brier score of the top label is lower than without a calibrator both in and out "
        "of distribution, and out of distribution the mean calibration error (15 bins) is at most that of "
        "temperature scaling. Does not hold: one of the two Brier scores is not lower. Inconclusive: lower Brier "
        "scores but a larger calibration error, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)

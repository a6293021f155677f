"""Inputs and arguments of the catalogue's losses that no signature can tell: boxes, images, alignments, counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from perdita.testing.sample import Sample, Sampler

WIDE = torch.float64


def boxes(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Pairs of boxes that overlap in part."""
    corners = 2 * torch.rand(2, n, 2, generator=generator, dtype=WIDE)
    sides = 0.5 + 2 * torch.rand(2, n, 2, generator=generator, dtype=WIDE)
    drawn = torch.cat([corners, corners + sides], 2).to(dtype)
    return {"boxes": drawn[0], "target": drawn[1]}


def images(**shapes: tuple[int, ...]) -> Sampler:
    """Images whose pixels lie in [0.1, 0.9]."""

    def draw(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
        unit = {name: torch.rand(n, *shape, generator=generator, dtype=WIDE) for name, shape in shapes.items()}
        return {name: (0.1 + 0.8 * pixels).to(dtype) for name, pixels in unit.items()}

    return draw


def counts(*names: str) -> Sampler:
    """Two parameters of a count, and whole counts of which some are 0."""

    def draw(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
        first, second = torch.randn(2, n, 3, generator=generator, dtype=WIDE).to(dtype)
        return {names[0]: first, "target": torch.randint(0, 4, (n, 3), generator=generator).to(dtype), names[1]: second}

    return draw


def alignment(generator: torch.Generator, n: int, dtype: torch.dtype) -> Sample:
    """Log-probabilities of 6 steps, and labels without repetition that fit into them."""
    log_probs = torch.randn(6, n, 4, generator=generator, dtype=WIDE).log_softmax(2).to(dtype)
    targets = 1 + torch.rand(n, 3, generator=generator).argsort(1)
    lengths = 5 + torch.randint(2, (n,), generator=generator), 1 + torch.randint(3, (n,), generator=generator)
    return Sample(
        {"log_probs": log_probs, "targets": targets, "input_lengths": lengths[0], "target_lengths": lengths[1]}
    )


def divergence(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Log-probabilities and probabilities of the same classes."""
    first, second = torch.randn(2, n, 4, generator=generator, dtype=WIDE)
    return {"log_probs": first.log_softmax(1).to(dtype), "target": second.softmax(1).to(dtype)}


def label_lists(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """One or two labels for each row, and -1 behind them."""
    logits = torch.randn(n, 4, generator=generator, dtype=WIDE).to(dtype)
    order = torch.rand(n, 4, generator=generator).argsort(1)
    listed = 1 + torch.randint(2, (n, 1), generator=generator)
    return {"logits": logits, "target": torch.where(torch.arange(4) < listed, order, -1)}


def draws(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Log-probabilities of a model's own draws, and draws of the truth."""
    log_probs = torch.rand(n, generator=generator, dtype=WIDE).clamp_min(0.05).log().to(dtype)
    return {
        "log_probs": log_probs,
        "model_samples": torch.randint(0, 3, (n,), generator=generator),
        "target_samples": torch.randint(0, 3, (4,), generator=generator),
    }


def likeliest(generator: torch.Generator, n: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Logits, and the three of a teacher's classes that it kept, with their log-probabilities."""
    student, teacher = torch.randn(2, n, 7, generator=generator, dtype=WIDE)
    indices = torch.rand(n, 7, generator=generator).argsort(1)[:, :3]
    kept = teacher.log_softmax(1).gather(1, indices)
    return {"logits": student.to(dtype), "teacher_indices": indices, "teacher_log_probs": kept.to(dtype)}


PICTURE = (2, 6, 7)
SAMPLERS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"), boxes),
    **dict.fromkeys(("structural_similarity", "photometric"), images(prediction=PICTURE, target=PICTURE)),
    "minimum_photometric": images(views=(2, *PICTURE), target=PICTURE),
    "negative_binomial_nll": counts("log_mean", "log_dispersion"),
    "zero_inflated_poisson_nll": counts("log_rate", "zero_logit"),
    "ctc": alignment,
    "kl_div": divergence,
    "multilabel_margin": label_lists,
    "black_box_brier": draws,
    "sparse_distillation": likeliest,
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "adaptive_log_softmax": {"in_features": 6, "classes": 4, "cutoffs": [1, 2], "div_value": 2.0},
    "number_token": {"table": {0: 0.0, 1: 1.0, 2: 3.0}},
    "aldr_kl": {"examples": 64, "temperature": 1.0},
}

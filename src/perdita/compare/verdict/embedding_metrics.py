"""Measures of embeddings of classes that were not trained on: each item searches among the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from perdita.compare.spec import Metric
from perdita.judge.clusters import normalized_mutual_information
from perdita.judge.retrieval import retrieval_scores
from perdita.judge.verification import pair_scores, true_accept_rate

if TYPE_CHECKING:
    from jaxtyping import Float, Int

OF_EMBEDDINGS = (
    Metric("map_at_r", True, "MAP@R", (0.0, 1.0)),
    Metric("recall_at_1", True, "Recall@1", (0.0, 1.0)),
    Metric("r_precision", True, "R-precision", (0.0, 1.0)),
    Metric("nmi", True, "NMI", (0.0, 1.0)),
    Metric("tar_at_far_1", True, "TAR at 1 % FAR", (0.0, 1.0)),
)
FALSE_ACCEPTS = 0.01
VERIFIED = 1000  # rows whose pairs are verified, at most: half a million
STARTS = 3  # of k-means
FOLLOWED = 128  # rows of the validation part that a course over the epochs is measured on, at most


def measure(names: list[str], outputs: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """The named metrics of embeddings (n, d) by cosine, with their labels (n,); NaN where these do not define one."""
    embedding, label = torch.from_numpy(outputs.astype(np.float32)), torch.from_numpy(target)
    found = {name: float(score) for name, score in retrieval_scores(embedding, label).items()}
    if "nmi" in names:
        found["nmi"] = float(normalized_mutual_information(embedding, label, starts=STARTS))
    if "tar_at_far_1" in names:
        found["tar_at_far_1"] = _accepted(embedding, label)
    return {name: found[name] for name in names}


def curve(
    name: str, outputs: Float[Tensor, "*models n d"], target: Int[Tensor, "*seeds n"]
) -> Float[Tensor, "*models"]:
    """One metric of many models, on at most `FOLLOWED` of the rows that are there, the same for every loss."""
    seeds = target.reshape(-1, target.shape[-1])
    models = outputs.reshape(-1, len(seeds), *outputs.shape[-2:])
    found = torch.zeros(models.shape[:2], dtype=outputs.dtype)
    for seed, label in enumerate(seeds):
        there = torch.nonzero(label >= 0).flatten()
        rows = there[_spread(len(there), FOLLOWED)]
        for model, embedding in enumerate(models[:, seed, rows]):
            finite = bool(embedding.isfinite().all())
            found[model, seed] = measure([name], embedding.numpy(), label[rows].numpy())[name] if finite else torch.nan
    return found.view(outputs.shape[:-2])


def _accepted(embedding: Tensor, label: Tensor) -> float:
    chosen = _spread(len(label), VERIFIED)
    genuine, impostor = pair_scores(embedding[chosen], label[chosen])
    return float(true_accept_rate(genuine, impostor, FALSE_ACCEPTS)) if len(genuine) and len(impostor) else float("nan")


def _spread(rows: int, most: int) -> Int[Tensor, "m"]:
    """Row numbers, all or so many, evenly spread."""
    return torch.linspace(0, rows - 1, min(rows, most)).round().long()

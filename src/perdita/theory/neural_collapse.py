"""How far a classifier's last layer has collapsed: features to class means, means and weights to a rigid frame."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from perdita.theory.collapse_geometry import CollapseGeometry

GEOMETRIES = ("etf", "orthogonal", "exact")


@component("neural-collapse")
def shape_distance(first: Float[Tensor, "a b"], second: Float[Tensor, "a b"]) -> Float[Tensor, ""]:
    """The Frobenius distance of two matrices, each divided by its own norm: 0 to 2, NaN where one is zero."""
    return torch.linalg.norm(first / torch.linalg.norm(first) - second / torch.linalg.norm(second))


@component("neural-collapse")
class NeuralCollapse:
    r"""The four measures of neural collapse, from features in batches.

        collapse = NeuralCollapse(classes=10)
        for features, target in batches:
            collapse.update(features, target)
        collapse.compute(head.weight)

    With class means hbar_k, the mean h_G over all items, S_W = (1/N) \sum_i (h_i - hbar_y)(h_i - hbar_y)^T and
    S_B = (1/K) \sum_k (hbar_k - h_G)(hbar_k - h_G)^T:

        nc1           tr(S_W S_B^+) / K: how much of the features is not their class's mean
        nc2_weight    shape of W W^T against the frame's
        nc2_features  shape of the means' inner products against the frame's
        nc3           shape of the logits W Hbar of the means against the frame's
        self_duality  shape of W against that of the means, each times its scale

    All but the first are `shape_distance`. For a frame of equal angles ("etf") the means are taken from h_G; the
    weight is not centred. For data with classes of several sizes h_G weighs the items and S_B the classes alike, as in
    the released code. For layer m of a deep linear head give the features that enter it and W = W_M ... W_m.

    Args:
        classes: number of classes; those without an item are left out of all measures.

    Raises:
        InputError: labels outside 0..classes-1, shapes that do not fit, an update with another width.

    Source: Papyan, Han, Donoho, PNAS 2020, arXiv 2008.08186; Dang et al., ICML 2023, arXiv 2301.00437 and its released
    code, whose scripts do not all divide by the norms; here all do.
    """

    def __init__(self, classes: int) -> None:
        if classes < 1:
            raise InputError(f"classes must be at least 1, not {classes}")
        self.classes = classes
        self.counts: Tensor | None = None

    @torch.no_grad()
    def update(self, features: Float[Tensor, "n d"], target: Int[Tensor, "n"]) -> None:
        """Take in a batch; sums are kept in float64, centred, so that a small spread is not lost beside large means."""
        self._check(features, target)
        x, width = features.double(), features.shape[1]
        if self.counts is None:
            self.counts = x.new_zeros(self.classes)
            self.means = x.new_zeros(self.classes, width)
            self.scatter = x.new_zeros(width, width)  # N S_W
        member = torch.nn.functional.one_hot(target.long(), self.classes).double()  # (n, k)
        counts = member.sum(0)
        means = member.T @ x / counts.clamp(min=1).unsqueeze(1)
        inside = x - means[target]
        total = (self.counts + counts).clamp(min=1)
        move = means - self.means
        apart = (self.counts * counts / total).unsqueeze(1)
        self.scatter += inside.T @ inside + (apart * move).T @ move
        self.means += (counts / total).unsqueeze(1) * move
        self.counts += counts

    @torch.no_grad()
    def compute(
        self, weight: Float[Tensor, "k d"], *, geometry: str = "etf", exact: CollapseGeometry | None = None
    ) -> dict[str, float]:
        """The measures of what was taken in, for a classifier's weight.

        Args:
            weight: (classes, d), as of `torch.nn.Linear`.
            geometry: the frame that is expected. "etf": equal angles, for cross-entropy or a bias; "orthogonal": for
                squared error without bias and equal classes; "exact": that of `deep_linear_geometry`.
            exact: what `deep_linear_geometry` gave, for geometry "exact".

        Returns:
            nc1, nc2_weight, nc2_features, nc3 and self_duality; all are 0 at full collapse. nc1 is infinite, or NaN
            without any spread, where all class means are equal.

        Raises:
            InputError: nothing was taken in, an unknown geometry, an exact one that is missing or not asked for.
        """
        if self.counts is None or not self.counts.any():
            raise InputError("compute needs an update with features before it")
        expected = (self.classes, self.means.shape[1])
        if tuple(weight.shape) != expected:
            raise InputError(f"weight must have shape {expected}, not {tuple(weight.shape)}")
        if geometry not in GEOMETRIES:
            raise InputError(f"geometry must be one of {GEOMETRIES}, not {geometry!r}")
        if (exact is not None) != (geometry == "exact"):
            raise InputError("exact must be given with geometry 'exact', and with no other")
        seen = self.counts > 0
        means, rows = self.means[seen], weight.double()[seen]  # (k, d)
        classes = len(means)
        centred = means - self.counts[seen] @ means / self.counts.sum()
        _warn_of_width(means.shape[1], classes - (geometry == "etf"), geometry)
        identity = torch.eye(classes, dtype=means.dtype, device=means.device)
        frames, scale = (identity,) * 3, torch.ones_like(self.counts[seen])
        if geometry == "etf":
            frames, means = (identity - 1 / classes,) * 3, centred
        elif exact is not None:
            ideal = (exact.weight_gram, exact.feature_gram, exact.logits)
            frames = tuple(frame.to(means.device)[seen][:, seen] for frame in ideal)
            scale = exact.row_scale.to(means.device)[seen]
        return {
            "nc1": self._spread(centred),
            "nc2_weight": shape_distance(rows @ rows.T, frames[0]).item(),
            "nc2_features": shape_distance(means @ means.T, frames[1]).item(),
            "nc3": shape_distance(rows @ means.T, frames[2]).item(),
            "self_duality": shape_distance(rows, scale.unsqueeze(1) * means).item(),
        }

    def _spread(self, centred: Float[Tensor, "k d"]) -> float:
        """tr(S_W S_B^+) / K in the span of the class means, without a pseudoinverse of (d, d)."""
        assert self.counts is not None
        _, lengths, directions = torch.linalg.svd(centred, full_matrices=False)
        squares = lengths.square()  # of K S_B
        kept = squares > squares.max() * max(centred.shape) * torch.finfo(squares.dtype).eps
        inside = ((directions @ self.scatter) * directions).sum(1) / self.counts.sum()
        if not kept.any():
            return float(self.scatter.trace() / 0.0)
        return float((inside[kept] / squares[kept]).sum())

    def _check(self, features: Tensor, target: Tensor) -> None:
        if features.ndim != 2 or target.shape != features.shape[:1]:
            raise InputError(
                f"features must have shape (n, d) and target (n,), not {tuple(features.shape)} and "
                f"{tuple(target.shape)}"
            )
        if self.counts is not None and features.shape[1] != self.means.shape[1]:
            raise InputError(f"features must have width {self.means.shape[1]} as before, not {features.shape[1]}")
        if target.is_floating_point() or not features.isfinite().all():
            raise InputError("target must hold integers and features finite numbers")
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < self.classes:
            raise InputError(f"target must hold class indices from 0 to {self.classes - 1}")


def _warn_of_width(width: int, needed: int, geometry: str) -> None:
    if width < needed:
        warnings.warn(
            f"features of width {width} cannot reach the {geometry} geometry, which needs {needed}", stacklevel=3
        )

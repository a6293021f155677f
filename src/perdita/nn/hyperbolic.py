"""Layers to and in the Poincaré ball."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import component
from perdita.losses.embedding.hyperbolic import clip_length, exp_map, hyperbolic_logits, project

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@component("hyp-oc")
class ToPoincareBall(nn.Module):
    r"""Euclidean features into the Poincaré ball, by the exponential map at a learnable origin.

    Features longer than ``longest`` are shortened first, so that none comes near the edge, where gradients vanish. With
    riemannian=True the gradient at a point z is multiplied by (1 - c \|z\|^2)^2 / 4, the inverse of the ball's metric.

    Args:
        dimension: d of the features.
        curvature: c; the ball has the radius 1 / sqrt(c).
        longest: length of the longest feature; None shortens none.
        riemannian: whether the gradient is rescaled.

    Source: Narayan, Patel, "Hyp-OC", FG 2024, arXiv 2404.14406; Guo et al., "Clipped Hyperbolic Classifiers Are
    Super-Hyperbolic Classifiers", CVPR 2022, arXiv 2107.11472 (clipping).
    """

    def __init__(
        self, dimension: int, *, curvature: float = 0.1, longest: float | None = 2.0, riemannian: bool = True
    ) -> None:
        super().__init__()
        self.curvature, self.longest, self.riemannian = curvature, longest, riemannian
        self.origin = nn.Parameter(torch.zeros(dimension))

    def forward(self, features: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """Points of the ball."""
        c = self.curvature
        tangent = features if self.longest is None else clip_length(features, self.longest)
        points = project(exp_map(tangent, curvature=c, origin=exp_map(self.origin, curvature=c)), curvature=c)
        if not self.riemannian:
            return points
        share = (1 - c * points.detach().square().sum(-1, keepdim=True)).square() / 4
        scaled = share * points
        return scaled + (points - scaled).detach()  # the value of points, the gradient of share * points


@component("hyp-oc")
class HyperbolicClassifier(nn.Module):
    """Logits of logistic regression in the Poincaré ball: `hyperbolic_logits` with its normals and offsets learnt.

    Args:
        dimension: d of the points.
        classes: how many logits.
        curvature: c of the ball.
        eps: in the Möbius sum, as in the authors' code; 0 is exact.
    """

    def __init__(self, dimension: int, classes: int, *, curvature: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.curvature, self.eps = curvature, eps
        self.normals, self.offsets = (nn.Parameter(torch.empty(classes, dimension)) for _ in range(2))
        for parameter in (self.normals, self.offsets):
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5))

    def forward(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """Logits, for any classification loss; with cross-entropy it is `hyperbolic_cross_entropy`."""
        return hyperbolic_logits(points, self.normals, self.offsets, curvature=self.curvature, eps=self.eps)

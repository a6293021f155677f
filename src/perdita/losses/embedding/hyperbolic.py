"""Hyperbolic space in two pictures, the Poincaré ball and the hyperboloid, and the losses that live there.

The curvature c > 0 is minus the curvature of the space: the ball has the radius 1 / sqrt(c).
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, component, loss
from perdita.core.numerics import safe_norm
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.embedding.similarity import Similarity, squared_distance

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

RIM = 1e-3  # points keep this share of the radius away from the ball's edge
INSIDE = 1e-5  # arguments of artanh keep this far away from 1
CURVATURE = Range(0, open="low", search=(0.01, 1.0), log=True)
MOBIUS = Range(0, 0.1)


def clip_length(x: Float[Tensor, "*n d"], longest: float) -> Float[Tensor, "*n d"]:
    """Vectors longer than ``longest``, shortened to it."""
    return x * (longest / (safe_norm(x, keepdim=True) + 1e-5)).clamp(max=1.0)


def project(x: Float[Tensor, "*n d"], *, curvature: float = 1.0) -> Float[Tensor, "*n d"]:
    """Points at or beyond the ball's edge, drawn back to 0.999 of its radius."""
    radius = (1 - RIM) / math.sqrt(curvature)
    length = safe_norm(x, keepdim=True)
    outside = length > radius
    return x * torch.where(outside, radius / torch.where(outside, length, 1.0), 1.0)


@component("hyp-oc")
def mobius_add(
    x: Float[Tensor, "*n d"], y: Float[Tensor, "*n d"], *, curvature: float = 1.0, eps: float = 0.0
) -> Float[Tensor, "*n d"]:
    r"""The Möbius sum of points of the ball; shapes broadcast.

    .. math:: x \oplus y = \frac{(1 + 2c \langle x, y \rangle + c \|y\|^2) x + (1 - c \|x\|^2) y}
        {1 + 2c \langle x, y \rangle + c^2 \|x\|^2 \|y\|^2 + \text{eps}}
    """
    inner = 1 + 2 * curvature * (x * y).sum(-1, keepdim=True)
    first, second = curvature * x.square().sum(-1, keepdim=True), curvature * y.square().sum(-1, keepdim=True)
    return ((inner + second) * x + (1 - first) * y) / (inner + first * second + eps)


@component("hyp-oc")
def exp_map(
    tangent: Float[Tensor, "*n d"],
    *,
    curvature: float = 1.0,
    origin: Float[Tensor, "d"] | None = None,
    eps: float = 0.0,
) -> Float[Tensor, "*n d"]:
    r"""The point of the ball that a tangent vector leads to, from 0 or from another point of it.

    .. math:: \exp_p(u) = p \oplus \tanh\Bigl(\frac{\sqrt c \lambda_p \|u\|}{2}\Bigr) \frac{u}{\sqrt c \|u\|},
        \qquad \lambda_p = \frac{2}{1 - c \|p\|^2}
    """
    root = math.sqrt(curvature)
    half = root * safe_norm(tangent, keepdim=True).clamp_min(1e-5)
    if origin is None:
        return (half.clamp(max=15.0).tanh() / half) * tangent
    stretched = half / (1 - curvature * origin.square().sum(-1, keepdim=True))
    return mobius_add(origin, (stretched.clamp(max=15.0).tanh() / half) * tangent, curvature=curvature, eps=eps)


@component("hyp-oc")
def poincare_distance(
    x: Float[Tensor, "*n d"], y: Float[Tensor, "*n d"], *, curvature: float = 1.0, eps: float = 0.0
) -> Float[Tensor, "*n"]:
    r"""The length of the way between points of the ball: (2 / sqrt c) artanh(sqrt c \|(-x) + y\|), + as Möbius has it.

    Its gradient at equal points is 0.
    """
    root = math.sqrt(curvature)
    return 2 / root * (root * safe_norm(mobius_add(-x, y, curvature=curvature, eps=eps))).clamp(max=1 - INSIDE).atanh()


def poincare_similarity(curvature: float = 1.0) -> Similarity:
    """For ``similarity=`` of any pair loss: minus the distance in the ball. Points beyond its edge are drawn inside."""
    return Similarity(partial(_minus_poincare, curvature=curvature), partial(project, curvature=curvature))


def lorentz_similarity(curvature: float = 1.0) -> Similarity:
    """For ``similarity=`` of any pair loss: minus the distance on the hyperboloid, above any embeddings in R^d.

    Source: Nickel, Kiela, "Learning Continuous Hierarchies in the Lorentz Model of Hyperbolic Geometry", ICML 2018,
    arXiv 1806.03417.
    """
    return Similarity(partial(_minus_lorentz, curvature=curvature))


def _minus_poincare(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"], *, curvature: float) -> Float[Tensor, "b m"]:
    # sinh(sqrt(c) D / 2)^2 = c |x - y|^2 / ((1 - c |x|^2) (1 - c |y|^2)): exact for near points too
    inside = (1 - curvature * x.square().sum(1)).unsqueeze(1) * (1 - curvature * y.square().sum(1))
    return -_length(squared_distance(x, y) / inside, curvature)


def _minus_lorentz(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"], *, curvature: float) -> Float[Tensor, "b m"]:
    # sinh(sqrt(c) D / 2)^2 = c / 4 (|x - y|^2 - (x_0 - y_0)^2), x_0 = sqrt(1 / c + |x|^2) being the height of x
    first, second = x.square().sum(1).unsqueeze(1), y.square().sum(1)
    heights = (1 / curvature + first).sqrt() + (1 / curvature + second).sqrt()
    apart = squared_distance(x, y) - ((first - second) / heights).square()
    return -_length(apart / 4, curvature)


def _length(square: Float[Tensor, "b m"], curvature: float) -> Float[Tensor, "b m"]:
    """(2 / sqrt c) arsinh(sqrt(c square)), whose gradient is 0 where the square is not above 0."""
    there = ~(square <= 0)
    root = torch.where(there, curvature * torch.where(there, square, 1.0), 1.0).sqrt()
    return torch.where(there, 2 / math.sqrt(curvature) * root.asinh(), 0.0)


def hyperbolic_logits(
    points: Float[Tensor, "n d"],
    normals: Float[Tensor, "c d"],
    offsets: Float[Tensor, "c d"],
    *,
    curvature: float = 0.1,
    eps: float = 1e-5,
) -> Float[Tensor, "n c"]:
    r"""How far points of the ball are beyond each class's hyperplane, which is given by a normal and a point.

    With the point P = exp_0(p) of the class, A = (1 - c \|P\|^2) a and m = (-P) + z, + as Möbius has it:

    .. math:: \frac{2 \|A\|}{\sqrt c (1 - c \|P\|^2)} \operatorname{arsinh}
        \frac{2 \sqrt c \langle m, A \rangle}{\|A\| (1 - c \|m\|^2)}

    For small c it is 4 <a, z - p>. Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks", NeurIPS 2018,
    arXiv 1805.09112, equation 25.
    """
    root = math.sqrt(curvature)
    anchor = project(exp_map(offsets.to(points.dtype), curvature=curvature), curvature=curvature)  # (c, d)
    shrink = 1 - curvature * anchor.square().sum(1)  # (c,)
    normal = normals.to(points.dtype) * shrink.unsqueeze(1)
    size = safe_norm(normal).clamp_min(1e-15)
    moved = mobius_add(-anchor, points.unsqueeze(1), curvature=curvature, eps=eps)  # (n, c, d)
    room = (1 - curvature * moved.square().sum(2)).clamp_min(torch.finfo(points.dtype).eps)
    sine = 2 * root * (moved * normal).sum(2) / (size * room)
    return 2 * size / (root * shrink) * sine.asinh()


@loss(
    task="embedding",
    paper="hyp-oc",
    aliases=("hyp_pc", "HypPC", "pairwise_confusion_loss"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"curvature": CURVATURE, "inverse": Choice(("artanh", "arctan")), "eps": MOBIUS},
    cost=Cost(time="n d", memory="n d"),
)
def pairwise_confusion(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    *,
    curvature: float = 0.1,
    inverse: str = "artanh",
    eps: float = 1e-5,
) -> Float[Tensor, "n"]:
    r"""Half the hyperbolic distance of two items of one class: what tells them apart is not to be learnt.

    .. math:: \ell = \frac{1}{\sqrt c} \operatorname{artanh} \bigl(\sqrt c \, \|(-x) \oplus y\|\bigr)

    The paper pairs the first half of a shuffled batch with the second, and divides by the number of items: hence the
    half. Points at the ball's edge are drawn inside.

    Args:
        first: (n, d) points x of the Poincaré ball.
        second: (n, d) their partners y.
        curvature: c.
        inverse: "artanh" gives the distance; "arctan" is what the authors' code has, which bounds the pull.
        eps: in the denominator of the Möbius sum, as in the authors' code; 0 is exact.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a curvature <= 0, an unknown inverse, shapes that differ.

    Example:
        >>> first, second = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.5, 0.0]])
        >>> perdita.functional.pairwise_confusion(first, second, curvature=1.0, eps=0.0).item()
        0.54930...

    Source:
        Narayan, Patel, "Hyp-OC: Hyperbolic One Class Classification for Face Anti-Spoofing", FG 2024,
        arXiv 2404.14406, and the authors' code.
    """
    root = math.sqrt(curvature)
    x, y = (project(points, curvature=curvature) for points in (first, second))
    if inverse == "artanh":
        return 0.5 * poincare_distance(x, y, curvature=curvature, eps=eps)
    return (root * safe_norm(mobius_add(-x, y, curvature=curvature, eps=eps))).clamp(max=1 - INSIDE).atan() / root


@loss(
    task="multiclass",
    paper="hyp-oc",
    aliases=("hyp_ce", "HypCE", "hyperbolic_logistic_regression"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"curvature": CURVATURE, "eps": MOBIUS},
    cost=Cost(time="n c d", memory="n c d"),
)
def hyperbolic_cross_entropy(
    points: Float[Tensor, "n d"],
    target: Int[Tensor, "n"],
    normals: Float[Tensor, "c d"],
    offsets: Float[Tensor, "c d"],
    *,
    curvature: float = 0.1,
    eps: float = 1e-5,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy of logistic regression in the Poincaré ball.

    .. math:: \ell = -\log \mathrm{softmax}(z)_y

    with the logits z of `perdita.losses.embedding.hyperbolic.hyperbolic_logits`. `perdita.nn.hyperbolic` has the layer
    with normals and offsets as parameters. Points at the ball's edge are drawn inside.

    Args:
        points: (n, d) points of the ball.
        target: (n,) class indices y.
        normals: (c, d) normal of each class's hyperplane.
        offsets: (c, d) a tangent vector at 0 for each class; its exponential map lies on the hyperplane.
        curvature: c.
        eps: in the denominator of the Möbius sum, as in the authors' code; 0 is exact.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a curvature <= 0, labels outside 0..c-1, shapes that do not fit.

    Example:
        >>> points, normals = torch.tensor([[0.5, 0.0]]), torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
        >>> perdita.functional.hyperbolic_cross_entropy(points, torch.tensor([0]), normals, torch.zeros(2, 2)).item()
        0.01755...

    Source:
        Narayan, Patel, FG 2024, arXiv 2404.14406; Ganea, Bécigneul, Hofmann, NeurIPS 2018, arXiv 1805.09112, equation
        25. The authors' arsinh has a floor of -11.5, here it is exact.
    """
    inside = project(points, curvature=curvature)
    return cross_entropy.per_example(hyperbolic_logits(inside, normals, offsets, curvature=curvature, eps=eps), target)

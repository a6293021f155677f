r"""Where deep linear heads end: the exact minimisers of losses whose features are free.

The features H (d, N) of N items are free variables beside M linear layers without bias:

    min (1 / 2N) ||W_M ... W_1 H - Y||^2 + sum_m (a_m / 2) ||W_m||^2 + (h / 2) ||H||^2

with Y the one-hot targets, a_m the decays of the layers and h that of all features. At the minimum every item of a
class has the same features, the classes are orthogonal, and their lengths follow from their sizes alone: features of
larger classes are shorter, their classifier rows longer, and small classes may vanish.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

HALVINGS = 200  # of the interval that holds a root


@dataclass(frozen=True, eq=False)
class CollapseGeometry:
    """The minimisers, up to a rotation, with W = W_M ... W_1 and the class means as columns of Hbar; float64."""

    singular_values: Float[Tensor, "m k"]  # of each layer, first to last
    weight_gram: Float[Tensor, "k k"]  # W W^T
    feature_gram: Float[Tensor, "k k"]  # Hbar^T Hbar
    logits: Float[Tensor, "k k"]  # W Hbar, a column for each class
    row_scale: Float[Tensor, "k"]  # rows of W are this times the class means
    alive: Bool[Tensor, "k"]  # False where a class has collapsed to zero
    optimum: float  # the least value of the loss


@component("neural-collapse")
def deep_linear_geometry(
    class_counts: Sequence[int],
    *,
    depth: int,
    weight_decay: float | Sequence[float],
    feature_decay: float,
    bias: bool = False,
) -> CollapseGeometry:
    r"""The minimisers of the squared error of `depth` linear layers on free features.

    With b = M N (N h \prod_m a_m)^{1/M} and n_k items, a class is alive if b / n_k <= (M-1)^{(M-1)/M} / M (1 for one
    layer). Then x_k is the largest root of b / n_k = M x^{M-1} / (x^M + 1)^2, else 0, and with w_k = N h x_k^M

        (W W^T)_kk = w_k,  |hbar_k|^2 = w_k / (w_k + N h)^2,  (W Hbar)_kk = w_k / (w_k + N h),  rows (w_k + N h) hbar_k

    with zeros elsewhere; the least value is \sum_k (n_k / 2N) (1 / (x_k^M + 1) + (b / n_k) x_k). With a free bias in
    the last layer and equal classes all of this stands in the k - 1 directions orthogonal to 1: a simplex.

    Args:
        class_counts: items of each class, n_k.
        depth: number of layers M.
        weight_decay: a for all layers, or a_1 to a_M.
        feature_decay: h > 0.
        bias: whether the last layer has a bias without decay; the classes must then be of one size.

    Raises:
        InputError: a count or depth below 1, a decay that is not above 0, another number of decays, a bias beside
            classes of several sizes.

    Source: Dang, Tran, Osher, Tran-The, Ho, Nguyen, ICML 2023, arXiv 2301.00437; re-derived and confirmed by descent.
    The released code solves for the root symbolically and keeps what it finds beyond the threshold, where zero is
    better; here the threshold decides. Decay of earlier weights of a real network is no decay of its features.
    """
    counts = torch.tensor(class_counts, dtype=torch.float64)
    decays = [weight_decay] * depth if isinstance(weight_decay, int | float) else list(weight_decay)
    _check(class_counts, depth, decays, feature_decay, bias)
    items, classes = float(counts.sum()), len(counts)
    price = depth * items * (items * feature_decay * math.prod(decays)) ** (1 / depth)  # b
    ratio = price / counts
    alive = ratio <= (depth - 1) ** ((depth - 1) / depth) / depth
    root = torch.where(alive, _largest_root(ratio, depth), 0.0)  # x
    square = items * feature_decay * root**depth  # w
    scale = square + items * feature_decay
    terms = counts / (2 * items) * (1 / (root**depth + 1) + ratio * root)
    frame = torch.eye(classes, dtype=torch.float64)
    directions = torch.ones(classes, dtype=torch.float64)
    if bias:
        frame = frame - 1 / classes
        directions[-1] = 0.0
    first = (square * math.prod(decays) / decays[0] ** depth) ** (1 / (2 * depth))
    return CollapseGeometry(
        singular_values=torch.stack([first * directions * math.sqrt(decays[0] / decay) for decay in decays]),
        weight_gram=frame * square,
        feature_gram=frame * (square / scale**2),
        logits=frame * (square / scale),
        row_scale=scale,
        alive=alive,
        optimum=float((terms * directions).sum()),
    )


@component("neural-collapse")
def cross_entropy_margin(num_classes: int, items_per_class: int, *, weight_decay: float, feature_decay: float) -> float:
    r"""How far the logits of equal classes lie apart at the minimum of cross-entropy on free features.

    For one layer with a free bias, the mean cross-entropy and the same decays, a class's logits are rho (e_k - 1 / K):

    .. math:: \rho = \log \frac{1 - (K - 1) q}{q}, \qquad q = \sqrt{n \cdot \text{weight\_decay} \cdot
        \text{feature\_decay}}

    where K q < 1, else 0: everything collapses. q is the probability of each wrong class.

    Args:
        num_classes: K.
        items_per_class: n.
        weight_decay, feature_decay: above 0.

    Raises:
        InputError: fewer than two classes, no items, a decay that is not above 0.

    Source: derived here for the setting of arXiv 2301.00437, and confirmed by descent.
    """
    if num_classes < 2:
        raise InputError(f"num_classes must be at least 2, not {num_classes}")
    _check([items_per_class], 1, [weight_decay], feature_decay, False)
    wrong = math.sqrt(items_per_class * weight_decay * feature_decay)
    return math.log((1 - (num_classes - 1) * wrong) / wrong) if num_classes * wrong < 1 else 0.0


def _check(counts: Sequence[int], depth: int, decays: Sequence[float], feature_decay: float, bias: bool) -> None:
    if depth < 1:
        raise InputError(f"depth must be at least 1, not {depth}")
    if not counts or min(counts) < 1:
        raise InputError(f"class_counts must hold numbers of items of at least 1, not {list(counts)}")
    if len(decays) != depth or not min(decays) > 0:
        raise InputError(f"weight_decay must be above 0, one for all layers or {depth} of them, not {list(decays)}")
    if not feature_decay > 0:
        raise InputError(f"feature_decay must be above 0, not {feature_decay}")
    if bias and len(set(counts)) > 1:
        raise InputError(f"class_counts must be equal where there is a bias, not {list(counts)}")


def _largest_root(ratio: Float[Tensor, "k"], depth: int) -> Float[Tensor, "k"]:
    """Of ratio = M x^{M-1} / (x^M + 1)^2, by bisection: from x^M = M - 1 upwards the right side only falls."""
    low = torch.full_like(ratio, (depth - 1) ** (1 / depth))
    high = torch.maximum((depth / ratio) ** (1 / (depth + 1)), low)  # the right side is below M x^{-M-1}
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = depth * middle ** (depth - 1) / (middle**depth + 1).square() >= ratio
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return low

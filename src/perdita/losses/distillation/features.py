"""A teacher's inner activations as targets, item by item."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import normalize

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

FEATURES = Cost(time="n d", memory="n d")


@loss(
    task="distillation",
    aliases=("fitnets", "hint"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True,
        constant_hessian=True,
    ),
    cost=FEATURES,
)  # fmt: skip
def feature_hint(features: Float[Tensor, "n *d"], teacher_features: Float[Tensor, "n *d"]) -> Float[Tensor, "n"]:
    r"""Half the squared distance of the student's features from the teacher's.

    .. math:: \ell = \tfrac12 \sum_j (f_j - g_j)^2

    Where the widths differ, a layer of the student's own (``nn.Linear``, or ``nn.Conv2d`` with kernels of 1) brings its
    features to the teacher's shape, is trained along and thrown away. `mse` divides by the number of features instead.

    Args:
        features: (n, *d) activations f of a layer of the student.
        teacher_features: (n, *d) those g of a layer of the teacher; best from ``torch.no_grad()``.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.feature_hint(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]])).item()
        2.5

    Source:
        Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, arXiv 1412.6550, equation 3.
    """
    return (features - teacher_features).square().unsqueeze(-1).flatten(1).sum(1) / 2


def attention_map(features: Float[Tensor, "n c p *d"], power: float) -> Float[Tensor, "n m"]:
    """Where a layer is active: the mean of |f|^power over its channels, all places of an item as one unit vector.

    Activations are divided by their largest before the power, which changes nothing but the range of the numbers.
    """
    size = features.abs()
    largest = size.detach().unsqueeze(-1).flatten(1).amax(1).view(-1, *[1] * (features.ndim - 1))
    spread = (size / largest.where(largest > 0, 1.0)).pow(power).mean(1)  # (n, p, *d)
    return normalize(spread.flatten(1))


@loss(
    task="distillation",
    aliases=("at_loss", "spatial_attention_transfer"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=True),
    ranges={"power": Range(1, open="low", search=(1.5, 4.0))},
    cost=FEATURES,
)
def attention_transfer(
    features: Float[Tensor, "n c p *d"], teacher_features: Float[Tensor, "n e p *d"], *, power: float = 2.0
) -> Float[Tensor, "n"]:
    r"""Squared distance between the maps of where student and teacher are active, each of length one.

    .. math:: \ell = \Big\| \frac{Q(f)}{\|Q(f)\|} - \frac{Q(g)}{\|Q(g)\|} \Big\|^2, \qquad
        Q(f) = \sum_k |f_k|^{\text{power}}

    with the sum over the channels k, at every place. The numbers of channels may differ; the places must agree (resize
    one of the two where they do not). Layers of one depth are compared, and their values added up.

    Args:
        features: (n, c, p, *d) activations f of the student, with places (p, *d).
        teacher_features: (n, e, p, *d) those g of the teacher; best from ``torch.no_grad()``.
        power: above 1; a larger one looks at the most active places.

    Returns:
        (n,) values in [0, 2]. The map of an item without activity is zero.

    Raises:
        InputError: other places than the teacher's, features without places, a power that is not above 1.

    Example:
        >>> features, teacher_features = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 3.0]]])
        >>> perdita.functional.attention_transfer(features, teacher_features).item()
        2.0

    Source:
        Zagoruyko, Komodakis, "Paying More Attention to Attention", ICLR 2017, arXiv 1612.03928, section 3.1; squared
        as in the released code, which takes the mean over the places where this is the sum.
    """
    return (attention_map(features, power) - attention_map(teacher_features, power)).square().sum(1)


@loss(
    task="distillation",
    aliases=("crd", "contrastive_representation_distillation"),
    traits=Traits(bounded=True, nonnegative=True, convex=False, shift_invariant=False, scale_invariant=True),
    ranges={
        "temperature": Range(0, open="low", search=(0.02, 0.5), log=True),
        "dataset_size": Range(1, integer=True, search=(100, 1_000_000), log=True),
    },
    cost=Cost(time="n m d", memory="n m"),
)
def contrastive_distillation(
    features: Float[Tensor, "n d"],
    teacher_features: Float[Tensor, "n d"],
    negatives: Float[Tensor, "n m d"],
    *,
    temperature: float = 0.07,
    dataset_size: int = 50_000,
) -> Float[Tensor, "n"]:
    r"""Is a pair of student and teacher features of one item, or of two? One true pair against m false ones.

    With cosines of the student's features f, the teacher's g of the same item and g' of others, M = dataset_size:

    .. math:: \ell = -\log h(f, g) - \sum_{j=1}^{m} \log \big( 1 - h(f, g'_j) \big), \qquad
        h(f, g) = \frac{e^{\cos(f, g) / T}}{e^{\cos(f, g) / T} + m / M}

    Both features are first brought to one width by a linear layer each, trained along. The paper draws the negatives
    from a memory of the whole training set, of other classes, and adds the same loss with the roles exchanged: call
    this twice. Expand (m, d) negatives shared by all items; no copy is made.

    Args:
        features: (n, d) features f of the student.
        teacher_features: (n, d) those g of the teacher of the same items.
        negatives: (n, m, d) the teacher's features of other items.
        temperature: T, above 0.
        dataset_size: M, number of training items, at least 1.

    Returns:
        (n,) non-negative values, a sum over the negatives.

    Raises:
        InputError: widths that differ, a temperature that is not above 0, a dataset_size below 1.

    Example:
        >>> features, negatives = torch.tensor([[1.0, 0.0]]), torch.tensor([[[0.0, 1.0], [0.0, -1.0]]])
        >>> perdita.functional.contrastive_distillation(features, features, negatives, dataset_size=4).item()
        2.19722...

    Source:
        Tian, Krishnan, Isola, "Contrastive Representation Distillation", ICLR 2020, arXiv 1910.10699, equations 7
        and 19. The released code divides the exponentials by an estimate of their mean, fixed at the first batch.
    """
    anchor = normalize(features)
    ratio = math.log(max(negatives.shape[1], 1) / dataset_size)
    positive = (anchor * normalize(teacher_features)).sum(1) / temperature - ratio  # log-odds of h
    others = (normalize(negatives) @ anchor.unsqueeze(2)).squeeze(2) / temperature - ratio  # (n, m)
    return -F.logsigmoid(positive) - F.logsigmoid(-others).sum(1)

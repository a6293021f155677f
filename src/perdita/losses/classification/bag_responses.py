"""Bags of items as rows, their mean responses, and what may be released of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


def bag_sizes(bag_index: Int[Tensor, "n"], bags: int) -> Int[Tensor, "m"]:
    """How many members each bag has.

    Raises:
        InputError: an index outside 0 … bags - 1, or a bag without members.
    """
    if bag_index.numel() and (bag_index.min() < 0 or bag_index.max() >= bags):
        raise InputError(f"bag_index must hold numbers from 0 to {bags - 1}")
    sizes = torch.bincount(bag_index, minlength=bags)
    if (sizes == 0).any():
        raise InputError(f"bag_index names no member of bag {int((sizes == 0).nonzero()[0])}; every bag needs one")
    return sizes


@component("aggregate-responses")
def stack_bags(
    values: Float[Tensor, "n *d"], bag_index: Int[Tensor, "n"], bags: int
) -> tuple[Float[Tensor, "m k *d"], Bool[Tensor, "m k"]]:
    """Items in the order of their bags, a row for each bag, and which places hold a member.

    Args:
        values: (n, *d) of each item; gradients flow through.
        bag_index: (n,) the bag of each item, from 0.
        bags: how many there are.

    Raises:
        InputError: an index outside the bags, or a bag without members.
    """
    sizes = bag_sizes(bag_index, bags)
    order = bag_index.argsort(stable=True)
    row = bag_index[order]
    place = torch.arange(len(row), device=row.device) - (sizes.cumsum(0) - sizes)[row]
    longest = int(sizes.max()) if bags else 0
    stacked = values.new_zeros(bags, longest, *values.shape[1:]).index_put((row, place), values[order])
    return stacked, torch.arange(longest, device=row.device) < sizes.unsqueeze(1)


@component("aggregate-responses")
def bag_means(values: Float[Tensor, "n *d"], bag_index: Int[Tensor, "n"], bags: int) -> Float[Tensor, "m *d"]:
    """The mean of each bag.

    Raises:
        InputError: an index outside the bags, or a bag without members.
    """
    sizes = bag_sizes(bag_index, bags).view(-1, *[1] * (values.ndim - 1))
    return values.new_zeros(bags, *values.shape[1:]).index_add(0, bag_index, values) / sizes


@component("aggregate-responses")
def privatize_bag_means(
    responses: Float[Tensor, "n"],
    bag_index: Int[Tensor, "n"],
    bags: int,
    *,
    clip: float,
    epsilon: float,
    nonnegative: bool = False,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "m"]:
    r"""Means of clipped responses with Laplace noise: what can be released under label differential privacy.

    One response that changes moves the mean of its k clipped ones by at most 2 clip / k, so noise of that scale over
    epsilon makes the release epsilon-private in the labels; bags are disjoint, so all of them together are too. The
    responses are clipped one by one: clipping the means would leave k times the sensitivity.

    Args:
        responses: (n,) of the items.
        bag_index: (n,) the bag of each item, from 0.
        bags: how many there are.
        clip: above 0; responses are clipped to [-clip, clip].
        epsilon: above 0; the smaller, the more private.
        nonnegative: clip to [0, clip] instead, which halves the noise.
        generator: source of the noise. As with every mechanism in floating point, the last bits of the noise are not
            those of the ideal law.

    Raises:
        InputError: a clip or epsilon that is not positive, an index outside the bags, a bag without members.

    Source:
        Javanmard et al., ICLR 2024, arXiv 2401.11081: truncation, then Laplace noise; the constant is derived here.
    """
    if not clip > 0 or not epsilon > 0:
        raise InputError(f"clip and epsilon must be above 0, not {clip} and {epsilon}")
    low = 0.0 if nonnegative else -clip
    means = bag_means(responses.clamp(low, clip), bag_index, bags)
    scale = (clip - low) / (bag_sizes(bag_index, bags) * epsilon)
    unit = torch.rand(bags, 2, generator=generator, dtype=torch.float64).clamp_min(torch.finfo(torch.float64).tiny)
    noise = unit[:, 0].log() - unit[:, 1].log()  # the difference of two exponential numbers is a Laplace number
    return means + scale * noise.to(means)


@component("aggregate-responses")
def fit_linear_aggregate(
    features: Float[Tensor, "n d"],
    bag_index: Int[Tensor, "n"],
    bag_target: Float[Tensor, "m"],
    *,
    instance_weight: float,
) -> Float[Tensor, "d"]:
    r"""The linear regression that minimises the mean of `bag_squared_error`, without an intercept.

    With the means X_b of the m bags' features and G the mean over bags of their members' mean of x x^T:

    .. math:: \theta = \big((1 - w) X_b^T X_b / m + w\, G\big)^+ X_b^T y / m

    Raises:
        InputError: an instance_weight outside [0, 1], an index outside the bags, a bag without members.

    Source:
        Javanmard et al., ICLR 2024, arXiv 2401.11081.
    """
    if not 0 <= instance_weight <= 1:
        raise InputError(f"instance_weight must be in [0, 1], not {instance_weight}")
    bags = len(bag_target)
    means = bag_means(features, bag_index, bags)
    share = 1 / (bag_sizes(bag_index, bags)[bag_index] * bags).to(features)
    within = (features * share.unsqueeze(1)).T @ features
    gram = (1 - instance_weight) * means.T @ means / bags + instance_weight * within
    theta: Tensor = torch.linalg.pinv(gram, hermitian=True) @ (means.T @ bag_target / bags)
    return theta

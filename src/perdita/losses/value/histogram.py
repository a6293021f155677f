"""A number predicted as a histogram on a fixed grid, trained by cross-entropy against a histogram of the target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, InputError, Range, Traits, component, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_TRAITS = Traits(
    convex=True, bounded=False, nonnegative=True, differentiable=True, shift_invariant=True, scale_invariant=False
)
_ENDS = {"low": Range(search=(-20.0, -5.0)), "high": Range(search=(5.0, 20.0))}


def check_support(low: float, high: float, bins: int) -> None:
    """Raise `InputError` unless the support is an interval that holds at least two bins."""
    if not low < high:
        raise InputError(f"low must be below high, but low = {low} and high = {high}")
    if bins < 2:
        raise InputError(f"a histogram must have at least 2 bins, not {bins}")


@component("hl-gauss")
def bin_edges(low: float, high: float, bins: int, like: Tensor) -> Float[Tensor, "c_1"]:
    """(bins + 1,) ends of bins of equal width between low and high, in the dtype and on the device of ``like``."""
    check_support(low, high, bins)
    return torch.linspace(low, high, bins + 1, dtype=like.dtype, device=like.device)


@component("hl-gauss")
def bin_centers(low: float, high: float, bins: int, like: Tensor) -> Float[Tensor, "c"]:
    """(bins,) centres of those bins: half a bin inside the support, where a two-hot grid would have its ends."""
    edges = bin_edges(low, high, bins, like)
    return (edges[1:] + edges[:-1]) / 2


@component("hl-gauss")
def hl_gauss_targets(
    target: Float[Tensor, "n *d"],
    bins: int,
    *,
    low: float,
    high: float,
    sigma_ratio: float = 0.75,
    clamp: bool = True,
) -> Float[Tensor, "n c *d"]:
    """A normal distribution around each target, cut to the support, as the mass of each bin.

    Args:
        target: (n, *d) numbers.
        bins: number of bins c.
        low, high: ends of the support.
        sigma_ratio: standard deviation in widths of a bin.
        clamp: whether numbers outside of the support are moved to its ends first. False cuts their distributions where
            they are; one of which nothing is left within the support has all of its mass in the nearest bin.

    Returns:
        (n, bins, *d) masses that sum to one over dimension 1. Near an end the cut moves their mean inwards.
    """
    edges = bin_edges(low, high, bins, target).view(1, -1, *[1] * (target.ndim - 1))
    deviation = sigma_ratio * (high - low) / bins * math.sqrt(2)
    center = (target.clamp(low, high) if clamp else target).unsqueeze(1)
    z = (edges - center) / deviation  # (n, c + 1, *d)
    left, right = z[:, :-1], z[:, 1:]
    mirrored = left + right > 0  # both tails are taken where they are small: erfc does not cancel there
    near = torch.where(mirrored, left, -right)
    mass = torch.erfc(near) - torch.erfc(torch.where(mirrored, right, -left))
    total = mass.sum(1, keepdim=True)
    if clamp:
        return mass / total
    bin = torch.arange(bins, device=z.device).view(1, -1, *[1] * (target.ndim - 1))
    nearest = (bin == torch.where(center > high, bins - 1, 0)).to(mass.dtype)
    return torch.where(total > 0, mass / torch.where(total > 0, total, 1.0), nearest)


@component("hl-gauss")
def project(
    atoms: Float[Tensor, "n k *d"], probs: Float[Tensor, "n k *d"], bins: int, *, low: float, high: float
) -> Float[Tensor, "n c *d"]:
    """Move the mass of atoms anywhere to the two nearest points of a grid, in proportion to their nearness.

    Args:
        atoms: (n, k, *d) places; those outside of the support are moved to its ends.
        probs: (n, k, *d) their masses.
        bins: number of points c of the grid, both ends of the support among them.
        low, high: ends of the support.

    Returns:
        (n, bins, *d) masses on the grid, with the mean of the atoms inside the support.
    """
    check_support(low, high, bins)
    grid = torch.linspace(low, high, bins, dtype=atoms.dtype, device=atoms.device)
    grid = grid.view(1, -1, 1, *[1] * (atoms.ndim - 2))
    distance = (atoms.clamp(low, high).unsqueeze(1) - grid).abs() * ((bins - 1) / (high - low))  # (n, c, k, *d)
    return ((1 - distance).clamp_min(0) * probs.unsqueeze(1)).sum(2)


@component("hl-gauss")
def bellman_atoms(
    reward: Float[Tensor, "n"], discount: Float[Tensor, "n"], atoms: int, *, low: float, high: float
) -> Float[Tensor, "n c"]:
    """(n, atoms) places of the return after one step: the reward plus the discount (0 at an end) times the grid."""
    check_support(low, high, atoms)
    grid = torch.linspace(low, high, atoms, dtype=reward.dtype, device=reward.device)
    return reward.unsqueeze(1) + discount.unsqueeze(1) * grid


@component("hl-gauss")
def histogram_mean(logits: Float[Tensor, "n c *d"], points: Float[Tensor, "c"]) -> Float[Tensor, "n *d"]:
    """The number that logits over the points predict: the mean of their softmax."""
    return (logits.softmax(1) * points.view(1, -1, *[1] * (logits.ndim - 2))).sum(1)


@loss(task="value", paper="hl-gauss", traits=_TRAITS, cost=Cost(passes=4), ranges={
    **_ENDS, "sigma_ratio": Range(0, open="both", search=(0.25, 3.0), log=True),
})  # fmt: skip
def hl_gauss(
    logits: Float[Tensor, "n c *d"],
    target: Float[Tensor, "n *d"],
    *,
    low: float = -10.0,
    high: float = 10.0,
    sigma_ratio: float = 0.75,
    clamp: bool = True,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy against a normal distribution around the target, as a histogram.

    With c bins of equal width w between the edges e_0 = low and e_c = high, and the normal distribution function Phi:

    .. math:: \ell = -\sum_{k=1}^{c} p_k \log \mathrm{softmax}(z)_k, \qquad
        p_k \propto \Phi\!\left(\frac{e_k - t}{\sigma}\right) - \Phi\!\left(\frac{e_{k-1} - t}{\sigma}\right), \quad
        \sigma = \text{sigma\_ratio} \cdot w

    The prediction is the mean of the softmax over the centres of the bins. No gradient flows to the target.

    Args:
        logits: (n, c, *d) unnormalised scores z of the bins.
        target: (n, *d) targets t; log how many of them lie outside of the support.
        low: lower end of the support.
        high: upper end of the support.
        sigma_ratio: standard deviation in widths of a bin; 0.75 spreads the mass over about six bins.
        clamp: whether targets outside of the support are moved to its ends; see `hl_gauss_targets`.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: shapes that differ, a support without width, a sigma_ratio that is not positive and finite.

    Example:
        >>> logits = torch.tensor([[0.0, 5.0, 0.0, -5.0]])
        >>> perdita.functional.hl_gauss(logits, torch.tensor([-0.5]), low=-2.0, high=2.0).item()
        2.59387...

    Source:
        Farebrother et al., "Stop Regressing: Training Value Functions via Classification for Scalable Deep RL",
        ICML 2024, arXiv 2403.03950, section 3.1 and listing 2; Imani, White, "Improving Regression Performance with
        Distributional Losses", ICML 2018, arXiv 1806.04613.
    """
    bins, support = logits.shape[1], {"low": low, "high": high}
    probs = hl_gauss_targets(target.detach(), bins, sigma_ratio=sigma_ratio, clamp=clamp, **support)
    return -(probs * logits.log_softmax(1)).sum(1)


@loss(task="value", paper="hl-gauss", traits=_TRAITS, cost=Cost(passes=4), ranges=_ENDS)
def two_hot(
    logits: Float[Tensor, "n c *d"], target: Float[Tensor, "n *d"], *, low: float = -10.0, high: float = 10.0
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy against the target's share in the two points of a grid beside it.

    On the grid g of c points from low to high, both ends included, d apart:

    .. math:: \ell = -\sum_{k=1}^{c} p_k \log \mathrm{softmax}(z)_k, \qquad p_k = \max(0, 1 - |t - g_k| / d)

    The prediction is the mean of the softmax over the grid. No gradient flows to the target.

    Args:
        logits: (n, c, *d) unnormalised scores z of the points.
        target: (n, *d) targets t; those outside of the support are moved to its ends.
        low: first point of the grid.
        high: last point of the grid.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: shapes that differ, a support without width.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0, 0.0]])
        >>> perdita.functional.two_hot(logits, torch.tensor([0.5]), low=-1.0, high=1.0).item()
        1.09861...

    Source:
        Farebrother et al., "Stop Regressing: Training Value Functions via Classification for Scalable Deep RL",
        ICML 2024, arXiv 2403.03950, section 3.1; as printed, the two weights of its equation 3.2 are exchanged.
    """
    atoms = target.detach().unsqueeze(1)
    probs = project(atoms, torch.ones_like(atoms), logits.shape[1], low=low, high=high)
    return -(probs * logits.log_softmax(1)).sum(1)


@loss(
    task="value", paper="hl-gauss", aliases=("c51",), traits=_TRAITS, ranges=_ENDS,
    domains={"target_probs": "simplex"}, cost=Cost(time="n c k", memory="n c k", passes=4),
)  # fmt: skip
def categorical_projection(
    logits: Float[Tensor, "n c"],
    target_probs: Float[Tensor, "n k"],
    target_atoms: Float[Tensor, "n k"],
    *,
    low: float = -10.0,
    high: float = 10.0,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy against a distribution of returns, projected to the grid of the prediction.

    With masses q on places a, and the grid g of c points from low to high, d apart:

    .. math:: \ell = -\sum_{k=1}^{c} p_k \log \mathrm{softmax}(z)_k, \qquad
        p_k = \sum_j q_j \max\!\left(0, 1 - |\mathrm{clip}(a_j, \text{low}, \text{high}) - g_k| / d\right)

    For one step of a distributional Bellman backup, q is the next state's softmax under the best action and a comes
    from `bellman_atoms`. No gradient flows to the target.

    Args:
        logits: (n, c) unnormalised scores z of the points.
        target_probs: (n, k) masses q, which sum to one.
        target_atoms: (n, k) their places a; those outside of the support are moved to its ends.
        low: first point of the grid.
        high: last point of the grid.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: masses that do not sum to one, shapes that differ, a support without width.

    Example:
        >>> logits, probs = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[0.25, 0.75]])
        >>> atoms = torch.tensor([[0.5, 3.0]])
        >>> perdita.functional.categorical_projection(logits, probs, atoms, low=-1.0, high=1.0).item()
        1.09861...

    Source:
        Bellemare, Dabney, Munos, "A Distributional Perspective on Reinforcement Learning", ICML 2017,
        arXiv 1707.06887, algorithm 1; Farebrother et al., ICML 2024, arXiv 2403.03950, equation 3.4, whose printed
        indices are exchanged.
    """
    probs = project(target_atoms.detach(), target_probs.detach(), logits.shape[1], low=low, high=high)
    return -(probs * logits.log_softmax(1)).sum(1)

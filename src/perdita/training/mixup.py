"""Mixtures of items and of their labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


class Mixtures(NamedTuple):
    """m mixtures of each of n items with another item of the batch."""

    features: Float[Tensor, "m n *f"]
    target: Float[Tensor, "n c m"]  # shares of the classes
    shares: Float[Tensor, "m"]  # of the item itself

    def predict(self, model: Callable[[Tensor], Tensor]) -> Float[Tensor, "n c m"]:
        """The model's outputs on every mixture, in one pass, as `perdita.functional.rank_mixup` takes them."""
        outputs = model(self.features.flatten(0, 1))
        return outputs.reshape(*self.features.shape[:2], -1).permute(1, 2, 0)


@component("rankmixup")
def mix(
    features: Float[Tensor, "n *f"],
    target: Int[Tensor, "n"],
    classes: int,
    *,
    shares: Float[Tensor, "m"],
    partners: Int[Tensor, "m n"],
) -> Mixtures:
    """Mixture j of item i: shares[j] of the item itself, and the rest of item partners[j, i]."""
    own = shares.view(-1, *[1] * features.ndim)
    mixed = own * features + (1 - own) * features[partners]
    labels = F.one_hot(target, classes).to(shares.dtype)  # (n, c)
    soft = shares.view(-1, 1, 1) * labels + (1 - shares).view(-1, 1, 1) * labels[partners]  # (m, n, c)
    return Mixtures(mixed, soft.permute(1, 2, 0), shares)


@component("rankmixup")
def multi_mixup(
    features: Float[Tensor, "n *f"],
    target: Int[Tensor, "n"],
    classes: int,
    *,
    concentration: float = 2.0,
    mixtures: int = 3,
    generator: torch.Generator | None = None,
) -> Mixtures:
    r"""Mix each item with others, several times; the shares are drawn from Beta(concentration, concentration).

    Args:
        features: (n, *f) items.
        target: (n,) class indices.
        classes: how many there are.
        concentration: above 0; 2 for CIFAR, 1 for Tiny-ImageNet, in the paper.
        mixtures: how many, each with one share and one permutation of the batch.
        generator: source of all randomness.

    Raises:
        InputError: a concentration that is not positive, a negative number of mixtures.

    Source:
        Noh, Park, Lee, Ham, "RankMixup", ICCV 2023, arXiv 2308.11990; mixup itself is arXiv 1710.09412.
    """
    if not concentration > 0 or mixtures < 0:
        raise InputError(f"concentration must be above 0 and mixtures at least 0, not {concentration} and {mixtures}")
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):  # the distributions of torch take no generator
        torch.default_generator.manual_seed(seed)
        shares = torch.distributions.Beta(concentration, concentration).sample((mixtures,))
        partners = torch.rand(mixtures, len(features)).argsort(1)
    return mix(features, target, classes, shares=shares.to(features), partners=partners.to(features.device))

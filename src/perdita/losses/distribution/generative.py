"""Losses of models that generate: what an encoder, a flow, a critic and an energy are trained on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import safe_norm
from perdita.losses.segmentation.overlap import pixels

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")
_LINEAR = Traits(convex=True, bounded=False, nonnegative=False, differentiable=True, constant_hessian=True)


@loss(
    task="generation",
    paper="loss-metric-survey",
    aliases=("vae_kl", "gaussian_prior_kl"),
    traits=Traits(convex=True, nonnegative=True, differentiable=True),
    cost=_ELEMENTWISE,
)
def standard_normal_kl(mean: Float[Tensor, "n *d"], log_variance: Float[Tensor, "n *d"]) -> Float[Tensor, "n"]:
    r"""Divergence of an item's normal distribution from the standard one: what a variational encoder pays.

    .. math:: \ell = \tfrac12 \sum_j \big( \mu_j^2 + e^{v_j} - 1 - v_j \big)

    The sum over the dimensions of an item; a mean over them would make the prior weaker the larger the code is.

    Args:
        mean: (n, *d) means.
        log_variance: (n, *d) logarithms v of the variances.

    Returns:
        (n,) non-negative values, in nats.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.standard_normal_kl(torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2)).item()
        2.0

    Source:
        Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, arXiv 1312.6114, appendix B.
    """
    terms = mean.square() + log_variance.expm1() - log_variance  # exact where the variance is near 1
    return 0.5 * pixels(terms, 1).sum(1)


@loss(
    task="generation",
    paper="loss-metric-survey",
    aliases=("normalizing_flow_nll",),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=True, constant_hessian=True),
    cost=_ELEMENTWISE,
)
def flow_nll(latent: Float[Tensor, "n *d"], log_determinant: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    r"""Negative log-likelihood of an item that a flow takes to a standard normal code.

    .. math:: \ell = \tfrac12 \sum_j \big( z_j^2 + \log 2 \pi \big) - \log |\det J|

    Args:
        latent: (n, *d) codes z of the items.
        log_determinant: (n,) logarithm of the Jacobian determinant of the map from items to codes.

    Returns:
        (n,) values, in nats.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.flow_nll(torch.zeros(1, 2), torch.tensor([0.5])).item()
        1.33787...

    Source:
        Dinh, Krueger, Bengio, "NICE", 2014, arXiv 1410.8516, equation 2.
    """
    return 0.5 * pixels(latent.square() + math.log(2 * math.pi), 1).sum(1) - log_determinant


@loss(task="generation", paper="loss-metric-survey", aliases=("wasserstein",), traits=_LINEAR, cost=_ELEMENTWISE)
def wasserstein_critic(scores: Float[Tensor, "n *d"], generated: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""What a critic minimises: scores of generated items less those of real ones.

    .. math:: \ell = f(\tilde x) - f(x)

    With scores whose slope is at most 1, minus its mean is a lower bound of the distance of the two distributions. Keep
    the slope there with `gradient_penalty`. The generator minimises the mean of -f of its own items.

    Args:
        scores: (n, *d) scores f of real items.
        generated: (n, *d) scores f of generated items.

    Returns:
        (n, *d) values.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.wasserstein_critic(torch.tensor([3.0]), torch.tensor([1.0])).item()
        -2.0

    Source:
        Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, arXiv 1701.07875, equation 2.
    """
    return generated - scores


@loss(
    task="generation",
    paper="loss-metric-survey",
    traits=Traits(bounded=False, nonnegative=True),
    ranges={"norm": Range(0, search=(0.5, 2.0))},
    cost=_ELEMENTWISE,
)
def gradient_penalty(gradients: Float[Tensor, "n *d"], *, norm: float = 1.0) -> Float[Tensor, "n"]:
    r"""Squared distance of the length of a critic's gradient at an item from what it should be.

    .. math:: \ell = (\|g\| - \text{norm})^2

    Args:
        gradients: (n, *d) gradients g of the critic's scores by items, made with create_graph=True; the items lie
            between real and generated ones.
        norm: the length that is wanted, at least 0.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a negative norm.

    Example:
        >>> perdita.functional.gradient_penalty(torch.tensor([[3.0, 4.0]])).item()
        16.0

    Source:
        Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, arXiv 1704.00028, equation 3.
    """
    return (safe_norm(pixels(gradients, 1)) - norm).square()


@loss(task="generation", paper="loss-metric-survey", aliases=("cd_k",), traits=_LINEAR, cost=_ELEMENTWISE)
def contrastive_divergence(energy: Float[Tensor, "n *d"], sampled: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""Energy of the data less that of the model's own samples, whose gradient is that of the likelihood.

    .. math:: \ell = E(x) - E(\tilde x)

    The samples come from a few steps of a Markov chain that starts at the data, and carry no gradient themselves. The
    value is no likelihood, and near 0 it says nothing.

    Args:
        energy: (n, *d) energies of the data (of a restricted Boltzmann machine, free energies).
        sampled: (n, *d) energies of the samples.

    Returns:
        (n, *d) values.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.contrastive_divergence(torch.tensor([1.0]), torch.tensor([3.0])).item()
        -2.0

    Source:
        Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural Computation 14, 2002.
    """
    return energy - sampled

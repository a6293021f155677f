"""Losses for models that may try several times: minus the log-probability that one of N attempts is right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, component, loss
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

ATTEMPTS = Range(1, search=(1.0, 1024.0), log=True)
SHORT_OF_ONE = 1e-18  # so that log(1 - p) of a certain answer is finite


def log1mexp(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """log(1 - exp(x)) for x < 0: by expm1 near 0, by log1p elsewhere."""
    near = x > -math.log(2)
    close = torch.log(-torch.expm1(torch.where(near, x, -1.0)))
    return torch.where(near, close, torch.log1p(-torch.exp(torch.where(near, -1.0, x))))


def coverage(log_p: Float[Tensor, "*n"], log_rest: Float[Tensor, "*n"], attempts: float) -> Float[Tensor, "*n"]:
    """-log(1 - (1 - p)^N) from log p and log(1 - p); where N p is tiny, and 1 - p rounds to 1, by its series."""
    rare = log_p < math.log(torch.finfo(log_p.dtype).eps) / 2 - math.log(attempts)
    p = torch.where(rare, log_p, -1.0).exp()
    series = -log_p - math.log(attempts) + (attempts - 1) / 2 * p
    return torch.where(rare, series, -log1mexp(attempts * torch.where(rare, -1.0, log_rest)))


def log_parts(log_prob: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """log p, kept below 0, and log(1 - p)."""
    log_p = log_prob.clamp(max=0) - SHORT_OF_ONE
    return log_p, log1mexp(log_p)


@component("pass-at-n")
def coverage_factor(log_prob: Float[Tensor, "*n"], attempts: float) -> Float[Tensor, "*n"]:
    r"""How strongly an answer pulls, as a share of its pull under cross-entropy.

    .. math:: F = \frac{N (1 - p)^{N-1} p}{1 - (1 - p)^N}

    It is 1 for N = 1 and for p towards 0, and falls to 0 once p is well above 1 / N: gradients of the coverage losses
    are F times those of -log p. Use it detached as the weight of cross-entropy on sampled reasoning, with p the share
    of the most common answer among several samples (the paper's DCO for chains of thought), and to find the examples
    that still teach anything: the paper replaces those with a small F, which would only shrink the batch.

    Args:
        log_prob: log-probability of the whole right answer.
        attempts: N, at least 1.
    """
    log_p, log_rest = log_parts(log_prob)
    return torch.exp(math.log(attempts) + (attempts - 1) * log_rest + log_p + coverage(log_p, log_rest, attempts))


@component("pass-at-n")
def step_log_probs(log_probs: Float[Tensor, "n t"], step: Int[Tensor, "n t"], steps: int) -> Float[Tensor, "n s"]:
    """The log-probability of each step of a proof: the sum of those of its tokens; 0 for a step without tokens.

    Args:
        log_probs: (n, t) log-probability of each token.
        step: (n, t) which step each token belongs to, from 0 to steps - 1; padding has log-probability 0.
        steps: s.
    """
    return log_probs.new_zeros(log_probs.shape[0], steps).scatter_add(1, step, log_probs)


@loss(
    task="multiclass",
    paper="pass-at-n",
    aliases=("dco", "direct_coverage_optimization"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"attempts": ATTEMPTS},
    ignore_index=-100,
)  # fmt: skip
def direct_coverage(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], *, attempts: float = 16.0
) -> Float[Tensor, "n *d"]:
    r"""Minus the log-probability that at least one of N independent draws is the target, for answers of one class.

    With p = softmax(logits)_y and N the attempts:

    .. math:: \ell = -\log\big(1 - (1 - p)^N\big)

    Its gradient is that of cross-entropy times `coverage_factor`: an answer that N draws will find anyway is left
    alone, and the model keeps its other answers. N = 1 is cross-entropy. N should be the number of attempts at test
    time. Where an answer has several tokens, p is the probability of them all: see `direct_coverage_from_log_probs`.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y.
        attempts: N, at least 1; it need not be whole.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, attempts below 1.

    Example:
        >>> logits = torch.zeros(1, 2)
        >>> perdita.functional.direct_coverage(logits, torch.tensor([0]), attempts=2.0).item()  # -log(3/4)
        0.28768...

    Source:
        Chen et al., "Rethinking Fine-Tuning when Scaling Test-Time Compute", NeurIPS 2025, arXiv 2502.07154: direct
        coverage optimization, DCO.
    """
    return coverage(*log_parts(-cross_entropy.per_example(logits, target)), attempts)


@loss(
    task="sequence",
    paper="pass-at-n",
    aliases=("sequence_direct_coverage",),
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    ranges={"attempts": ATTEMPTS},
    domains={"log_prob": "log_probs"},
    cost=Cost(time="n", memory="n"),
)
def direct_coverage_from_log_probs(log_prob: Float[Tensor, "n *d"], *, attempts: float = 16.0) -> Float[Tensor, "n *d"]:
    r"""Minus the log-probability that at least one of N attempts is right, from that of one attempt.

    With p = exp(log_prob), the probability of a whole answer, and N the attempts:

    .. math:: \ell = -\log\big(1 - (1 - p)^N\big)

    The log-probability of an answer of several tokens is their sum, as
    `perdita.losses.preference.log_probabilities.sequence_log_probability` gives it, not divided by the length; label
    smoothing has no meaning here. It is exact however improbable the answer is.

    Args:
        log_prob: (n, *d) log-probability of each right answer.
        attempts: N, at least 1; it need not be whole.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: log-probabilities above 0, attempts below 1.

    Example:
        >>> log_prob = torch.tensor([0.5]).log()
        >>> perdita.functional.direct_coverage_from_log_probs(log_prob, attempts=2.0).item()  # -log(3/4)
        0.28768...

    Source:
        Chen et al., NeurIPS 2025, arXiv 2502.07154: DCO.
    """
    return coverage(*log_parts(log_prob), attempts)


@loss(
    task="sequence",
    paper="pass-at-n",
    aliases=("dco_step", "tree_coverage"),
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    ranges={"attempts": ATTEMPTS},
    domains={"log_prob": "log_probs"},
    cost=Cost(time="n s", memory="n s"),
)
def stepwise_direct_coverage(
    log_prob: Float[Tensor, "n s"], *, attempts: float = 8.0, mask: Bool[Tensor, "n s"] | None = None
) -> Float[Tensor, "n"]:
    r"""The coverage loss of every step of a proof, summed: for a search that tries several ways at each step.

    With p_i = exp(log_prob_i), the probability of the right step i, and N the attempts at one step (the branching of
    the search tree):

    .. math:: \ell = \sum_i -\log\big(1 - (1 - p_i)^N\big)

    A proof of k steps then wants about N^k attempts. The paper joins models trained with several N.

    Args:
        log_prob: (n, s) log-probability of each right step; `step_log_probs` sums those of tokens.
        attempts: N, at least 1; it need not be whole.
        mask: (n,) or (n, s); steps where it is False do not count.

    Returns:
        (n,) non-negative values, 0 for a proof without a step, which leaves the mean.

    Raises:
        InputError: log-probabilities above 0, attempts below 1.

    Example:
        >>> log_prob = torch.tensor([[0.5, 0.25]]).log()
        >>> perdita.functional.stepwise_direct_coverage(log_prob, attempts=2.0).item()  # -log(3/4) - log(7/16)
        1.11436...

    Source:
        Chen et al., NeurIPS 2025, arXiv 2502.07154: DCO with N_eff for each step of a theorem's proof.
    """
    if mask is None:
        return coverage(*log_parts(log_prob), attempts).sum(1)
    counted = mask.reshape(mask.shape + (1,) * (2 - mask.ndim)).expand_as(log_prob)
    values = coverage(*log_parts(torch.where(counted, log_prob, -1.0)), attempts)
    return torch.where(counted, values, 0.0).sum(1), counted.any(1)

"""Preference degrees: a model that tells by how much a response was damaged, beside which of two is preferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.losses.preference.direct import BETA, dpo, ipo, slic_hinge

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

ALIGNMENTS = {"dpo": dpo, "ipo": ipo, "slic_hinge": slic_hinge}


@loss(
    task="preference",
    paper="spo",
    aliases=("preference_degree_loss",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    cost=Cost(time="n k^2", memory="n k^2"),
)
def preference_degree(degree_logits: Float[Tensor, "n k k"]) -> Float[Tensor, "n"]:
    r"""How badly a classifier tells the versions of a response apart, from intact (degree 0) to most damaged.

    With u_j the class logits of the version of degree j:

    .. math:: \ell = -\frac1k \sum_{j=0}^{k-1} \log \mathrm{softmax}(u_j)_j

    The classes are known from how the versions were made (`degrade`): no label is needed. Add it, with a weight, to any
    preference loss; `spo` is the sum with DPO and its relatives.

    Args:
        degree_logits: (n, k, k) logits: response, version by degree, class.

    Returns:
        (n,) non-negative values; log k where nothing is told apart.

    Raises:
        InputError: the last two dimensions differ.

    Example:
        >>> perdita.functional.preference_degree(torch.eye(3).unsqueeze(0)).item()
        0.55144...

    Source:
        A reconstruction: Li et al., "Self-supervised Preference Optimization", Findings of EMNLP 2024,
        arXiv 2409.17791, of which the abstract and digests were read, and no code is published. The number of degrees
        and the classifier's form are perdita's choice.
    """
    own = degree_logits.diagonal(dim1=1, dim2=2)  # (n, k)
    return (degree_logits.logsumexp(2) - own).mean(1)


@loss(
    task="preference",
    paper="spo",
    aliases=("self_supervised_preference",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={
        "beta": BETA,
        "degree_weight": Range(0, search=(0.1, 1.0), log=True),
        "align": Choice(tuple(ALIGNMENTS)),
    },
    cost=Cost(time="n k^2", memory="n k^2", passes=2),
)
def spo(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    reference_chosen: Float[Tensor, "n"],
    reference_rejected: Float[Tensor, "n"],
    degree_chosen: Float[Tensor, "n k k"],
    degree_rejected: Float[Tensor, "n k k"],
    *,
    degree_mask: Bool[Tensor, "n 2"] | None = None,
    beta: float = 0.1,
    degree_weight: float = 0.5,
    align: str = "dpo",
) -> Float[Tensor, "n"]:
    r"""Self-supervised preference optimisation: a preference loss plus degrees of damage (a reconstruction).

    With u^w and u^l the degree logits of the chosen and the rejected response's versions:

    .. math:: \ell = \ell_{\text{align}} + \frac{\text{degree\_weight}}{2} \left(
        \ell_{\text{degree}}(u^w) + \ell_{\text{degree}}(u^l) \right), \qquad
        \ell_{\text{degree}}(u) = -\frac1k \sum_{j=0}^{k-1} \log \mathrm{softmax}(u_j)_j

    Every version costs one more forward pass of the policy, none of the reference. For losses without a reference, or
    of single responses, add `preference_degree` to them.

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses under the model that is trained.
        policy_rejected: (n,) the same of the rejected responses.
        reference_chosen: (n,) of the preferred responses under the frozen reference.
        reference_rejected: (n,) of the rejected responses under the frozen reference.
        degree_chosen: (n, k, k) class logits of the preferred response's k versions: row j is that of degree j.
        degree_rejected: (n, k, k) the same of the rejected responses.
        degree_mask: (n, 2); False where the chosen (first column) or the rejected response has too few phrases for k
            different versions: its degrees count nothing.
        beta: as in the preference loss.
        degree_weight: weight of the degrees, at least 0; 0 leaves the preference loss alone.
        align: the preference loss, with its other hyper-parameters at their defaults.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: another align, beta <= 0, a negative degree_weight, shapes that do not fit.

    Example:
        >>> policy, reference = torch.tensor([[-10.0], [-14.0]]), torch.tensor([[-12.0], [-12.0]])
        >>> degrees = torch.zeros(2, 1, 3, 3)
        >>> perdita.functional.spo(*policy, *reference, *degrees, beta=0.5, degree_weight=0.5).item()
        0.67623...

    Source:
        A reconstruction: Li, Huang, Zhang, Xu, Chen, Song, Shi, Wang, Xu, "Self-supervised Preference Optimization:
        Enhance Your Language Model with Preference Degree Awareness", Findings of EMNLP 2024, arXiv 2409.17791. The
        abstract and digests were read, and no code is published: k = 3, a linear head on the last token, both responses
        and degree_weight 0.5 are perdita's choice.
    """
    logps = (policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    aligned = ALIGNMENTS[align].per_example(*logps, beta=beta)
    degrees = torch.stack([preference_degree.per_example(u) for u in (degree_chosen, degree_rejected)], 1)  # (n, 2)
    if degree_mask is not None:
        degrees = torch.where(degree_mask, degrees, 0.0)
    return aligned + degree_weight * degrees.mean(1)

"""Expected cost over candidates: a sequence model trained on the measure by which it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@loss(
    task="sequence",
    paper="loss-metric-survey",
    aliases=("minimum_risk_training", "expected_risk"),
    traits=Traits(convex=False),
    ranges={"sharpness": Range(0, open="low", search=(1e-3, 1.0), log=True)},
    cost=Cost(time="n k", memory="n k"),
)
def minimum_risk(
    log_prob: Float[Tensor, "n k"], cost: Float[Tensor, "n k"], *, sharpness: float = 0.005
) -> Float[Tensor, "n"]:
    r"""Mean cost of an item's candidates under the model's own probabilities, made to sum to one over them.

    With the log-probability l_k and the cost r_k of candidate k:

    .. math:: \ell = \sum_k q_k\,r_k, \qquad q = \mathrm{softmax}(\text{sharpness}\; l)

    The costs need no gradient: a sentence's edit rate or one minus its BLEU will do.

    Args:
        log_prob: (n, k) log-probability l of each sampled candidate, summed over its tokens.
        cost: (n, k) what each candidate costs.
        sharpness: how much the better candidates of the model decide, above 0.

    Returns:
        (n,) values between the smallest and the largest cost of an item.

    Raises:
        InputError: a sharpness that is not positive, shapes that differ.

    Example:
        >>> log_prob, cost = torch.tensor([[-1.0, -1.0]]), torch.tensor([[0.0, 1.0]])
        >>> perdita.functional.minimum_risk(log_prob, cost).item()
        0.5

    Source:
        Shen et al., "Minimum Risk Training for Neural Machine Translation", ACL 2016, arXiv 1512.02433, equations 12
        and 13.
    """
    return ((sharpness * log_prob).softmax(1) * cost).sum(1)

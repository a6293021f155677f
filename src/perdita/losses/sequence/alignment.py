"""Sequences without a known alignment: the likelihood sums over every way to align target and input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Criterion, Range, loss

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="sequence",
    aliases=("ctc_loss", "CTCLoss", "connectionist_temporal_classification"),
    ranges={"blank": Range(0, integer=True)},
    domains={
        "log_probs": "log_probs", "targets": "labels", "input_lengths": "lengths", "target_lengths": "lengths",
    },
    cost=Cost(time="n t (s + c)", memory="n t (s + c)"),
    limits={
        "reductions": "the mean divides the value of each sequence by its target length first, as PyTorch's does",
        "gradcheck": "PyTorch's gradient includes that of a log_softmax before it; it is exact for the logits alone",
        "gradgradcheck": "PyTorch's CTC has a first derivative only",
        "vmap": "PyTorch's CTC has no batching rule",
        "compile": "PyTorch's CTC reads the lengths on the host, which a full graph cannot",
    },
)  # fmt: skip
class Ctc(Criterion):
    r"""Negative log-likelihood of a target sequence, summed over every alignment with a longer input sequence.

    .. math:: \ell = -\log \sum_{a \in A(y)} \prod_{\tau = 1}^{T} p_\tau(a_\tau)

    An alignment a in A(y) has one class or blank for each of the T input steps, and gives the target y when repeats are
    merged and blanks are taken out. An empty target is aligned with blanks alone. A target has no alignment where it is
    longer than T, repeats counted twice: its value is then inf and its gradient NaN, or both are 0 with zero_infinity.

    The values are those of whole sequences. The mean, and batchmean, is taken over values divided by the target length
    (by 1 for an empty target); the sum is not. The gradient takes log_probs to come from log_softmax.

    Args:
        blank: the class that stands for no class.
        zero_infinity: whether a target without an alignment costs 0 instead of inf.
        log_probs: (t, n, c) log-probabilities over dimension 2, when called.
        targets: (n, s) class indices; places beyond a target's length hold any class index, when called.
        input_lengths: (n,) number of steps T of each input, at most t, when called.
        target_lengths: (n,) number of classes of each target, at most s, when called.

    Returns:
        (n,) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, negative lengths, numbers above 0 in log_probs, shapes that do not fit.

    Example:
        >>> log_probs = torch.full((3, 1, 2), 0.5).log()
        >>> perdita.Ctc()(log_probs, torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1])).item()
        0.28768...

    Source:
        Equal to torch.nn.functional.ctc_loss with padded targets. Graves et al., "Connectionist Temporal
        Classification", ICML 2006, section 3.
    """

    def __init__(
        self, *, blank: int = 0, zero_infinity: bool = False, reduction: str = "mean", ignore_index: int | None = None
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def per_example(
        self,
        log_probs: Float[Tensor, "t n c"],
        targets: Int[Tensor, "n s"],
        input_lengths: Int[Tensor, "n"],
        target_lengths: Int[Tensor, "n"],
    ) -> Float[Tensor, "n"]:
        """The value of each sequence, over its target length where a mean is taken."""
        if not targets.shape[0]:
            return log_probs.sum((0, 2))  # PyTorch refuses an empty batch
        values = F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, "none", zero_infinity=self.zero_infinity
        )
        values = torch.where(log_probs.isnan().any(2).any(0), torch.nan, values)  # of any class and step
        return values / target_lengths.clamp(min=1) if self.reduction in ("mean", "batchmean") else values

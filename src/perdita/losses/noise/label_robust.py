"""Losses that take the worst case over distributions on the labels, so that a label is trusted only so far.

All start from the margin violations d_k = f_k - f_y + margin * [k != y] of scores f and look for the distribution p on
the classes that makes their mean largest, under a penalty on p or a bound of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Cost, Criterion, InputError, Range, Traits, loss
from perdita.core.numerics import pick, widen
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

MARGIN = Range(0, search=(0.0, 2.0))
TEMPERATURE = Range(0, open="low", search=(0.1, 10.0), log=True)
NORMALIZE = Choice((None, "l1", "softplus"))
BLOCK = 1 << 20  # logits that `AldrKl.remember` makes at a time


def normalized(logits: Float[Tensor, "n c *d"], normalize: str | None) -> Float[Tensor, "n c *d"]:
    """Logits over their mean absolute value in the item ("l1"), or their softplus over its mean; zero rows stay."""
    if normalize is None:
        return logits
    scores = F.softplus(logits) if normalize == "softplus" else logits
    size = scores.abs().mean(1, keepdim=True)
    return scores / torch.where(size == 0, 1.0, size)


def violations(scores: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], margin: float) -> Float[Tensor, "n c *d"]:
    """f_k - f_y + margin, and 0 at the target itself."""
    return put(scores - pick(scores, target).unsqueeze(1) + margin, target, 0.0)


def soft_maximum(
    values: Float[Tensor, "n c *d"], temperature: float | Float[Tensor, "n 1 *d"]
) -> Float[Tensor, "n *d"]:
    """max over p of sum p v - temperature KL(p || uniform), between the maximum (0) and the mean (infinity)."""
    least = torch.logsumexp(values / temperature, 1, keepdim=True) - math.log(values.shape[1])
    return (temperature * least).squeeze(1)


@loss(
    task="multiclass",
    paper="ldr",
    aliases=("ldr_kl_loss", "label_robust_kl"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=False, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"temperature": TEMPERATURE, "margin": MARGIN, "normalize": NORMALIZE},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def ldr_kl(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    temperature: float = 1.0,
    margin: float = 0.1,
    normalize: str | None = None,
) -> Float[Tensor, "n *d"]:
    r"""The worst mean margin violation over distributions on the labels, with a penalty for leaving the uniform one.

    With d_k = f_k - f_y + margin for k other than y, d_y = 0, and f the logits, normalised or not:

    .. math:: \ell = \max_{p} \sum_k p_k d_k - \text{temperature}\; \mathrm{KL}(p \,\|\, 1/c)
        = \text{temperature} \Big( \log \sum_k e^{d_k / \text{temperature}} - \log c \Big)

    A temperature towards 0 gives the Crammer-Singer hinge, 1 with margin 0 cross-entropy minus log c, towards infinity
    the mean violation, on which a wrong label pulls as on all others. A large one wants a larger learning rate.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y.
        temperature: the paper's λ, above 0.
        margin: at least 0.
        normalize: None as in the paper's formula; "softplus" (softplus over its mean in the item) is what the released
            code does; "l1" divides by the mean absolute logit.

    Returns:
        (n, *d) values, at least -temperature log c.

    Raises:
        InputError: labels outside 0..c-1, a temperature that is not above 0, a negative margin, another normalize.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> value = perdita.functional.ldr_kl(logits, torch.tensor([0]), temperature=1.0, margin=0.0)
        >>> value.item() + math.log(3)  # cross-entropy
        0.23954...

    Source:
        Zhu, Ying, Yang, "Label Distributionally Robust Losses for Multi-class Classification: Consistency, Robustness
        and Adaptivity", ICML 2023, arXiv 2112.14869, section 3. Both released losses normalise the logits, which the
        paper's formula does not.
    """
    return soft_maximum(violations(normalized(logits, normalize), target, margin), temperature)


@loss(
    task="multiclass",
    paper="ldr",
    aliases=("label_robust_top_k",),
    traits=Traits(
        proper=False, convex=True, bounded=False, nonnegative=False, symmetric=False, shift_invariant=True,
        scale_invariant=False, differentiable=False,
    ),
    ranges={"k": Range(1, search=(1, 5), integer=True), "margin": MARGIN},
    cost=Cost(time="n c log k"),
    ignore_index=-100,
)  # fmt: skip
def ldr_k(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], *, k: int = 2, margin: float = 0.1
) -> Float[Tensor, "n *d"]:
    r"""The worst mean margin violation over distributions that give no label more than 1/k.

    With d as in `ldr_kl`, sorted from the largest:

    .. math:: \ell = \max_{p \le 1/k} \sum_l p_l d_l = \frac{1}{k} \sum_{i=1}^{k} d_{(i)}

    k = 1 is the Crammer-Singer hinge, k = c the mean violation.

    Args:
        logits: (n, c, *d) unnormalised scores f.
        target: (n, *d) class indices y.
        k: at least 1; more than c is c.
        margin: at least 0.

    Returns:
        (n, *d) values.

    Raises:
        InputError: labels outside 0..c-1, a k below 1, a negative margin.

    Example:
        >>> logits = torch.tensor([[1.0, 1.5, 0.0]])
        >>> perdita.functional.ldr_k(logits, torch.tensor([0]), k=1, margin=1.0).item()
        1.5

    Source:
        Zhu, Ying, Yang, ICML 2023, arXiv 2112.14869. A reconstruction from the paper's name for it: the released code
        has no such loss, and whether the paper's p sums to one or to at most one was not verified.
    """
    short = violations(logits, target, margin)
    return short.topk(min(k, logits.shape[1]), dim=1).values.mean(1)


@loss(
    task="multiclass",
    paper="ldr",
    aliases=("aldr_kl_loss", "adaptive_ldr_kl"),
    traits=Traits(bounded=True, nonnegative=False, shift_invariant=False, scale_invariant=True),
    ranges={
        "examples": Range(1, integer=True),
        "temperature": TEMPERATURE,
        "alpha": Range(1, open="low", search=(1.1, 5.0)),
        "margin": MARGIN,
        "normalize": NORMALIZE,
    },
    domains={"index": "indices"},
    cost=Cost(passes=6, memory="n c, and one number for each example of the data"),
    ignore_index=-100,
    limits={
        "gradcheck": "the temperature is a constant of the gradient, as the paper's algorithm has it",
        "gradgradcheck": "the temperature is a constant of the gradient, as the paper's algorithm has it",
    },
)
class AldrKl(Criterion):
    r"""LDR-KL whose temperature each example finds for itself: high where the prediction is undecided.

    The temperature λ of an example follows its stationarity condition, one step at a time from its last value λ':

    .. math:: q = \mathrm{softmax}(f / \lambda'), \qquad
        \lambda = \lambda_0 \Big(1 - \frac{\mathrm{KL}(q \,\|\, 1/c)}{\text{alpha} \log c}\Big)

    .. math:: \ell = \lambda \Big(\log \sum_k e^{d_k / \lambda} - \log c\Big)
        - \frac{\text{alpha} \log c}{2 \lambda_0} (\lambda - \lambda_0)^2

    with d as in `ldr_kl`; the margin is in d alone. λ is a constant of the gradient, so the last term moves the value
    only. A call does not change the state: `remember` stores the new temperatures, once for each training step. Without
    an index every call starts from λ_0. As alpha is above 1, λ stays above λ_0 (1 - 1 / alpha).

        criterion = perdita.AldrKl(examples=len(data), temperature=10.0)
        loss = criterion(logits, target, index)
        criterion.remember(logits, index)

    With `perdita.fused_linear`, which makes no logits: ``criterion.remember(hidden, index, weight=weight)``.

    Args:
        examples: size of the training data; None keeps no state.
        temperature: λ_0, the first and the highest temperature.
        alpha: above 1; how far λ may fall.
        margin: at least 0.
        normalize: "l1" as released, "softplus" as released for CIFAR-100, or None.
        logits: (n, c) scores f, when called.
        target: (n,) class indices, when called.
        index: (n,) which example of the data each item is, when called.

    Returns:
        (n,) values.

    Raises:
        InputError: labels outside 0..c-1, an index without ``examples``, a temperature that is not above 0, an alpha
            that is not above 1.

    Example:
        >>> criterion = perdita.AldrKl(examples=100, temperature=1.0)
        >>> logits, index = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([42])
        >>> criterion.remember(logits, index)
        >>> criterion.temperatures[42].item()
        0.66686...

    Source:
        Zhu, Ying, Yang, ICML 2023, arXiv 2112.14869, section 5; the order of the steps, the 1e-5 added to q and the
        missing margin in q are those of the released code.
    """

    temperatures: Tensor | None

    def __init__(
        self,
        *,
        examples: int | None = None,
        temperature: float = 10.0,
        alpha: float = 2.0,
        margin: float = 0.1,
        normalize: str | None = "l1",
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.temperature, self.alpha, self.margin, self.normalize = temperature, alpha, margin, normalize
        state = None if examples is None else torch.full((examples,), float(temperature))
        self.register_buffer("temperatures", state)

    def per_example(
        self, logits: Float[Tensor, "n c"], target: Int[Tensor, "n"], index: Int[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n"]:
        """The loss at the temperatures that follow from the logits and the last temperatures."""
        scores = normalized(logits, self.normalize)
        temperature = self._adapted(scores, index)  # (n, 1)
        distance = (temperature - self.temperature).squeeze(1)
        price = self.alpha * math.log(logits.shape[1]) / (2 * self.temperature)
        return soft_maximum(violations(scores, target, self.margin), temperature) - price * distance.square()

    @torch.no_grad()
    def remember(
        self,
        logits: Float[Tensor, "n c"],
        index: Int[Tensor, "n"],
        *,
        weight: Float[Tensor, "c h"] | None = None,
        bias: Float[Tensor, "c"] | None = None,
        softcap: float | None = None,
    ) -> None:
        """Store the temperatures of these examples; each process of a parallel run stores those of its own.

        Where `perdita.fused_linear` made no logits, its ``hidden`` (n, h) comes in their place, with its weight, bias
        and softcap: the logits of a few rows exist at a time, for one more product.
        """
        if weight is None and (bias is not None or softcap is not None):
            raise InputError("remember takes bias and softcap with weight, the output layer's, and hidden for logits")
        if weight is not None and logits.shape[-1] != weight.shape[-1]:
            raise InputError(f"hidden and weight must agree in width: {tuple(logits.shape)}, {tuple(weight.shape)}")
        adapted = []
        rows = max(1, len(logits) if weight is None else BLOCK // len(weight))
        for given, own in zip(logits.split(rows), index.split(rows), strict=True):
            scores = given if weight is None else widen(F.linear(given, weight, bias))
            scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
            adapted.append(self._adapted(normalized(scores, self.normalize), own))
        assert self.temperatures is not None
        self.temperatures[index] = torch.cat(adapted).squeeze(1).to(self.temperatures.dtype)

    def _adapted(self, scores: Float[Tensor, "n c"], index: Int[Tensor, "n"] | None) -> Float[Tensor, "n 1"]:
        if index is not None and self.temperatures is None:
            raise InputError("index needs examples: a temperature for each example of the data")
        scores, classes = scores.detach(), scores.shape[1]
        if index is None:
            last = torch.full_like(scores[:, :1], self.temperature)
        else:
            last = self.temperatures[index].to(scores.dtype).unsqueeze(1)  # type: ignore[index]
        if classes == 1:
            return last
        share, total = (scores / last).softmax(1) + 1e-5, 1 + 1e-5 * classes  # not divided by its total: a pass less
        divergence = (share * share.log()).sum(1, keepdim=True) / total - math.log(total / classes)
        return self.temperature * (1 - divergence / (self.alpha * math.log(classes)))

"""A regression on the numbers that a language model writes: how far the predicted digits lie from the true one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from perdita.core import Choice, Cost, Criterion, InputError, Range, Traits, component, loss
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

KINDS = ("wasserstein", "mse", "mae", "huber")
DIGITS = "0123456789"
WORD_STARTS = "Ġ▁ "  # how byte-level and SentencePiece vocabularies write a leading space


@component("number-token-loss")
def number_token_table(tokenizer: Any, *, digit_level: bool = True) -> dict[int, float]:
    """The tokens of a vocabulary that are numbers, as `NumberToken` takes them: token → value.

    Args:
        tokenizer: a Hugging Face tokenizer (of transformers or tokenizers), or the vocabulary itself, text → token.
        digit_level: the ten one-character digits alone, as in the paper; else every token whose text is a finite
            decimal number, " 12" and "3.5" among them.

    Raises:
        InputError: something without a vocabulary, or a vocabulary without such a token.
    """
    if not isinstance(tokenizer, Mapping) and not hasattr(tokenizer, "get_vocab"):
        raise InputError(f"tokenizer must have get_vocab(), or be a mapping, not {type(tokenizer).__name__}")
    vocabulary = tokenizer if isinstance(tokenizer, Mapping) else tokenizer.get_vocab()
    values = {token: _number(text, digit_level) for text, token in vocabulary.items()}
    found = {token: value for token, value in sorted(values.items()) if value is not None}
    if not found:
        raise InputError("tokenizer has no token that is a number; with digit_level=False longer ones count too")
    return found


def _number(text: str, digit_level: bool) -> float | None:
    if digit_level:
        return float(text) if len(text) == 1 and text in DIGITS else None
    plain = text.lstrip(WORD_STARTS)
    if not plain or not plain.isascii() or set(plain) - set(f"{DIGITS}+-.eE"):
        return None
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@loss(
    task="sequence",
    paper="number-token-loss",
    aliases=("ntl", "number_token_loss", "ntl_was", "ntl_mse"),
    traits=Traits(
        convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={
        "kind": Choice(KINDS),
        "reweigh": Choice((True, False)),
        "squash_factor": Range(1, open="low", search=(1.5, 10.0)),
        "label_smoothing": LABEL_SMOOTHING,
    },
    cost=Cost(time="n m", memory="n m", passes=1),
    ignore_index=-100,
)
class NumberToken(Criterion):
    r"""Distance between the value of the number token that should come and those that the model expects.

    With M the m tokens of the table, v their values, p the softmax of the logits of M alone, and y the true value:

    .. math:: \ell_\text{wasserstein} = \sum_{k \in M} p_k\, |v_k - y|, \qquad
              \ell_\text{mse} = (\hat y - y)^2, \quad \hat y = \sum_{k \in M} p_k v_k

    "mae" and "huber" are the same measures of y' - y. The first is the Wasserstein-1 distance to the true token; the
    others also vanish where wrong tokens average out, "mse" grows with the square of numbers of several digits, and the
    paper warns of their local minima. Items whose target is no number have no value and leave the mean. No gradient
    reaches the logits of other tokens, so it is added to cross-entropy, in the paper with the weight 0.3:
    ``perdita.CrossEntropy() + 0.3 * perdita.NumberToken(table=table)``. Digits count alike at every place of a number.

    With reweigh, and mass the share of M in the softmax over all logits, the value is
    mass * l + (1 - mass) * 1.01 * farthest, where farthest is the largest value that two tokens can give. With
    squash_factor f, distances d > 0 between nearest and farthest become
    1 + (f - 1) (d - nearest) / (farthest - nearest).

    With label_smoothing s the truth is 1 - s on the true token and s / m on each of M besides, and the value the
    Wasserstein-1 distance between the two distributions: with the tokens in the order of their values and F, G the
    cumulated probabilities of both, the sum of |F_j - G_j| (v_{j+1} - v_j).

    Args:
        table: token → value of each number token, as `number_token_table` finds them; it has to be given.
        kind: "wasserstein", "mse", "mae" or "huber".
        reweigh: whether mass on tokens that are no numbers costs more than any number.
        squash_factor: above 1; how many times the farthest value may cost the nearest. For "wasserstein" alone.
        label_smoothing: in [0, 1]. For "wasserstein" alone, and not with squash_factor.
        logits: (n, c, *d) unnormalised scores; the vocabulary may be longer than the tokenizer's, when called.
        target: (n, *d) tokens, already shifted, when called.

    Returns:
        (n, *d) non-negative values, 0 where the target is no number.

    Raises:
        InputError: labels outside 0..c-1, a token of the table outside the vocabulary, no table, an unknown kind, a
            squash_factor or label_smoothing for another kind.

    Example:
        >>> criterion = perdita.NumberToken(table={5: 0.0, 6: 1.0, 7: 2.0})
        >>> logits = torch.zeros(2, 8)
        >>> criterion(logits, torch.tensor([5, 1])).item()  # 0 is 0, 1 and 2 away; token 1 is no number
        1.0

    Source:
        Zausinger, Pennig et al., "Regress, Don't Guess", ICML 2025, arXiv 2411.02083. Values agree with those of the
        authors' package ntloss 0.3.2, whose default is reweigh=True, which the paper does not have.
    """

    def __init__(
        self,
        *,
        table: Mapping[int, float] | None = None,
        kind: str = "wasserstein",
        reweigh: bool = False,
        squash_factor: float | None = None,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        if not isinstance(table, Mapping) or not table:
            raise InputError(f"table must map tokens to values, as number_token_table gives it, not be {table!r}")
        if squash_factor is not None and kind != "wasserstein":
            raise InputError(f"squash_factor belongs to kind='wasserstein', not to {kind!r}")
        if label_smoothing and (kind != "wasserstein" or squash_factor is not None):
            raise InputError("label_smoothing belongs to kind='wasserstein' without a squash_factor")
        found = {int(token): float(value) for token, value in table.items()}  # JSON makes texts of the tokens
        if min(found) < 0 or not all(map(math.isfinite, found.values())):
            raise InputError("table must map tokens >= 0 to finite values")
        self.kind, self.reweigh, self.squash_factor = kind, reweigh, squash_factor
        self.label_smoothing = label_smoothing
        self.largest = max(found)
        self.register_buffer("tokens", torch.tensor(list(found)))
        self.register_buffer("values", torch.tensor(list(found.values()), dtype=torch.get_default_dtype()))
        steps = [high - low for low, high in itertools.pairwise(sorted(set(found.values())))]
        self.nearest, self.farthest = min(steps, default=0.0), sum(steps)

    def per_example(
        self, logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]
    ) -> tuple[Float[Tensor, "n *d"], Float[Tensor, "n *d"]]:
        """The value of each item, and 1 where its target is a number."""
        if self.largest >= logits.shape[1]:
            raise InputError(f"logits must have a class for token {self.largest} of the table, not {logits.shape[1]}")
        along = (1, -1) + (1,) * (logits.ndim - 2)
        values = self.values.to(logits.dtype).view(along)
        own = logits.index_select(1, self.tokens)  # (n, m, *d)
        hit = target.unsqueeze(1) == self.tokens.view(along)
        truth = torch.where(hit, values, 0.0).sum(1, keepdim=True)
        probs = own.softmax(1)
        if self.label_smoothing:
            truth = (1 - self.label_smoothing) * hit.to(probs.dtype) + self.label_smoothing / len(self.tokens)
            found = self._transport(probs - truth, along)
        elif self.kind == "wasserstein":
            found = (probs * self._squashed((values - truth).abs())).sum(1)
        else:
            found = measure(self.kind, (probs * (values - truth)).sum(1))
        if self.reweigh:
            mass = torch.exp(own.logsumexp(1) - logits.logsumexp(1))
            found = mass * found + (1 - mass) * 1.01 * self._worst(found)
        number = hit.any(1)
        return torch.where(number, found, 0.0), number.to(logits.dtype)

    def _transport(self, difference: Float[Tensor, "n m *d"], along: tuple[int, ...]) -> Float[Tensor, "n *d"]:
        """The Wasserstein-1 distance of two distributions on the values, from their difference."""
        values, order = self.values.to(difference.dtype).sort(stable=True)
        above = difference.index_select(1, order).cumsum(1)[:, :-1]
        return (above.abs() * values.diff().view(along)).sum(1)

    def _squashed(self, distance: Tensor) -> Tensor:
        if self.squash_factor is None or self.nearest == self.farthest:
            return distance if self.squash_factor is None else (distance > 0).to(distance.dtype)
        slope = (self.squash_factor - 1) / (self.farthest - self.nearest)
        return torch.where(distance > 0, 1 + (distance - self.nearest) * slope, 0.0)

    def _worst(self, like: Tensor) -> Tensor:
        farthest = torch.as_tensor(self.farthest, dtype=like.dtype, device=like.device)
        return self._squashed(farthest) if self.kind == "wasserstein" else measure(self.kind, farthest)


def measure(kind: str, error: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The square of an error, its absolute value, or Huber's loss of it with delta 1."""
    if kind == "mse":
        return error.square()
    return error.abs() if kind == "mae" else F.huber_loss(error, torch.zeros_like(error), reduction="none")

"""Was a text in a language model's training data? Scores from the probabilities of its tokens; larger says yes.

Every function takes batches of aligned rows: the scores at place i speak of the token at place i (`aligned` makes them
of what a causal model gives). A mask leaves out padding, and every score is a mean over the tokens that are left.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core import InputError, component
from perdita.core.numerics import widen

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

CAP = 0.01  # of the authors' script
SHARE = 0.2  # of the tokens, in Min-K% and Min-K%++


@component("dc-pdd")
def token_frequencies(
    documents: Iterable[Iterable[int]], vocabulary: int, *, max_tokens: int | None = 1024
) -> Int[Tensor, "v"]:
    """How often each token occurs in a reference corpus; the documents may be a stream.

    Args:
        documents: token ids of each document, by the tokenizer of the model that is judged.
        vocabulary: number of columns of that model's logits; padded vocabularies are larger than the tokenizer's.
        max_tokens: how much of each document is counted; None counts all.

    Returns:
        (vocabulary,) counts; tables of parts of a corpus add up.

    Raises:
        InputError: a token id outside 0..vocabulary - 1.
    """
    counts = torch.zeros(vocabulary, dtype=torch.int64)
    for number, document in enumerate(documents):
        tokens = torch.as_tensor(document if isinstance(document, Tensor) else list(document), dtype=torch.int64)
        tokens = tokens[:max_tokens]
        if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocabulary:
            raise InputError(
                f"documents must hold token ids from 0 to {vocabulary - 1}; document {number} has ids from "
                f"{int(tokens.min())} to {int(tokens.max())}"
            )
        counts += torch.bincount(tokens, minlength=vocabulary)
    return counts


@component("dc-pdd")
def smoothed_frequencies(counts: Int[Tensor, "v"]) -> Float[Tensor, "v"]:
    """(count + 1) / (sum of counts + v): no token has frequency 0."""
    return (counts.double() + 1) / (counts.sum().double() + len(counts))


@component("dc-pdd")
def first_occurrences(tokens: Int[Tensor, "n t"], mask: Bool[Tensor, "n t"] | None = None) -> Bool[Tensor, "n t"]:
    """Where a token of a row occurs for the first time, among those that the mask leaves."""
    counted = torch.ones_like(tokens, dtype=torch.bool) if mask is None else mask
    order = torch.where(counted, tokens, -1).sort(dim=1, stable=True)
    fresh = torch.ones_like(counted)
    fresh[:, 1:] = order.values[:, 1:] != order.values[:, :-1]
    return fresh.scatter(1, order.indices, fresh) & counted


def aligned(
    logits: Float[Tensor, "n t v"], tokens: Int[Tensor, "n t"], mask: Bool[Tensor, "n t"]
) -> tuple[Float[Tensor, "n t-1 v"], Int[Tensor, "n t-1"], Bool[Tensor, "n t-1"]]:
    """A causal model's logits beside the tokens that they predict; the first token has no prediction."""
    return logits[:, :-1], tokens[:, 1:], mask[:, 1:]


@component("dc-pdd")
def token_log_probabilities(logits: Float[Tensor, "n t v"], tokens: Int[Tensor, "n t"]) -> Float[Tensor, "n t"]:
    """log softmax(logits)[token], at least in float32, for some detectors use the probability itself."""
    scores = widen(logits)
    return scores.gather(2, tokens.long().unsqueeze(2)).squeeze(2) - scores.logsumexp(2)


@component("dc-pdd")
def dc_pdd(
    log_probs: Float[Tensor, "n t"],
    tokens: Int[Tensor, "n t"],
    counts: Int[Tensor, "v"],
    *,
    cap: float | None = CAP,
    first_occurrence: bool = True,
    mask: Bool[Tensor, "n t"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Divergence-based calibration: how much probability the model gives to tokens that are rare elsewhere.

    With p_i the probability of token x_i, q its smoothed frequency in a reference corpus, and I the places of tokens
    that occur for the first time:

    .. math:: S = \frac{1}{|I|} \sum_{i \in I} \min\left( \text{cap},\; p_i \log \frac{1}{q(x_i)} \right)

    The probability itself is the weight: a token counts only if the model is sure of it and it is rare.

    Args:
        log_probs: (n, t) log-probability of each token (`token_log_probabilities`).
        tokens: (n, t) their ids.
        counts: (v,) `token_frequencies` of a reference corpus.
        cap: largest contribution of a token; None has no cap. 0.01 is the script's; it is tuned for each model.
        first_occurrence: False averages over every token.
        mask: (n, t); False leaves a token out.

    Returns:
        (n,) scores, 0 for a text without tokens.

    Raises:
        InputError: a token id beyond the counts, a cap that is not positive.

    Source: Zhang et al., "Pretraining Data Detection for Large Language Models: A Divergence-based Calibration Method",
    EMNLP 2024, arXiv 2409.14781. The released script does not run as it is: it smooths the counts and then reads the
    raw ones. This is its formula with the smoothed frequencies.
    """
    if cap is not None and not cap > 0:
        raise InputError(f"cap must be above 0, or None, not {cap!r}")
    kept = first_occurrences(tokens, mask) if first_occurrence else _all(tokens, mask)
    seen = tokens.long().masked_fill(~kept, 0)
    if seen.numel() and not 0 <= int(seen.min()) <= int(seen.max()) < len(counts):
        raise InputError(
            f"tokens must hold ids from 0 to {len(counts) - 1}, as counts does, not up to {int(seen.max())}"
        )
    rarity = -smoothed_frequencies(counts).log().to(log_probs)
    terms = widen(log_probs).exp() * rarity[seen]
    return _mean(terms if cap is None else terms.clamp(max=cap), kept)


@component("dc-pdd")
def mean_log_probability(
    log_probs: Float[Tensor, "n t"], *, mask: Bool[Tensor, "n t"] | None = None
) -> Float[Tensor, "n"]:
    """The loss attack: minus the loss of the text, which is minus the logarithm of its perplexity."""
    return _mean(log_probs, _all(log_probs, mask))


@component("dc-pdd")
def zlib_ratio(
    log_probs: Float[Tensor, "n t"], texts: Sequence[str], *, mask: Bool[Tensor, "n t"] | None = None
) -> Float[Tensor, "n"]:
    """The mean log-probability over the bytes that zlib needs for the text (Carlini et al., 2021, arXiv 2012.07805)."""
    sizes = [len(zlib.compress(text.encode())) for text in texts]
    return mean_log_probability(log_probs, mask=mask) / torch.tensor(sizes, device=log_probs.device)


@component("dc-pdd")
def log_perplexity_ratio(
    log_probs: Float[Tensor, "n t"],
    other_log_probs: Float[Tensor, "n u"],
    *,
    mask: Bool[Tensor, "n t"] | None = None,
    other_mask: Bool[Tensor, "n u"] | None = None,
) -> Float[Tensor, "n"]:
    """Minus the log-perplexity of the text over another one: of its lower-case form, or under a reference model."""
    return -mean_log_probability(log_probs, mask=mask) / mean_log_probability(other_log_probs, mask=other_mask)


@component("dc-pdd")
def min_k(
    log_probs: Float[Tensor, "n t"], *, share: float = SHARE, mask: Bool[Tensor, "n t"] | None = None
) -> Float[Tensor, "n"]:
    """Min-K% Prob: the mean of the least likely tokens' log-probabilities.

    Args:
        log_probs: (n, t) log-probability of each token.
        share: of the tokens that count, rounded down, at least one.
        mask: (n, t); False leaves a token out.

    Source: Shi et al., "Detecting Pretraining Data from Large Language Models", ICLR 2024, arXiv 2310.16789.
    """
    return _mean_of_smallest(log_probs, share, _all(log_probs, mask))


@component("dc-pdd")
def min_k_plus_plus(
    logits: Float[Tensor, "n t v"],
    tokens: Int[Tensor, "n t"],
    *,
    share: float = SHARE,
    mask: Bool[Tensor, "n t"] | None = None,
) -> Float[Tensor, "n"]:
    """Min-K%++: `min_k` of log-probabilities standardised at each place over the whole vocabulary.

    z = (log p(token) - mu) / sigma, with mu and sigma the mean and standard deviation of log p under p itself.

    Args:
        logits: (n, t, v) scores at each place.
        tokens: (n, t) ids.
        share: as in `min_k`.
        mask: (n, t); False leaves a token out.

    Source: Zhang et al., "Min-K%++: Improved Baseline for Detecting Pre-Training Data from Large Language Models",
    ICLR 2025, arXiv 2404.02936.
    """
    log_p = widen(logits).log_softmax(2)
    p = log_p.exp()
    mean = (p * log_p).sum(2, keepdim=True)
    deviation = (p * (log_p - mean).square()).sum(2).sqrt()
    own = log_p.gather(2, tokens.long().unsqueeze(2)).squeeze(2) - mean.squeeze(2)
    standard = own / deviation.clamp(min=torch.finfo(own.dtype).tiny)  # a uniform row: 0 / 0 is 0
    return _mean_of_smallest(standard, share, _all(tokens, mask))


def _all(like: Tensor, mask: Bool[Tensor, "n t"] | None) -> Bool[Tensor, "n t"]:
    return torch.ones_like(like, dtype=torch.bool) if mask is None else mask


def _mean(values: Float[Tensor, "n t"], kept: Bool[Tensor, "n t"]) -> Float[Tensor, "n"]:
    return torch.where(kept, values, 0.0).sum(1) / kept.sum(1).clamp(min=1)


def _mean_of_smallest(values: Float[Tensor, "n t"], share: float, kept: Bool[Tensor, "n t"]) -> Float[Tensor, "n"]:
    if not 0 < share <= 1:
        raise InputError(f"share must be in (0, 1], not {share!r}")
    lowest = torch.where(kept, values, torch.inf).sort(dim=1).values
    count = kept.sum(1, keepdim=True)  # (n, 1)
    taken = (share * count.double()).long().clamp(min=1).minimum(count)
    return _mean(lowest, torch.arange(values.shape[1], device=values.device) < taken)

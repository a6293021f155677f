"""Every pretraining-data detector on any causal language model, and how well its scores tell members from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core import InputError, component
from perdita.core.errors import MissingExtraError
from perdita.judge.pretraining_detection import (
    CAP,
    SHARE,
    aligned,
    dc_pdd,
    log_perplexity_ratio,
    mean_log_probability,
    min_k,
    min_k_plus_plus,
    token_log_probabilities,
    zlib_ratio,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class DetectionReport:
    """How well scores detect members."""

    auc: float
    accuracy: float  # balanced, at the best threshold
    tpr_at_fpr: float  # the largest true-positive rate with a false-positive rate below the limit


@component("dc-pdd")
def detection_report(
    scores: Float[Tensor, "n"] | Sequence[float],
    members: Bool[Tensor, "n"] | Sequence[int],
    *,
    false_positive_rate: float = 0.05,
) -> DetectionReport:
    """AUC, best balanced accuracy and the true-positive rate at few false positives.

    Args:
        scores: (n,) larger for a member.
        members: (n,) 1 (or True) for a text of the training data, 0 for another.
        false_positive_rate: the limit, which the rate stays below.

    Raises:
        InputError: scores that are not finite, one kind of text only, lengths that differ.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.metrics import auc, roc_curve
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-learn", "compare") from error
    score = torch.as_tensor(scores, dtype=torch.float64).cpu()
    member = torch.as_tensor(members).cpu()
    if score.shape != member.shape or score.ndim != 1:
        raise InputError(f"scores and members must have one shape (n,), not {score.shape} and {member.shape}")
    if not score.isfinite().all():
        raise InputError(f"scores must be finite; scores[{int((~score.isfinite()).int().argmax())}] is not")
    if ((member != 0) & (member != 1)).any() or len(member.unique()) < 2:
        raise InputError("members must hold 0 and 1, and both of them")
    false, true, _ = roc_curve(member.numpy(), score.numpy(), drop_intermediate=False)
    below = true[false < false_positive_rate]
    return DetectionReport(float(auc(false, true)), float((1 - (false + 1 - true) / 2).max()), float(below[-1]))


@component("dc-pdd")
@torch.no_grad()
def detector_scores(
    model: Callable[..., Any],
    tokenizer: Callable[[str], Any],
    texts: Sequence[str],
    token_counts: Int[Tensor, "v"] | None = None,
    *,
    max_tokens: int = 1024,
    batch_size: int = 8,
    share: float = SHARE,
    cap: float | None = CAP,
    reference_model: Callable[..., Any] | None = None,
    lowercase: bool = False,
) -> dict[str, Float[Tensor, "n"]]:
    """The scores of every detector for each text; one forward pass gives all that need no other model or text.

    Args:
        model: any causal language model of Hugging Face's form: model(input_ids=…, attention_mask=…) gives an object
            with logits, or the logits. In evaluation mode.
        tokenizer: tokenizer(text) gives token ids, or a mapping with input_ids. No padding token is needed.
        texts: at least two tokens each.
        token_counts: `token_frequencies` of a reference corpus by the same tokenizer; without it there is no dc_pdd.
        max_tokens: texts are cut there, for every detector alike.
        batch_size: texts in a forward pass.
        share: of Min-K% and Min-K%++.
        cap: of `dc_pdd`.
        reference_model: a smaller model with the same tokenizer; adds the score "reference".
        lowercase: adds the score "lowercase", for another forward pass.

    Returns:
        Detector's name → (n,) scores, larger for a likely member.

    Raises:
        InputError: a text of fewer than two tokens, token ids beyond the counts.
    """
    found: dict[str, list[Tensor]] = {}
    read = _reader(tokenizer, max_tokens)
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        own = _scores(read, model, batch, token_counts, share, cap, reference_model, lowercase)
        for name, scores in own.items():
            found.setdefault(name, []).append(scores.cpu())
    return {name: torch.cat(parts) for name, parts in found.items()}


@component("dc-pdd")
def detection_table(
    scores: Mapping[str, Float[Tensor, "n"]], members: Bool[Tensor, "n"] | Sequence[int]
) -> dict[str, DetectionReport]:
    """The report of each detector, from the best AUC down."""
    reports = {name: detection_report(own, members) for name, own in scores.items()}
    return dict(sorted(reports.items(), key=lambda item: -item[1].auc))


Rows = tuple[Tensor, Tensor]  # token ids (n, t), and which are no padding


def _scores(
    read: Callable[[Sequence[str]], Rows],
    model: Callable[..., Any],
    texts: Sequence[str],
    token_counts: Tensor | None,
    share: float,
    cap: float | None,
    reference_model: Callable[..., Any] | None,
    lowercase: bool,
) -> dict[str, Tensor]:
    logits, tokens, mask = _predictions(model, read(texts))
    log_probs = token_log_probabilities(logits, tokens)
    found = {
        "loss": mean_log_probability(log_probs, mask=mask),
        "zlib": zlib_ratio(log_probs, texts, mask=mask),
        "min_k": min_k(log_probs, share=share, mask=mask),
        "min_k_plus_plus": min_k_plus_plus(logits, tokens, share=share, mask=mask),
    }
    if token_counts is not None:
        found["dc_pdd"] = dc_pdd(log_probs, tokens, token_counts.to(tokens.device), cap=cap, mask=mask)
    others = {"reference": (reference_model, texts)} if reference_model is not None else {}
    if lowercase:
        others["lowercase"] = (model, [text.lower() for text in texts])
    for name, (other, other_texts) in others.items():
        own_logits, own_tokens, own_mask = _predictions(other, read(other_texts))
        own = token_log_probabilities(own_logits, own_tokens).to(log_probs.device)
        found[name] = log_perplexity_ratio(log_probs, own, mask=mask, other_mask=own_mask.to(mask.device))
    return found


def _reader(tokenizer: Callable[[str], Any], max_tokens: int) -> Callable[[Sequence[str]], Rows]:
    """Texts as rows of token ids, cut and filled up on the right, which no token of a causal model sees."""

    def read(texts: Sequence[str]) -> Rows:
        encoded = [tokenizer(text) for text in texts]
        ids = [list(one["input_ids"] if isinstance(one, Mapping) else one)[:max_tokens] for one in encoded]
        short = next((index for index, own in enumerate(ids) if len(own) < 2), None)
        if short is not None:
            raise InputError(f"texts must have at least two tokens each; {texts[short]!r} has {len(ids[short])}")
        longest = max(len(own) for own in ids)
        tokens = torch.tensor([own + [0] * (longest - len(own)) for own in ids])
        return tokens, torch.arange(longest) < torch.tensor([[len(own)] for own in ids])

    return read


def _predictions(model: Callable[..., Any], rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, the tokens that they predict, and which of these count, where the model is."""
    device = next((parameter.device for parameter in getattr(model, "parameters", tuple)()), rows[0].device)
    tokens, mask = rows[0].to(device), rows[1].to(device)
    out = model(input_ids=tokens, attention_mask=mask.long())
    return aligned(out if isinstance(out, Tensor) else out.logits, tokens, mask)

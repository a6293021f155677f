"""Training a model to foresee several tokens: one pass that asks for them behind every token, and its loss.

Source: Samragh et al., "Your LLM Knows the Future", 2025, arXiv 2507.11851, section 2. No official code is public; the
reduction of equation 1 is a choice, see `perdita.functional.latent_consistency`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.sequence.latent_consistency import latent_consistency
from perdita.nn.multi_token import may_attend

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from perdita.nn.multi_token import MultiTokenModel

IGNORED = -100


@dataclass(frozen=True)
class MultiTokenBatch:
    """Texts with masks behind their tokens; rows as in `perdita.nn.multi_token`."""

    tokens: Int[Tensor, "b r"]
    prefix: Int[Tensor, "r"]
    index: Int[Tensor, "r"]
    targets: Int[Tensor, "b r"]  # -100 where there is none
    previous: Int[Tensor, "b r"]  # the token just before the target
    anchors: Int[Tensor, "n"]  # rows of the tokens
    partners: Int[Tensor, "n k"]  # rows of the masks that predict the same token as each anchor
    paired: Bool[Tensor, "b n k"]  # which of them there are

    @property
    def position_ids(self) -> Int[Tensor, "r"]:
        """Place of the token that a row stands for, from 0."""
        return self.prefix - 1 + self.index

    @property
    def allowed(self) -> Bool[Tensor, "r r"]:
        """Which rows see which."""
        return may_attend(self.prefix, self.index, self.prefix, self.index)


@component("multi-token")
def multi_token_layout(
    tokens: Int[Tensor, "b n"], masks: int, *, loss_mask: Bool[Tensor, "b n"] | None = None
) -> MultiTokenBatch:
    """Put masks behind each token: one pass over the result stands for a prompt that ends at each of them.

    Args:
        tokens: (b, n) texts.
        masks: k, the number behind each.
        loss_mask: (b, n) True for tokens to be learnt: neither the prompt nor padding. No masks stand behind tokens
            before one that no text of the batch learns.

    Raises:
        InputError: fewer than one mask, texts of fewer than two tokens.
    """
    length = tokens.shape[1]
    if masks < 1 or length < 2:
        raise InputError(f"masks must be at least 1 and tokens at least 2 columns wide, not {masks} and {length}")
    device = tokens.device
    learnt = torch.ones_like(tokens, dtype=torch.bool) if loss_mask is None else loss_mask
    asked = torch.cat([learnt[:, 1:].any(0), learnt[:, -1:].any(0)])  # (n,) has masks behind it
    behind = torch.arange(masks + 1, device=device)
    kept = asked.unsqueeze(1) | (behind == 0)  # (n, k + 1)
    row = torch.where(kept, kept.flatten().cumsum(0).view_as(kept) - 1, 0)
    prefix = torch.arange(1, length + 1, device=device).unsqueeze(1).expand_as(kept)[kept]
    index = behind.expand_as(kept)[kept]

    aim = prefix + index  # of the target, from 0
    inside = aim < length
    place = aim.clamp_max(length - 1)
    targets = tokens[:, place].masked_fill(~(inside & learnt[:, place]), IGNORED)

    tall = torch.arange(length, device=device).unsqueeze(1) - behind[1:]  # (n, k) whose j-th mask meets the anchor
    source = tall.clamp_min(0)
    there = (tall >= 0) & kept[source, behind[1:]]
    return MultiTokenBatch(
        tokens[:, prefix - 1],
        prefix,
        index,
        targets,
        tokens[:, (aim - 1).clamp_max(length - 1)],
        row[:, 0],
        row[source, behind[1:]],
        there & learnt.unsqueeze(2),
    )


@component("multi-token")
def multi_token_loss(
    base_logits: Float[Tensor, "b r v"],
    sampler_logits: Float[Tensor, "b r v"],
    hidden: Float[Tensor, "b r d"],
    batch: MultiTokenBatch,
    *,
    consistency_weight: float = 1.0,
) -> dict[str, Tensor]:
    """Cross-entropies of the model and of its sampler over tokens and masks, and consistency of the masks' states.

    Args:
        base_logits: (b, r, v) of the states alone.
        sampler_logits: (b, r, v) of the sampler head.
        hidden: (b, r, d) the states.
        batch: of `multi_token_layout`.
        consistency_weight: of the third term.

    Returns:
        "base", "sampler", "consistency", and their sum as "loss".
    """
    parts = {
        "base": cross_entropy(base_logits.transpose(1, 2), batch.targets),
        "sampler": cross_entropy(sampler_logits.transpose(1, 2), batch.targets),
        "consistency": latent_consistency(
            hidden[:, batch.partners].flatten(0, 1),
            hidden[:, batch.anchors].flatten(0, 1),
            mask=batch.paired.flatten(0, 1),
        ),
    }
    return parts | {"loss": parts["base"] + parts["sampler"] + consistency_weight * parts["consistency"]}


@component("multi-token")
def fit_multi_token(
    model: MultiTokenModel,
    batches: Iterable[Int[Tensor, "b n"]],
    *,
    learning_rate: float = 2e-4,
    warmup: int = 0,
    consistency_weight: float = 1.0,
) -> list[dict[str, float]]:
    """Train masks, updates and sampler; the model around them stays as it is.

    Args:
        model: whose `learnt` parameters are trained by AdamW, without weight decay.
        batches: of texts, one for each step; the paper takes 50,000.
        learning_rate: flat, as in the paper.
        warmup: steps until it is reached.
        consistency_weight: as in `multi_token_loss`.

    Returns:
        The parts of each step's loss.
    """
    optimizer = torch.optim.AdamW(model.learnt(), lr=learning_rate, weight_decay=0.0, fused=True)
    course = []
    for step, tokens in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min(1.0, (step + 1) / (warmup + 1))
        batch = multi_token_layout(tokens, len(model.masks))
        hidden = model(batch.tokens, batch.prefix, batch.index)
        logits = model.base_logits(hidden), model.sampler_logits(batch.previous, hidden)
        parts = multi_token_loss(*logits, hidden, batch, consistency_weight=consistency_weight)
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
        course.append({name: float(part.detach()) for name, part in parts.items()})
    return course

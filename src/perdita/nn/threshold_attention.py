r"""Attention that drops keys with a score below a threshold, and measures distance over those that survive.

No positional encoding is used. For query i and the keys j <= i, with scores s_ij = q_i \cdot k_j * scale:

    m_ij = 1[s_ij > threshold]                       survivors
    n_ij = m_ij + m_i,j+1 + ... + m_ii               contextual distance: survivors from key to query, the key included
    a_ij = softmax_j(s_ij + log_gate_i n_ij)         over survivors; all 0 where there is none

Source: Opper et al., "TRA: Better Length Generalisation with Threshold Relative Attention",
TMLR 2025, arXiv 2503.23174, from the authors' notebook; the paper's tables were not read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perdita.core import InputError, component
from perdita.core.numerics import most_negative, widen

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

EPS = 1e-6  # of every root-mean-square normalisation here


def rms_norm(x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
    """x / sqrt(mean(x^2) + 1e-6) over the last dimension, without a gain."""
    return x * (x.square().mean(-1, keepdim=True) + EPS).rsqrt()


@component("tra")
def threshold_relative_attention(
    query: Float[Tensor, "b h q d"],
    key: Float[Tensor, "b h t d"],
    value: Float[Tensor, "b h t e"],
    log_gate: Float[Tensor, "b h q"],
    *,
    places: Int[Tensor, "b q"] | None = None,
    scale: float | None = None,
    threshold: float = 0.0,
    key_mask: Bool[Tensor, "b t"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b h q e"]:
    r"""Causal attention over the keys that survive the threshold, with a decay by contextual distance.

    The gradient is that of the survivors: none goes through the threshold. Scores and softmax are computed in float32
    at least. Time and memory grow as q t, as the notebook's, where q is t.

    Args:
        query: (b, h, q, d).
        key: (b, h, t, d).
        value: (b, h, t, e).
        log_gate: (b, h, q) logarithm of the decay for each survivor between, one for each query, below 0.
        places: (b, q) where among the keys each query stands; None for one query at every key.
        scale: of the scores; 1 / sqrt(d) unless given.
        threshold: scores up to it, the threshold itself included, are dropped.
        key_mask: (b, t); False drops a key for every query: padding.
        dropout: share of the softmax's inputs that are set to 0, as in the notebook; a dropped key stays dropped.

    Returns:
        (b, h, q, e) in the dtype of the value; 0 in rows without a survivor.

    Raises:
        InputError: other than t queries without their places.
    """
    if places is None and query.shape[-2] != key.shape[-2]:
        raise InputError(f"places must say where {query.shape[-2]} queries stand among {key.shape[-2]} keys")
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (widen(query) * scale) @ widen(key).transpose(-1, -2)  # (b, h, q, t)
    known = torch.arange(scores.shape[-1], device=scores.device)
    alive = (scores > threshold) & (known <= (known if places is None else places.unsqueeze(1)).unsqueeze(-1))
    if key_mask is not None:
        alive = alive & key_mask[:, None, None, :]
    seen = alive.to(scores.dtype).cumsum(-1)
    count = seen[..., -1:]
    logits = torch.addcmul(scores, widen(log_gate).unsqueeze(-1), (count + 1) - seen)  # the key counts where it is one
    logits = torch.where(alive, F.dropout(logits, dropout) if dropout else logits, most_negative(logits.dtype))
    return torch.where(count > 0, logits.softmax(-1) @ widen(value), 0.0).to(value.dtype)  # softmax: 0 where dropped


@component("tra")
class ThresholdRelativeAttention(nn.Module):
    """Self-attention of a decoder by `threshold_relative_attention`: in place of attention and positional encoding.

    Args:
        width: of the stream, a multiple of ``heads``.
        heads: number of heads.
        threshold: scores up to it are dropped.
        dropout: while it trains; the notebook has 0.01.
        normalize: whether queries and keys are normalised by their root mean square.
        bias: whether the maps to queries, keys and values have a bias; the notebook's have none.
        scale: of the scores; 1 / sqrt(width / heads) unless given.

    Raises:
        InputError: a width that the heads do not divide.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        threshold: float = 0.0,
        dropout: float = 0.0,
        normalize: bool = True,
        bias: bool = False,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise InputError(f"width must be a multiple of heads, but {width} is none of {heads}")
        self.heads, self.threshold, self.scale = heads, threshold, scale
        self.dropout, self.normalize = dropout, normalize
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.gate = nn.Linear(width, heads)
        self.output = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t w"], key_mask: Bool[Tensor, "b t"] | None = None) -> Float[Tensor, "b t w"]:
        """(b, t, width); a row without a survivor is the bias of the output map."""
        query, key, value = (
            own(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for own in (self.query, self.key, self.value)
        )  # (b, h, t, d)
        if self.normalize:
            query, key = rms_norm(widen(query)), rms_norm(widen(key))
        log_gate = F.logsigmoid(self.gate(x)).transpose(1, 2)  # (b, h, t)
        mixed = threshold_relative_attention(
            query,
            key,
            value,
            log_gate,
            scale=self.scale,
            threshold=self.threshold,
            key_mask=key_mask,
            dropout=self.dropout if self.training else 0.0,
        )
        return self.output(mixed.transpose(1, 2).flatten(2))


class TraBlock(nn.Module):
    """Attention and a gated feed-forward part; the stream itself is normalised before each, as in the notebook."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = ThresholdRelativeAttention(width, heads, dropout=dropout)
        self.rise = nn.Linear(width, 4 * width, bias=False)
        self.fall = nn.Linear(2 * width, width, bias=False)
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "b t w"]) -> Float[Tensor, "b t w"]:
        """The stream after the block."""
        x = rms_norm(x)
        x = rms_norm(x + self.attention(x))
        straight, gated = self.rise(x).chunk(2, -1)
        return x + self.fall(F.dropout(straight * F.silu(gated), self.dropout, self.training))


@component("tra")
class TraDecoder(nn.Module):
    """A language model of threshold relative attention, as in the authors' notebook: no positions, untied head.

    Args:
        tokens: number of tokens.
        width: of the stream; the notebook has 256.
        layers: number of blocks; 4 there.
        heads: number of heads; 4 there.
        dropout: of attention logits and feed-forward parts; 0.01 there.
    """

    def __init__(self, tokens: int, width: int = 256, layers: int = 4, heads: int = 4, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.blocks = nn.ModuleList(TraBlock(width, heads, dropout) for _ in range(layers))
        self.head = nn.Linear(width, tokens, bias=False)
        nn.init.uniform_(self.embedding.weight, -0.01, 0.01)
        nn.init.normal_(self.head.weight, 0.0, 0.02)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """(b, t, tokens) logits of the next token."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(rms_norm(x))


WRITE, READ, IGNORE, ZERO, ONE = range(5)  # tokens of the flip-flop language


@component("tra")
def flip_flop_batch(
    batch: int, length: int, ignore: float, *, generator: torch.Generator | None = None
) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """Sentences of the flip-flop language: pairs of an instruction and a bit; a read bit is the one last written.

    Args:
        batch: number of sentences.
        length: number of tokens, even and at least 4.
        ignore: probability of an ignore instruction; write and read share the rest. The first instruction is a write,
            the last a read.
        generator: source of randomness.

    Returns:
        (b, length) tokens WRITE, READ, IGNORE, ZERO or ONE, and where the bits stand that follow a read: what a model
        can know, and is judged on.

    Raises:
        InputError: an odd length, one below 4, a probability outside [0, 1].

    Source: Liu, Ash, Goel, Krishnamurthy, Zhang, "Exposing Attention Glitches with Flip-Flop Language Modeling",
    NeurIPS 2023, arXiv 2306.00946.
    """
    if length < 4 or length % 2:
        raise InputError(f"length must be even and at least 4, not {length}")
    if not 0 <= ignore <= 1:
        raise InputError(f"ignore must be in [0, 1], not {ignore!r}")
    pairs = length // 2
    draw = torch.rand(batch, pairs, generator=generator)
    other = torch.where(draw < ignore + (1 - ignore) / 2, WRITE, READ)
    instruction = torch.where(draw < ignore, IGNORE, other)
    instruction[:, 0], instruction[:, -1] = WRITE, READ
    bit = torch.randint(0, 2, (batch, pairs), generator=generator)
    place = torch.where(instruction == WRITE, torch.arange(pairs), 0).cummax(1).values  # of the last write
    bit = torch.where(instruction == READ, bit.gather(1, place), bit) + ZERO
    reads = torch.stack([torch.zeros_like(instruction, dtype=torch.bool), instruction == READ], 2)
    return torch.stack([instruction, bit], 2).flatten(1), reads.flatten(1)

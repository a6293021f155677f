"""A frozen language model that foresees several tokens at once, at mask tokens put behind its text.

Rows of its input are named by two numbers: ``prefix``, how many tokens of the text a row knows, and ``index``, 0 for
the last of those tokens itself and j for the j-th mask behind it. Row (i, 0) predicts token i + 1, row (i, j) token
i + 1 + j, both counted from 1.

Source: Samragh et al., "Your LLM Knows the Future", 2025, arXiv 2507.11851, section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core import InputError, component
from perdita.nn.gated_lora import add_gated_lora, open_gates
from perdita.nn.sampler_head import SamplerHead

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@component("multi-token")
def may_attend(
    prefix: Int[Tensor, "r"], index: Int[Tensor, "r"], key_prefix: Int[Tensor, "s"], key_index: Int[Tensor, "s"]
) -> Bool[Tensor, "r s"]:
    """Which rows see which: every token of the prefix, and of the masks those of one's own group up to oneself.

    With scalars in place of tensors it is the predicate that flex attention wants; the dense mask grows as r s.
    """
    prefix, index = prefix.unsqueeze(-1), index.unsqueeze(-1)
    text = (key_index == 0) & (key_prefix <= prefix)
    return text | ((key_prefix == prefix) & (key_index <= index) & (key_index > 0))


@component("multi-token")
class MultiTokenModel(nn.Module):
    """A decoder with mask tokens, gated low-rank updates and a sampler head; only these three are trained.

    Args:
        decoder: called with inputs_embeds, attention_mask (additive), position_ids, and past_key_values where a cache
            is used; gives the last states, or an object that holds them as ``last_hidden_state``.
        embedding: of tokens.
        unembedding: from states to logits.
        masks: k, the tokens foreseen at once.
        rank, alpha: of the updates, as in `GatedLoRALinear`.
        gated: False opens the updates at every token: an ordinary low-rank update, which changes the model's own
            predictions and loses the guarantee of `speculative_generate` to give the text of the frozen model.

    Raises:
        InputError: fewer than one mask, a decoder without linear layers.
    """

    def __init__(
        self,
        decoder: nn.Module,
        embedding: nn.Embedding,
        unembedding: nn.Module,
        masks: int = 8,
        *,
        rank: int = 128,
        alpha: float | None = None,
        gated: bool = True,
    ) -> None:
        super().__init__()
        if masks < 1:
            raise InputError(f"masks must be at least 1, not {masks}")
        add_gated_lora(decoder, rank, alpha=alpha)
        self.decoder, self.gated = decoder, gated
        self.embedding, self.unembedding = embedding.requires_grad_(False), unembedding.requires_grad_(False)
        weight = embedding.weight
        self.masks = nn.Parameter(weight.std() * torch.randn(masks, weight.shape[1]).to(weight))
        self.sampler = SamplerHead(weight.shape[1]).to(weight)

    @classmethod
    def from_causal_lm(cls, model: Any, masks: int = 8, **options: Any) -> MultiTokenModel:
        """Around a Hugging Face causal language model with rotary or learnt positions and nn.Linear layers."""
        return cls(model.base_model, model.get_input_embeddings(), model.get_output_embeddings(), masks, **options)

    def forward(
        self,
        tokens: Int[Tensor, "b r"],
        prefix: Int[Tensor, "r"],
        index: Int[Tensor, "r"],
        *,
        cached: int = 0,
        cache: Any = None,
    ) -> Float[Tensor, "b r d"]:
        """The last state of every row; masks ignore their token. The first ``cached`` tokens lie in the cache."""
        known = torch.arange(1, cached + 1, device=tokens.device)
        allowed = may_attend(prefix, index, torch.cat([known, prefix]), torch.cat([torch.zeros_like(known), index]))
        is_mask = index > 0
        text = self.embedding(tokens)
        embedded = torch.where(is_mask.unsqueeze(-1), self.masks[(index - 1).clamp_min(0)], text)
        barred = torch.zeros_like(allowed, dtype=text.dtype).masked_fill(~allowed, torch.finfo(text.dtype).min)
        given = {
            "inputs_embeds": embedded,
            "attention_mask": barred.expand(len(tokens), 1, *barred.shape),
            "position_ids": (prefix - 1 + index).expand(len(tokens), -1),
        }
        if cache is not None:
            given |= {"past_key_values": cache, "use_cache": True}
        with open_gates(self.decoder, is_mask if self.gated else torch.ones_like(is_mask)):
            found = self.decoder(**given)
        return getattr(found, "last_hidden_state", found)

    def base_logits(self, hidden: Float[Tensor, "*n d"]) -> Float[Tensor, "*n v"]:
        """Logits of the state alone."""
        return self.unembedding(hidden)

    def sampler_logits(self, previous: Int[Tensor, "*n"], hidden: Float[Tensor, "*n d"]) -> Float[Tensor, "*n v"]:
        """Logits of the state and the token just before the predicted one."""
        return self.unembedding(self.sampler(self.embedding(previous), hidden))

    def learnt(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

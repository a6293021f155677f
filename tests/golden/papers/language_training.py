"""Adapters for SequenceMatch, selective amnesia and multi-token prediction."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import perdita.functional as P
from perdita.nn.gated_lora import GatedLoRALinear
from perdita.nn.sampler_head import SamplerHead
from perdita.training.multi_token import multi_token_layout, multi_token_loss
from perdita.training.unlearning import selective_amnesia
from tests.golden.adapters import adapter
from tests.golden.reader import Reader

DIVERGENCES = {
    "none": "none", "chi": "chi2", "kl": "reverse-kl", "kl_fix": "kl-fixed", "js": "jensen-shannon",
    "hellinger": "hellinger",
}  # fmt: skip
VALUE_TERMS = {"value": "all", "value_expert": "data"}


@adapter("sequencematch")
def sequence_matching(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    form = read.param("form", among=("transition (IQ-Learn)", "sequence, absorbing tail summed in closed form"))
    return transitions(read) if form.startswith("transition") else sequences(read)


def transitions(read: Reader) -> dict[str, Any]:
    logits, next_logits = read.tensor("logits"), read.tensor("next_logits")
    is_data = read.constant("is_expert")
    penalty = read.param("mixture_regularizer", False, among=(True, False))
    divergence = DIVERGENCES[read.param("div", "none", among=tuple(DIVERGENCES))]
    weight = 1 / (4 * read.param("alpha", 0.5))
    tensors, given = (
        (logits, read.constant("action"), next_logits),
        {
            "done": read.constant("done") > 0,
            "is_data": is_data,
            "discount": read.param("gamma"),
            "value_term": VALUE_TERMS[read.param("value_term", among=tuple(VALUE_TERMS))],
            "data_share": is_data.double().mean().item(),
        },
    )
    read.done()

    def value(divergence: str, penalty_weight: float) -> torch.Tensor:
        return P.inverse_soft_q(*tensors, **given, divergence=divergence, penalty_weight=penalty_weight)

    plain = value("chi2-mixture", 0.0)
    loss = plain if divergence == "none" else value(divergence, weight)
    if penalty:  # the squares of all rewards, beside any divergence
        loss = loss + value("chi2-mixture", weight) - plain
    return {"loss": loss, **read.gradients(loss)}


def sequences(read: Reader) -> dict[str, Any]:
    logits, actions, lengths = read.tensor("logits"), read.constant("actions"), read.constant("lengths")
    is_data, discount = read.constant("is_data"), read.param("gamma")
    divergence = read.param("divergence", "chi2-mixture", among=("chi2-mixture", "chi2"))
    options = {"mixture_weight": read.param("c")} if divergence == "chi2-mixture" else {}
    read.param("note", None)
    read.done()
    labels = torch.cat([actions, torch.full_like(actions[:, :1], -100)], 1)
    labels = labels.masked_fill(torch.arange(labels.shape[1]) >= lengths.unsqueeze(1), -100)
    share = is_data.double().mean().item()
    given = {"discount": discount, "divergence": divergence, "data_share": share, **options}
    loss = P.sequence_match(logits.transpose(1, 2), labels, is_data=is_data, **given)
    nothing = torch.zeros_like(is_data)  # no data, and no penalty: what is left is the value term
    value = P.sequence_match(logits.transpose(1, 2), labels, is_data=nothing, **given | {"mixture_weight": 0.0})
    return {"loss": loss, "value_term_equals_V0": value, **read.gradients(loss)}


@adapter("unlearning-sha256")
def selective(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, ids, factor = read.tensor("logits"), read.constant("input_ids"), read.constant("factor")
    labels = ids.masked_fill(read.constant("loss_mask") == 0, -100)
    reference = read.param("previous_retain_avg_loss")
    weighing = {name: read.param(name, value) for name, value in (("a", 0.3), ("b", 6), ("c", 0.8))}
    weighing |= {"low": read.param("alpha_min", 1.2), "high": read.param("alpha_max", 2.3)}
    decimals, epoch = read.param("round_decimals", 1), read.param("epoch")
    read.done()
    reference = reference if epoch >= 1 else None
    parts = selective_amnesia(logits, labels, factor, reference=reference, decimals=decimals, **weighing)
    alpha = parts["alpha"] * (factor > 0).any()  # where nothing is to be retained, the released code writes 0
    return {
        "loss": parts["loss"],
        **read.gradients(parts["loss"]),
        "alpha": alpha,
        "delta_retain_loss": parts["increase"].item(),
        "neg_forget_loss": -parts["forget"],
        "alpha_times_retain_loss": alpha * parts["retain"],
    }


@adapter("multi-token")
def multi_token(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    tokens, z = read.constant("tokens").unsqueeze(0), read.tensor("z")
    masks = read.param("k")
    read.param("n", among=(tokens.shape[1],))
    batch = multi_token_layout(tokens, masks)
    lora, gate = gated_layer(read), batch.index > 0
    embedding, unembedding = read.constant("embedding"), read.constant("unembedding")
    sampler = SamplerHead(z.shape[1], affine=read.param("layernorm_affine")).double()
    mlp = read.value("mlp")
    weights = {"first.weight": "W1", "first.bias": "b1", "second.weight": "W2", "second.bias": "b2"}
    sampler.load_state_dict({name: torch.tensor(mlp.pop(key), dtype=torch.float64) for name, key in weights.items()})
    assert not mlp
    read.param(
        "lcm_reduction",
        among=("mean over features, then over the set S(z_t), then over anchors that have a non-empty set",),
    )
    read.param("mlp_input", among=("[embedding of previous token ; z]",))
    hidden = torch.tensor(read.value("hidden_for_lora"), dtype=torch.float64)
    read.done()
    state = z.unsqueeze(0)
    sampled = sampler(embedding[batch.previous], state) @ unembedding.T
    parts = multi_token_loss(state @ unembedding.T, sampled, state, batch)
    aims = (batch.prefix + batch.index).tolist()
    return {
        "rows_prefix_and_mask_index": torch.stack([batch.prefix, batch.index], 1),
        "position_ids": batch.position_ids,
        "target_index": [
            aim if known else None for aim, known in zip(aims, (batch.targets[0] >= 0).tolist(), strict=True)
        ],
        "attention_allowed": batch.allowed.long(),
        "gate": gate.double(),
        "gated_lora_output": lora(hidden, gate),
        "base_ce": parts["base"],
        "sampler_ce": parts["sampler"],
        "lcm": parts["consistency"],
        "loss": parts["loss"],
        **read.gradients(parts["loss"]),
    }


def gated_layer(read: Reader) -> GatedLoRALinear:
    weight, down, up = (read.constant(name) for name in ("W", "lora_A", "lora_B"))
    base = nn.Linear(weight.shape[1], weight.shape[0], bias=False).double()
    layer = GatedLoRALinear(base, len(down), alpha=read.param("lora_scale") * len(down))
    layer.load_state_dict({"base.weight": weight, "down": down, "up": up})
    return layer

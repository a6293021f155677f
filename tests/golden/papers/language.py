"""Adapters for preferences, stable pre-training, pretraining-data detection and threshold attention."""

from __future__ import annotations

from typing import Any

import torch

import perdita.functional as P
from perdita.judge.pretraining_detection import (
    dc_pdd,
    first_occurrences,
    mean_log_probability,
    min_k,
    min_k_plus_plus,
    smoothed_frequencies,
    token_log_probabilities,
)
from perdita.nn.threshold_attention import ThresholdRelativeAttention
from perdita.training.stability import ScaledEmbedding, ffn_jacobian_bound, initial_std, layer_norm_jacobian_norm
from tests.golden.adapters import adapter
from tests.golden.reader import Reader

LOGPS = ("policy_chosen", "policy_rejected", "ref_chosen", "ref_rejected")
WEIGHTS = {  # of threshold relative attention
    "Wq": "query.weight", "Wk": "key.weight", "Wv": "value.weight", "Wdelta": "gate.weight", "bdelta": "gate.bias",
    "Wo": "output.weight", "bo": "output.bias",
}  # fmt: skip


@adapter("spo")
def self_supervised_preference(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logps = [read.tensor(f"{name}_logps") for name in LOGPS]
    degrees = [read.tensor(f"degree_logits_{side}") for side in ("chosen", "rejected")]
    beta, weight = read.param("beta", 0.1), read.param("gamma", 0.5)
    read.param("num_degrees", degrees[0].shape[1], among=(degrees[0].shape[1],))
    align, reduction = read.param("align", "dpo"), read.param("reduction", "mean")
    read.done()
    loss = P.spo(*logps, *degrees, beta=beta, degree_weight=weight, align=align, reduction=reduction)
    return {
        "loss": loss,
        **read.gradients(loss),
        f"loss_{align}": getattr(P, align)(*logps, beta=beta, reduction=reduction),
        "loss_degree": sum(P.preference_degree(one, reduction=reduction) for one in degrees) / 2,
    }


@adapter("spike-no-more")
def spike_no_more(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    kind = read.param("kind", among=("layernorm_jacobian", "init_std", "ffn_block_bound"))
    if kind == "layernorm_jacobian":
        x, eps = read.tensor("x"), read.param("eps", 0.0)
        read.param("affine", False, among=(False,))
        read.done()
        jacobian = torch.func.jacrev(lambda x: torch.nn.functional.layer_norm(x, x.shape, eps=eps))(x)
        return {
            "spectral_norm": layer_norm_jacobian_norm(x, eps=eps),
            "one_over_std": torch.linalg.matrix_norm(jacobian, 2),
        }
    if kind == "init_std":
        width, layers = read.param("d_model"), read.param("num_layers")
        read.done()
        one = ScaledEmbedding(1, width, mode="scale").double()
        torch.nn.init.constant_(one.weight, initial_std(width))
        return {
            "std_default": initial_std(width),
            "std_attention_out_and_ffn_out": initial_std(width, layers),
            "std_embedding_after_scaling_by_sqrt_d": one(torch.tensor(0))[0],
            "std_embedding_vanilla": initial_std(width),
        }
    sizes = [read.param(name) for name in ("d_model", "d_ffn", "sigma1", "sigma2", "sigma_x")]
    read.done()
    return {"bound": ffn_jacobian_bound(*sizes)}


@adapter("dc-pdd")
def pretraining_data_detection(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, tokens = read.constant("logits").unsqueeze(0), read.constant("token_ids").unsqueeze(0)
    counts = read.constant("reference_counts")
    cap, share = read.param("a", 0.01), read.param("k", 0.2)
    first = read.param("first_occurrence_only", True, among=(True, False))
    read.param("smoothing", "laplace +1", among=("laplace +1",))
    read.done()
    log_probs = token_log_probabilities(logits, tokens)
    counted = first_occurrences(tokens) if first else torch.ones_like(tokens)
    kept = counted[0].nonzero().flatten()
    each = [
        dc_pdd(log_probs[:, [i]], tokens[:, [i]], counts, cap=cap, first_occurrence=first).item() for i in kept.tolist()
    ]
    score = dc_pdd(log_probs, tokens, counts, cap=cap, first_occurrence=first)[0]
    return {
        "loss": score,
        "score": score,
        "per_token_cross_entropy": each,
        "kept_positions": kept,
        "token_logprob": log_probs[0],
        "nll": -mean_log_probability(log_probs)[0],
        "min_k_prob": min_k(log_probs, share=share)[0],
        "min_k_pp": min_k_plus_plus(logits, tokens, share=share)[0],
        "frequency_smoothed": smoothed_frequencies(counts),
    }


@adapter("tra")
def threshold_relative(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    x, upstream = read.tensor("x"), read.constant("upstream")
    read.param("qk_norm", among=("rms, eps 1e-6, no affine",))
    read.param("note", None)
    heads = read.param("n_heads")
    options = {"threshold": read.param("threshold", 0.0), "dropout": read.param("dropout", 0.0, among=(0.0,))}
    root = torch.tensor(x.shape[-1] / heads, dtype=torch.float32).sqrt().item()  # the notebook takes it in float32
    attention = ThresholdRelativeAttention(x.shape[-1], heads, scale=1 / root, **options).double()
    attention.load_state_dict({own: read.constant(name) for name, own in WEIGHTS.items()})
    read.done()
    output = attention(x)
    loss = (output * upstream).sum()
    leaves = {f"grad_{name}": attention.get_parameter(own) for name, own in WEIGHTS.items()}
    found = torch.autograd.grad(loss, leaves.values(), retain_graph=True)
    return {"loss": loss, "output": output, **read.gradients(loss), **dict(zip(leaves, found, strict=True))}

"""Adapters for losses of lists and of a positive against its negatives."""

from __future__ import annotations

from typing import Any

import torch

import perdita.functional as P
from perdita.core.numerics import normalize
from perdita.losses.ranking.mann_whitney import split_in_batch
from perdita.nn.cross_network import ExponentialCross, LinearCross
from tests.golden.adapters import adapter
from tests.golden.reader import Reader

IN_BATCH = (
    "scores (B, B+B*H): columns 0..B-1 the positives of the batch, diagonal = own positive; then the hard negatives of "
    "all queries"
)


@adapter("mw-auc")
def mw_auc(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    scores = read.tensor("scores")
    kind, temperature = read.param("kind", among=("mw", "contrastive")), read.param("tau")
    negatives = {"paper": "sum", "mean": "mean"}[read.param("reduction", among=("paper", "mean"))]
    assert scores.shape[1] == len(scores) * (1 + read.param("num_hard"))
    read.param("layout", among=(IN_BATCH,))
    read.done()
    positive, negative = split_in_batch(scores)
    if kind == "mw":
        loss = P.mann_whitney(positive, negative, temperature=temperature, negatives=negatives)
    else:
        loss = P.sampled_softmax(positive, negative, temperature=temperature)
    return {"loss": loss, **read.gradients(loss)}


@adapter("simplex-ccl")
def simplex_ccl(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    margin, weight = read.param("margin"), read.param("negative_weight")
    if read.has("scores"):
        scores = read.tensor("scores")
        read.param("layout", among=("scores[:,0] is the positive",))
    else:
        user, items = read.tensor("user"), read.tensor("items")
        read.param("layout", among=("items[:,0] is the positive; cosine similarity",))
        scores = torch.einsum("nd,nkd->nk", normalize(user), normalize(items))
    read.done()
    given = {"negative_weight": weight} if weight else {"negatives": "sum", "negative_weight": 1.0}  # none, or 0
    loss = P.cosine_contrastive(scores[:, 0], scores[:, 1:], margin=margin, **given)
    return {"loss": loss, **read.gradients(loss)}


@adapter("fcn-tribce")
def fcn_tribce(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    kind = read.param("kind", among=("tri_bce", "ecn", "lcn"))
    if kind == "tri_bce":
        branches = [read.tensor("logit_exponential"), read.tensor("logit_linear")]
        target, detached = read.constant("target").squeeze(1), read.param("detach_weights", among=(True, False))
        read.param("final_logit", among=("mean of the two logits",))
        read.done()
        sides = torch.cat(branches, 1)
        fused = sides.mean(1)
        loss = P.tri_bce(fused, sides, target, detach_weights=detached)
        parts = [P.binary_cross_entropy(logits, target) for logits in (fused, *sides.T)]
        named = dict(zip(("loss_final", "loss_exponential", "loss_linear"), parts, strict=True))
        return {"loss": loss, **named, **read.gradients(loss)}
    x, weights, biases = read.tensor("x"), read.constant("w"), read.constant("b")
    norm = read.param("layer_norm", among=("affine default (gamma 1, beta 0), eps 1e-5", False, None))
    read.param("dropout", 0, among=(0,))
    network = {"ecn": ExponentialCross, "lcn": LinearCross}[kind]
    made = network(x.shape[-1], read.param("layers"), layer_norm=bool(norm)).double()
    state = {f"weights.{index}.weight": weight for index, weight in enumerate(weights)}
    state |= {f"biases.{index}": bias for index, bias in enumerate(biases)}
    state |= {"readout.weight": read.constant("fc_weight"), "readout.bias": read.constant("fc_bias")}
    read.done()
    missing, unexpected = made.load_state_dict(state, strict=False)
    assert all(name.startswith("norms.") for name in missing)
    assert not unexpected
    logit = made(x).unsqueeze(-1)
    return {"loss": logit.sum(), "logit": logit, **read.gradients(logit.sum())}

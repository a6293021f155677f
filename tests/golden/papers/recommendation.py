"""Adapters for debiased recommendation, guided batches and aspect distillation."""

from __future__ import annotations

from typing import Any

import torch

import perdita.functional as P
from perdita.training.aspect_answers import yes_no_targets
from perdita.training.causal_balancing import ips_estimate, kernel_balance_gap, kernel_balance_loss, kernel_functions
from perdita.training.guided_batches import guided_order, repeats
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("kernel-balancing")
def kernel_balancing(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The objective of the weights with both of its terms, or the weighted loss of the predictions."""
    read = Reader(inputs, params)
    if read.has("kind"):
        read.param("kind", among=("kbips_prediction_loss",))
        read.param("reduction", among=("mean of w*bce over the batch, not self-normalised",))
        logits, target, weights = read.tensor("logits"), read.constant("target"), read.constant("weights")
        read.done()
        loss = ips_estimate(P.binary_cross_entropy(logits, target, reduction="none"), weights)
        return {"loss": loss, **read.gradients(loss)}
    weights, observed, everything = (
        read.tensor("weights"), read.constant("features_observed"), read.constant("features_all"),
    )  # fmt: skip
    read.param("anchor_rows", among=("indices into features_all",))
    anchors = everything[read.constant("anchors")]
    shape = {"kernel": read.param("kernel"), "gamma": read.param("bandwidth")}
    hinges = {"sum_then_hinge": "sum", "per_function": "per_function"}
    options = {
        "slack": read.param("slack"),
        "coefficient": read.param("gamma"),
        "hinge": hinges[read.param("hinge", among=tuple(hinges))],
    }
    read.done()
    gap = kernel_balance_gap(observed, weights, everything, anchors, **shape)
    loss = kernel_balance_loss(weights, gap, **options)
    balance = kernel_balance_loss(weights, gap, **options, entropy=False)
    of_all = kernel_functions(everything, anchors, **shape).mean(0)
    terms = {"entropy": loss - balance, "balance": balance, "h_all": of_all, "h_obs": of_all - gap}
    return {"loss": loss, **terms, **read.gradients(loss)}


@adapter("g-simclr")
def g_simclr(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The contrastive loss of two views, or the order of the items and each full batch's repeats."""
    read = Reader(inputs, params)
    if read.param("kind", among=("nt_xent", "guided_order")) == "nt_xent":
        first, second, temperature = read.tensor("z1"), read.tensor("z2"), read.param("temperature")
        read.done()
        item = torch.arange(len(first)).repeat(2)
        loss = P.nt_xent(torch.cat([first, second]), item, temperature=temperature)
        return {"loss": loss, **read.gradients(loss)}
    labels, size = read.constant("cluster_labels"), read.param("batch_size")
    read.param("sort", among=("by (rank within cluster, cluster id, index)",))
    read.done()
    order = guided_order(labels)
    full = [batch for batch in labels[order].split(size) if len(batch) == size]
    return {"order": order, "duplicates_per_full_batch": [repeats(batch) for batch in full]}


@adapter("multi-aspect-kd")
def multi_aspect_kd(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The loss of outputs that hold the classes' and then the aspects' logits, and each of its terms with its weight.

    The hard answers of one case are no softmax of the logits beside them; the others are.
    """
    read = Reader(inputs, params)
    outputs, target, answers = read.tensor("input"), read.constant("target"), read.constant("aspect_targets")
    logits = outputs.split([read.param("num_classes"), read.param("num_aspects")], 1)
    said = read.constant("yes_logits", None), read.constant("no_logits", None)
    if said[0] is not None and not bool(((answers == 0) | (answers == 1)).all()):
        assert torch.allclose(yes_no_targets(*said), answers, rtol=1e-12)
    mask = read.constant("aspect_mask", None)
    mask = None if mask is None else mask.bool().view(len(mask), -1).expand(answers.shape)
    alpha, weight = read.param("alpha", 4.0), read.param("ce_weight", 1.0)
    read.done()

    def value(aspect_weight: float, label_weight: float) -> Any:
        return P.multi_aspect_distillation(
            *logits, target, answers.double(), aspect_mask=mask, aspect_weight=aspect_weight, label_weight=label_weight
        )

    loss = value(alpha, weight)
    return {"loss": loss, "loss_ce": value(0, weight), "loss_aspect": value(alpha, 0), **read.gradients(loss)}

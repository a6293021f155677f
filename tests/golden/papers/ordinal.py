"""Adapters for losses/ordinal, judge/rasch and nn/linear_heads."""

from __future__ import annotations

from typing import Any

import torch

import perdita.functional as P
from perdita.judge.rasch import ManyFacetRasch, category_moments, infit_outfit
from perdita.losses.ordinal.cumulative import conditional_survival, ordinal_softmax, predicted_rank
from perdita.nn.linear_heads import NaiveBayesHead
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, UnreadError

RASCH_MODEL = "theta_p - delta_i - alpha_j - tau_ik"


@adapter("ordinal-rasch")
def ordinal_rasch(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The ordinal cross-entropy, or the many-facet model where there are texts, items and raters."""
    read = Reader(inputs, params)
    if read.has("theta"):
        return many_facets(read)
    logits, target = read.tensor("input"), read.constant("target")
    kind = read.param("kind", among=("coral_ordinal_cross_entropy", "corn_ordinal_cross_entropy", "coral", "corn"))
    weights, classes = read.option("importance_weights", None), read.param("num_classes")
    shared = {"ignore_index": read.param("ignore_index", -100), "reduction": read.param("reduction", "mean")}
    read.done()
    if logits.shape[1] != classes - 1:
        raise UnreadError(f"num_classes is {classes}, but there are {logits.shape[1]} thresholds")
    if kind.startswith("corn"):
        if weights is not None:
            raise UnreadError("importance_weights belong to the cumulative form")
        survival = conditional_survival(logits)
        loss = P.corn(logits, target, **shared)
        return {"loss": loss, "predicted_rank": (survival > 0.5).sum(1), **read.gradients(loss)}
    importance = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    loss = P.ordinal_cross_entropy(logits, target, importance_weight=importance, **shared)
    found = {"loss": loss, "ordinal_softmax": ordinal_softmax(logits), "predicted_rank": predicted_rank(logits)}
    return {**found, **read.gradients(loss)}


def many_facets(read: Reader) -> dict[str, Any]:
    """The mean negative log-likelihood, moments and fit statistics of a scale that is given."""
    blocks = [read.tensor(name) for name in ("theta", "item_difficulty", "rater_severity", "step")]
    places = [read.constant(f"{facet}_index") for facet in ("person", "item", "rater")]
    target = read.constant("target")
    read.param("model", among=(RASCH_MODEL,))
    scale = ManyFacetRasch(*blocks, torch.tensor(read.param("num_categories")))
    read.done()
    log_probs = scale.log_probabilities(*places)
    loss = -log_probs.gather(1, target.unsqueeze(1)).mean()
    mean, variance = category_moments(log_probs)
    infit, outfit = infit_outfit(target, mean, variance, torch.zeros_like(target))
    return {
        "loss": loss,
        "probs": log_probs.exp(),
        "expected_score": mean,
        "variance": variance,
        "infit_all": infit.item(),
        "outfit_all": outfit.item(),
        **read.gradients(loss),
    }


@adapter("discriminative-vs-generative")
def discriminative_vs_generative(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Naive Bayes with shared variances, fitted in equal chunks."""
    read = Reader(inputs, params)
    x, y, test = read.constant("X_train"), read.constant("y_train"), read.constant("X_test")
    head = NaiveBayesHead(x.shape[1], int(y.max()) + 1, var_epsilon=read.param("var_eps", 1e-9))
    chunks = read.param("partial_fit_chunks", 1)
    read.done()
    for rows, labels in zip(x.chunk(chunks), y.chunk(chunks), strict=True):
        head.partial_fit(rows, labels)
    layer = head.to_linear()
    return {
        "class_mean": head.class_mean,
        "class_prior": head.class_prior,
        "pooled_var": head.pooled_var,
        "joint_log_score": head.joint_log_score(test),
        "linear_weight": layer.weight.detach(),
        "linear_bias": layer.bias.detach(),
        "predict": head(test).argmax(1),
    }

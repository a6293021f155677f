"""Adapters for losses over whole batches, bags and draws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import perdita.functional as P
from perdita.compound.random_loss import calibrated_derivatives, random_calibrated_loss
from perdita.losses.calibration.correctness import correctness
from perdita.losses.classification.bag_responses import fit_linear_aggregate, stack_bags
from perdita.losses.distribution.sampled import outcome_counts, power_distance, sequential_cross_entropy
from perdita.nn.temperature import consistency_features
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, UnreadError

METRICS = {
    "fbeta": "f_score",
    "f1": "f_score",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "ba": "balanced_accuracy",
    "gmean": "g_mean",
    "mcc": "matthews",
    "jaccard": "jaccard",
}


@adapter("anyloss")
def anyloss(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, target = read.tensor("input_logits"), read.constant("target")
    if read.has("input_prob"):  # the same, seen through the sigmoid
        torch.testing.assert_close(logits.detach().sigmoid(), read.constant("input_prob"), rtol=1e-12, atol=0.0)
    metric = METRICS[read.param("metric", "f1", among=tuple(METRICS))]
    read.param("eps", 0.0, among=(0.0,))  # what the extended code adds to denominators, and the paper does not
    loss = P.any_loss(
        logits, target, metric=metric, beta=read.param("beta", 1.0), steepness=float(read.param("L", 73.0))
    )
    read.done()
    return {"loss": loss, **read.gradients(loss)}


@adapter("proper-discrete")
def proper_discrete(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.param("kind", "polynomial", among=("polynomial", "sequential_cross_entropy")) != "polynomial":
        return replayed(read)
    categories = read.param("num_categories")
    model, target = (outcome_counts(read.constant(f"{whose}_samples"), categories) for whose in ("model", "target"))
    read.done()

    def estimate(power: int, include_target: bool = True) -> Tensor | None:
        """None where there are too few draws for it."""
        if model.sum() < power or target.sum() < power - (not include_target):
            return None
        return power_distance(model, target, power=power, include_target=include_target)

    return {
        "squared_l2_unbiased": estimate(2),
        "squared_l2_loss_without_target_term": estimate(2, include_target=False),
        "l4_unbiased": estimate(4),
        "l4_loss_without_target_term": estimate(4, include_target=False),
    }


def replayed(read: Reader) -> dict[str, Any]:
    """The waiting times of recorded draws, and what they estimate."""
    target, rows = read.constant("target_samples"), read.value("model_draws_until_hit")
    log_probs = read.constant("p").log()
    read.done()
    recorded = [iter(row) for row in rows]
    found = sequential_cross_entropy(lambda index: torch.tensor([next(recorded[i]) for i in index.tolist()]), target)
    assert found.hit.all()
    expected = P.nll(log_probs.expand(len(target), -1), target, reduction="none")
    return {"loss_none": found.values, "loss": found.values.mean(), "expected_value_none": expected}


@adapter("rankmixup")
def rankmixup(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, target = read.tensor("input"), read.constant("target")
    mixtures = read.param("num_mixup")
    assert len(read.value("lam")) == mixtures  # the shares themselves play no part
    kind = {"mrl": "margin", "mndcg": "ndcg"}[read.param("kind", among=("mrl", "mndcg"))]
    # mixtures below each other become a last dimension
    mixed, mixed_target = (
        tensor.reshape(mixtures, *logits.shape).permute(1, 2, 0)
        for tensor in (read.tensor("mixup_input"), read.constant("mixup_target"))
    )
    alpha, margin = read.param("alpha", 0.1), read.param("margin", 2.0)
    read.done()
    loss = P.rank_mixup(logits, target, mixed, mixed_target, kind=kind, ranking_weight=alpha, margin=margin)
    ranking = P.mixup_ndcg(logits, mixed, mixed_target)
    if kind == "margin":
        ranking = P.mixup_margin(logits, mixed, mixed_target, margin=margin)
    entropy = P.cross_entropy(logits, target)
    return {"loss": loss, "loss_ce": entropy, "loss_rank": ranking, **read.gradients(loss)}


@adapter("calibration-correctness")
def calibration_correctness(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits = read.constant("logits")
    if read.param("kind", "loss", among=("loss", "features")) == "features":
        transformed, top = read.constant("logits_transformed"), read.param("k")
        read.done()
        return {"features": consistency_features(logits, transformed.transpose(0, 1), top=top)}
    target, temperature = read.constant("target"), read.tensor("temperature", None)
    balanced = read.param("balanced", False, among=(True, False))
    read.done()
    criterion = P.balanced_correctness_aware if balanced else P.correctness_aware
    loss = criterion(logits, target, temperature=temperature)
    return {"loss": loss, "correct": correctness(logits, target), **read.gradients(loss)}


POINTWISE = {"mse": P.bag_squared_error, "bce": P.bag_binary_cross_entropy, "ce": P.bag_cross_entropy}


@adapter("aggregate-responses")
def aggregate_responses(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    index, target, rho = read.constant("bag_index"), read.constant("bag_target"), read.param("rho")
    if read.has("X"):
        features = read.constant("X")
        read.done()
        return {"theta_hat": fit_linear_aggregate(features, index, target, instance_weight=rho)}
    outputs = read.tensor("input")
    criterion = POINTWISE[read.param("pointwise", "mse", among=tuple(POINTWISE))]
    read.param("bag_average", None, among=(None, "mean over bags of (mean over members)"))
    by_size = read.param("bag_weight", "equal", among=("equal", "size")) == "size"
    reduction = read.param("reduction", "mean", among=("mean", "sum", "none"))
    counted = read.constant("weight", torch.ones_like(index))
    read.done()
    if set(counted.tolist()) - {0, 1}:
        raise UnreadError("weight is 0 for a member that is left out and 1 for others")
    counted = counted.bool()
    bags, place = index[counted].unique(return_inverse=True)  # bags without members leave the mean
    stacked, members = stack_bags(outputs[counted], place, len(bags))
    stacked = stacked.movedim(1, -1)  # the members come last, behind the classes
    sizes = members.sum(1).to(outputs.dtype) if by_size else None
    loss, bag, instance = (
        criterion(stacked, target[bags], instance_weight=share, members=members, weight=sizes, reduction=reduction)
        for share in (rho, 0.0, 1.0)
    )
    found = {"loss": loss, "bag_loss": bag, "instance_loss": instance, **read.gradients(loss)}
    return found | ({"within_bag_variance": instance - bag} if criterion is P.bag_squared_error else {})


@adapter("ensloss")
def ensloss(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, target, draws = read.tensor("input"), read.constant("target"), read.constant("normal_draws")
    given = {"power": read.param("lam", 0.0), "floor": read.param("eps", 1e-6)}
    read.done()
    loss = random_calibrated_loss(logits, target, draws, **given)
    margin = logits.detach() * (2 * target - 1)
    return {"loss": loss, "derivative": calibrated_derivatives(margin, draws, **given), **read.gradients(loss)}

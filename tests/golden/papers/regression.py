"""Adapters for losses/forecasting, losses/regression and losses/value."""

from __future__ import annotations

import math
from typing import Any

import torch

import perdita.functional as P
from perdita.losses.imbalance.label_density import density_importance, label_density
from perdita.losses.regression.with_classification import bin_targets
from perdita.losses.value.entropic import entropic_certainty_equivalent
from perdita.losses.value.histogram import bellman_atoms, bin_centers, histogram_mean, hl_gauss_targets, project
from perdita.training.stratified_batches import strata
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, UnreadError


@adapter("timeseries-survey")
def timeseries_survey(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """All 14 losses of one pair; ``*_code`` and ``nrmse_std_pred`` are the variants of the released code."""
    read = Reader(inputs, params)
    prediction, target = read.tensor("input"), read.constant("target")
    delta, level = read.param("delta", 1.0), read.param("q", 0.5)
    read.done()
    pair = (prediction, target)
    found = {
        "mae": P.l1(*pair),
        "mse": P.mse(*pair),
        "mbe": P.mean_bias_error(*pair),
        "rae": P.relative_absolute_error(*pair),
        "rse": P.relative_squared_error(*pair),
        "mape": P.mape(*pair),
        "rmse": P.rmse(*pair),
        "nrmse_mean": P.normalized_rmse(*pair, scale="mean") * target.mean().sign(),  # perdita divides by its size
        "nrmse_range": P.normalized_rmse(*pair, scale="range"),
        "nrmse_std": P.normalized_rmse(*pair, scale="std"),
        "nrmse_std_pred": P.normalized_rmse(*pair, scale="prediction_std"),
        "rrmse": P.relative_rmse(*pair),
        "rrmse_code": P.relative_rmse(*pair, averaged=False),
        "huber": P.huber(*pair, delta=delta),
        "log_cosh": P.log_cosh(*pair),
        "quantile": P.quantile(*pair, level=level),
        "q_risk": P.quantile_risk(*pair, level=level),
    }
    if (target >= 0).all():  # below, perdita takes no logarithms
        found |= {"msle": P.msle(*pair), "rmsle": P.rmsle(*pair)}
    gradients = {f"grad_input_{name}": read.gradients(value)["grad_input"] for name, value in found.items()}
    return {**found, **gradients}


@adapter("hl-gauss")
def hl_gauss(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """HL-Gauss with two-hot on the centres of its bins, or the backup of C51 where there is a reward."""
    read = Reader(inputs, params)
    logits = read.tensor("input")
    low, high = read.param("v_min"), read.param("v_max")
    if read.has("reward"):
        return c51(read, logits, low, high)
    target, bins = read.constant("target"), read.param("num_bins")
    width = (high - low) / bins
    ratio = read.param("sigma_to_bin_ratio", 0.75)
    sigma = read.param("sigma", ratio * width)
    clamped = read.param("clamp_to_range", True, among=(False, True))
    read.done()
    if "sigma_to_bin_ratio" in params and abs(sigma - ratio * width) > 1e-12:
        raise UnreadError(f"sigma is {sigma}, which is not {ratio} times the width of a bin, {width}")
    support = {"low": low, "high": high}
    scores = logits.movedim(-1, 1)  # the vectors hold the bins last
    options = {"sigma_ratio": sigma / width, "clamp": clamped, **support}
    probs = hl_gauss_targets(target, bins, **options)
    centers = bin_centers(low, high, bins, target)
    inner = {"low": centers[0].item(), "high": centers[-1].item()}
    two_hot = project(target.unsqueeze(1), torch.ones_like(target).unsqueeze(1), bins, **inner)
    loss = P.hl_gauss(scores, target, **options)
    return {
        "loss": loss,
        "target_probs": probs.movedim(1, -1),
        "decoded_value": histogram_mean(scores, centers),
        "decoded_target": histogram_mean(probs.log(), centers),
        "two_hot_probs": two_hot.movedim(1, -1),
        "two_hot_loss": P.two_hot(scores, target, **inner),
        **read.gradients(loss),
    }


def c51(read: Reader, logits: torch.Tensor, low: float, high: float) -> dict[str, Any]:
    """One distributional backup."""
    next_probs, reward, done = (read.constant(name).double() for name in ("next_probs", "reward", "done"))
    atoms, discount = read.param("num_atoms"), read.param("gamma")
    read.done()
    places = bellman_atoms(reward, discount * (1 - done), atoms, low=low, high=high)
    loss = P.categorical_projection(logits, next_probs, places, low=low, high=high)
    probs = project(places, next_probs, logits.shape[1], low=low, high=high)
    return {"loss": loss, "target_probs": probs, **read.gradients(loss)}


@adapter("itakura-saito")
def itakura_saito(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The loss and its two baselines, and the certainty equivalent of the targets."""
    read = Reader(inputs, params)
    prediction, target = read.tensor("input"), read.constant("target")
    aversion, limit = read.param("alpha", 1.0), read.param("max_exponent", None)
    reduction = read.param("reduction", "mean", among=("mean", "sum", "none"))
    read.done()
    options = {"risk_aversion": aversion, "max_exponent": limit}
    losses = {
        "loss": P.itakura_saito(prediction, target, **options, reduction=reduction),
        "emse": P.entropic_mse(prediction, target, risk_aversion=aversion, reduction=reduction),
        "softplus": P.entropic_softplus(prediction, target, risk_aversion=aversion, reduction=reduction),
    }
    gradients = {name: read.gradients(value)["grad_input"] for name, value in losses.items()}
    return {
        **losses,
        "grad_input": gradients["loss"],
        "grad_emse": gradients["emse"],
        "grad_softplus": gradients["softplus"],
        "entropic_certainty_equivalent": entropic_certainty_equivalent(target, aversion),
    }


@adapter("classification-helps-regression")
def classification_helps_regression(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The sum of both terms, and each of them; the labels must be those of the edges, or -1."""
    read = Reader(inputs, params)
    prediction, logits = read.tensor("pred_reg"), read.tensor("pred_cls")
    target, edges, labels = read.constant("target"), read.constant("bin_edges"), read.constant("label")
    weight = read.param("reg_weight", 1.0)
    regression = read.param("reg_loss", "mse", among=("mse", "l1"))
    read.param("ignore_index", -1, among=(-1,))
    read.done()
    flat, target = prediction.flatten(), target.flatten()  # both come as (n, 1) or (n,)
    if not torch.equal(bin_targets(target, edges).masked_fill(labels < 0, -1), labels):
        raise UnreadError("the labels are not those of the edges")
    heads = (flat, target, logits, labels)
    alone = {"mse": P.mse, "l1": P.l1}[regression](flat, target)
    loss = P.regression_with_classification(*heads, regression_weight=weight, regression=regression)
    loss = loss if weight else alone  # a weight of 0 is regression alone in the released code, not in perdita
    return {
        "loss": loss,
        "loss_reg": alone,
        "loss_cls": P.regression_with_classification(*heads, regression_weight=0.0),
        **read.gradients(loss),
    }


@adapter("cisir")
def cisir(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Importances that sum to one, the loss of a batch, or the groups of its sampler."""
    read = Reader(inputs, params)
    kind = read.param("kind", among=("mdi", "cmse", "strata"))
    return {"mdi": importances, "cmse": weighted_error, "strata": groups}[kind](read)


def importances(read: Reader) -> dict[str, Any]:
    labels, alpha = read.constant("labels"), read.param("alpha", 1.0)
    given = {"bandwidth": read.param("bandwidth", 0.07), "tail_threshold": read.param("tail_threshold", None)}
    density = label_density(labels, **given)
    read.param("epsilon", 1e-3, among=(1e-3,))
    read.done()
    return {
        "density_after_tail_smoothing": density,
        "importance": density_importance(density, alpha=alpha) / len(labels),
        "reciprocal_importance": density_importance(density, shape="reciprocal", alpha=alpha) / len(labels),
    }


def weighted_error(read: Reader) -> dict[str, Any]:
    """Weights that sum to one make the released loss a sum over the batch: the mean of n times them."""
    prediction, target = read.tensor("pred"), read.constant("target")
    weight, correlation = read.constant("mse_weight", None), read.constant("pcc_weight", None)
    factor = read.param("lambda_")
    normalized = read.param("normalized_weights", True, among=(True, False))
    read.param("eps", 1e-7, among=(1e-7,))
    read.done()
    if weight is not None and normalized:
        weight = weight * len(target)
    options = {"correlation_importance": correlation, "correlation_weight": factor}
    loss = P.cisir(prediction, target, importance=weight, **options)
    return {"loss": loss, **read.gradients(loss)}


def groups(read: Reader) -> dict[str, Any]:
    labels, size = read.constant("labels"), read.param("batch_size")
    read.done()
    return {"groups": [group.tolist() for group in strata(labels, size)]}


@adapter("cs-ib")
def cs_ib(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Divergences and information; the released functions (``*_code``) give bits."""
    read = Reader(inputs, params)
    prediction, representation = read.tensor("input"), read.tensor("representation")
    target, features = read.constant("target"), read.constant("x")
    sigma = read.param("sigma")
    read.param("units", among=("*_code in bits (log2), others in nats",))
    read.done()
    widths = {"sigma": sigma, "sigma_features": sigma}
    fit, kept = (prediction, target, features), (representation, features)
    found = {
        "cond_cs": P.conditional_cs_divergence(*fit, **widths),
        "cond_cs_code": P.conditional_cs_divergence(*fit, denominator="official", **widths) / math.log(2),
        "cs_qmi_code": P.cs_mutual_information(*kept, **widths) / math.log(2),
        "cs_qmi_normalized_code": P.cs_mutual_information(*kept, normalized=True, **widths),
    }
    gradients = {}
    for name, value in found.items():
        own = read.gradients(value)
        gradients[f"grad_{name}"] = own["grad_representation" if "qmi" in name else "grad_input"]
    return {**found, **gradients, "cs_divergence": P.cs_divergence(prediction, target, sigma=sigma)}

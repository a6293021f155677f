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
        "nrmse_mean": P.normalized_rmse(*pair, scale="mean"),
        "nrmse_range": P.normalized_rmse(*pair, scale="range"),
        "nrmse_std": P.normalized_rmse(*pair, scale="std"),
        "nrmse_std_pred": P.normalized_rmse(*pair, scale="prediction_std"),
        "rrmse": P.relative_rmse(*pair),
        "rrmse_code": P.relative_rmse(*pair, averaged=False),
        "huber": P.huber(*pair, delta=delta),
        "log_cosh": P.log_cosh(*pair),
        "quantile": P.quantile(*pair, level=level),
        "msle": P.msle(*pair),
        "rmsle": P.rmsle(*pair),
    }
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
    sigma, ratio = read.param("sigma"), read.param("sigma_to_bin_ratio", 0.75)
    read.param("clamp_to_range", among=(False, True))
    read.done()
    if abs(sigma - ratio * (high - low) / bins) > 1e-12 or target.min() < low or target.max() > high:
        raise UnreadError("sigma is no multiple of the width of a bin, or a target lies outside of the support")
    support = {"low": low, "high": high}
    first = (0, 2, 1) if logits.ndim == 3 else (0, 1)  # the vectors hold the bins last
    last = first  # exchanging two dimensions undoes itself
    scores = logits.permute(first)
    probs = hl_gauss_targets(target, bins, sigma_ratio=ratio, **support)
    centers = bin_centers(low, high, bins, target)
    inner = {"low": centers[0].item(), "high": centers[-1].item()}
    two_hot = project(target.unsqueeze(1), torch.ones_like(target).unsqueeze(1), bins, **inner)
    loss = P.hl_gauss(scores, target, sigma_ratio=ratio, **support)
    return {
        "loss": loss,
        "target_probs": probs.permute(last),
        "decoded_value": histogram_mean(scores, centers),
        "decoded_target": histogram_mean(probs.log(), centers),
        "two_hot_probs": two_hot.permute(last),
        "two_hot_loss": P.two_hot(scores, target, **inner),
        **read.gradients(loss),
    }


def c51(read: Reader, logits: torch.Tensor, low: float, high: float) -> dict[str, Any]:
    """One distributional backup."""
    next_probs, reward, done = read.constant("next_probs"), read.constant("reward"), read.constant("done")
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
    aversion = read.param("alpha")
    reduction = read.param("reduction", "mean", among=("mean", "sum", "none"))
    read.done()
    losses = {
        "loss": P.itakura_saito(prediction, target, risk_aversion=aversion, reduction=reduction),
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
    """The sum of both terms, each of them, and the labels that the edges give where no label is left out."""
    read = Reader(inputs, params)
    prediction, logits = read.tensor("pred_reg"), read.tensor("pred_cls")
    target, edges, labels = read.constant("target"), read.constant("bin_edges"), read.constant("label")
    weight = read.param("reg_weight")
    read.param("ignore_index", among=(-1,))
    read.done()
    if not torch.equal(bin_targets(target, edges).masked_fill(labels < 0, -1), labels):
        raise UnreadError("the labels are not those of the edges")
    heads = (prediction.squeeze(1), target, logits, labels)
    loss = P.regression_with_classification(*heads, regression_weight=weight)
    return {
        "loss": loss,
        "loss_reg": P.mse(prediction.squeeze(1), target),
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
    labels, alpha = read.constant("labels"), read.param("alpha")
    density = label_density(labels, bandwidth=read.param("bandwidth"), tail_threshold=read.param("tail_threshold"))
    read.param("epsilon", among=(1e-3,))
    read.done()
    return {
        "density_after_tail_smoothing": density,
        "importance": density_importance(density, alpha=alpha) / len(labels),
        "reciprocal_importance": density_importance(density, shape="reciprocal", alpha=alpha) / len(labels),
    }


def weighted_error(read: Reader) -> dict[str, Any]:
    """The weights sum to one over the batch, so that the released sum is the mean of n times them."""
    prediction, target = read.tensor("pred"), read.constant("target")
    weight, correlation = read.constant("mse_weight"), read.constant("pcc_weight")
    factor = read.param("lambda_")
    read.param("normalized_weights", among=(True,))
    read.param("eps", among=(1e-7,))
    read.done()
    options = {"correlation_importance": correlation, "correlation_weight": factor}
    loss = P.cisir(prediction, target, importance=weight * len(target), **options)
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

"""Adapters for the concept bottleneck and for the risk of tomorrow's return."""

from __future__ import annotations

from typing import Any

import numpy as np

import perdita.functional as P
from perdita.nn.concept_bottleneck import concept_matrix_search, concept_penalty, diagonal_pairs
from perdita.nn.mixture_density import logit_penalty, read_mixture
from perdita.risk.backtests import Ratio, christoffersen, kupiec, transitions
from perdita.risk.garch import Garch, garch_log_likelihood, garch_value_at_risk, garch_variance
from perdita.risk.value_at_risk import (
    historical_value_at_risk,
    mixture_expected_shortfall,
    mixture_value_at_risk,
    normal_value_at_risk,
)
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, UnreadError


@adapter("sparse-cbm")
def concept_bottleneck(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.has("image_concept"):
        images, classes = read.constant("image_concept"), read.constant("class_concept")
        read.done()
        plain, cubed = (concept_matrix_search(images, classes, power=power) for power in (1, 3))
        return {
            "cosine": plain,
            "predict": plain.argmax(1),
            "cubed_cosine": cubed,
            "predict_cubed": cubed.argmax(1),
        }
    scores, backbone, weight = read.tensor("cbl_logits"), read.constant("backbone_logits"), read.constant("cbl_weight")
    noise = {"batch_noise": read.constant("gumbel_noise_dim0"), "concept_noise": read.constant("gumbel_noise_dim1")}
    temperature, strength = read.param("tau", 1.0), read.param("l1_lambda", 1e-3)
    read.done()
    pairs, paired = diagonal_pairs(scores)  # items beyond the last concept are in the sums alone
    diagonal = {"target": pairs, "weight": paired}
    contrastive = P.concept_contrastive(scores, **diagonal)
    spread = P.concept_spread(scores, temperature=temperature, **noise)
    only_diagonal = P.concept_contrastive(scores, **diagonal, temperature=temperature, **noise)
    return {
        "contrastive": contrastive,
        "grad_contrastive": read.gradients(contrastive)["grad_cbl_logits"],
        "gumbel_all_entries": spread,
        "grad_gumbel_all_entries": read.gradients(spread)["grad_cbl_logits"],
        "gumbel_diagonal_only": only_diagonal,
        "grad_gumbel_diagonal_only": read.gradients(only_diagonal)["grad_cbl_logits"],
        "l1_over_num_concepts": concept_penalty(weight, strength),
        "cos_similarity": -P.concept_similarity(scores, backbone),
        "cubed_cos_similarity": -P.concept_similarity(scores, backbone, cubed=True),
    }


LAYOUT, ACTIVATION = "[mu (K), raw_sigma (K), mixture_logits (K)]", "elu(x)+1+1e-7"
PENALISED = "mean NLL + logit_l2 * sum over the batch of squared logits"
BEFORE, INTERPOLATED = "sample variance (ddof=0)", "linear interpolation (type 7)"


@adapter("lstm-mdn")
def risk_of_tomorrow(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.has("raw_output"):
        return mixture_density(read)
    if read.has("hits"):
        hits, rate = np.array(read.value("hits")), read.param("expected_rate")
        read.done()
        return backtests(hits, rate)
    returns = np.array(read.value("returns"))
    if read.has("window"):
        named = {"window": read.param("window"), "level": read.param("confidence")}
        read.param("quantile", among=(INTERPOLATED,))
        read.done()
        return {
            "historical_simulation": -historical_value_at_risk(returns, **named),
            "constant_mean_normal": -normal_value_at_risk(returns, **named),
        }
    model = Garch(read.param("omega"), read.param("alpha"), read.param("beta"))
    start = read.param("initial_variance", BEFORE)
    read.done()
    if isinstance(start, str) and start != BEFORE:
        raise UnreadError(f"initial_variance is {start!r}; known are {BEFORE!r} and numbers")
    variance, tomorrow = garch_variance(returns, model, initial=None if start == BEFORE else start)
    return {
        "conditional_variance": variance,
        "next_variance": tomorrow,
        "log_likelihood": garch_log_likelihood(returns, variance),
        "var_0_99_loss": garch_value_at_risk(tomorrow),
    }


def mixture_density(read: Reader) -> dict[str, Any]:
    raw, target = read.tensor("raw_output"), read.constant("target")
    parts, strength = read.param("num_mixtures"), read.param("logit_l2", 0.0)
    read.param("layout", among=(LAYOUT,))
    read.param("sigma_activation", among=(ACTIVATION,))
    read.param("reduction", among=(PENALISED,))
    read.done()
    mixture = read_mixture(raw, least_scale=1e-7)
    assert mixture.means.shape[1] == parts
    nll = mixture.nll(target)
    loss = nll + logit_penalty(mixture, strength)
    return {
        "loss": loss,
        "nll": nll,
        **read.gradients(loss),
        "sigma": mixture.scales,
        "weights": mixture.weights(),
        "var_quantile_0_01": -mixture_value_at_risk(mixture),
        "expected_shortfall_0_01": mixture_expected_shortfall(mixture),
        "mean": mixture.mean(),
    }


def backtests(hits: np.ndarray, rate: float) -> dict[str, Any]:
    coverage, independence = kupiec(hits, rate), christoffersen(hits)
    both = Ratio.both(coverage, independence)
    return {
        "proportion": float(hits.mean()),
        "transition_counts": [list(row) for row in transitions(hits.astype(bool))],
        "LR_uc": coverage.statistic,
        "LR_ind": independence.statistic,
        "LR_cc": both.statistic,
        "p_uc": coverage.p_value,
        "p_ind": independence.p_value,
        "p_cc": both.p_value,
    }

"""Adapters for layers and models, and for the geometry of what they learn."""

from __future__ import annotations

from typing import Any

import torch

import perdita.functional as P
from perdita.nn.activation import crrelu
from perdita.nn.support_vector import SupportVectorHead
from perdita.theory.collapse_geometry import deep_linear_geometry
from perdita.theory.neural_collapse import NeuralCollapse
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("crrelu")
def corrected_relu(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    input, upstream = read.tensor("input"), read.constant("grad_output")
    epsilon = torch.tensor(read.option("epsilon", 0.01), dtype=torch.float64, requires_grad=True)
    read.done()
    output = crrelu(input, epsilon)
    grad_input, grad_epsilon = torch.autograd.grad(output, [input, epsilon], upstream)
    return {"output": output, "grad_input": grad_input, "grad_epsilon": grad_epsilon}


SUMMED = "sum over batch and classes, plus 0.5*||W||_F^2, bias not penalised"


@adapter("gru-svm")
def support_vector_head(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    features, target = read.constant("features"), read.constant("target")
    weight, bias = read.constant("weight"), read.constant("bias")
    power = read.param("power", 2, among=(1, 2))
    head = SupportVectorHead(*weight.shape, slack_cost=read.param("C", 0.5), power=power).double()
    read.param("reduction", SUMMED, among=(SUMMED,))
    read.param("ignore_index", -100, among=(-100,))
    read.done()
    head.load_state_dict({"weight": weight.T, "bias": bias})
    scores = head(features)
    scores.retain_grad()
    loss = head.loss(scores, target)
    loss.backward()
    return {
        "loss": loss,
        "hinge_only": P.one_versus_all_hinge(scores, target, power=power, reduction="sum"),
        "scores": scores,
        "grad_weight": head.weight.grad.T,
        "grad_bias": head.bias.grad,
        "grad_scores": scores.grad,
        "predict_argmax_score": head.predict(scores),
        "predict_official_argmax_of_sign": head.predict(scores, rule="sign"),
    }


@adapter("neural-collapse")
def neural_collapse(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    features, target = read.constant("features"), read.constant("target")
    weight, counts = read.constant("classifier_weight"), read.param("class_counts")
    exact = deep_linear_geometry(
        counts,
        depth=read.param("depth_M"),
        weight_decay=read.param("weight_decay"),
        feature_decay=read.param("feature_decay"),
    )
    read.done()
    collapse = NeuralCollapse(len(counts))
    collapse.update(features, target)
    etf, orthogonal = (collapse.compute(weight, geometry=name) for name in ("etf", "orthogonal"))
    own = collapse.compute(weight, geometry="exact", exact=exact)
    return {
        "nc1": own["nc1"],
        "s": exact.singular_values[0],
        "nc2_etf_W": etf["nc2_weight"],
        "nc2_etf_H": etf["nc2_features"],
        "nc3_etf_WH": etf["nc3"],
        "nc2_of_W": orthogonal["nc2_weight"],
        "nc2_of_H": orthogonal["nc2_features"],
        "nc3_of_WH": orthogonal["nc3"],
        "nc2_gof_W": own["nc2_weight"],
        "nc2_gof_H": own["nc2_features"],
        "nc3_gof_WH": own["nc3"],
        "nc3_gof_W_minus_scaled_H": own["self_duality"],
        "self_duality": orthogonal["self_duality"],
    }

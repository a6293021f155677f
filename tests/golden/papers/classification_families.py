"""Adapters for the comp-sum, spherical, label-robust and Legendre families."""

from __future__ import annotations

from typing import Any

import torch

import perdita
import perdita.functional as P
from perdita.nn.factored_output import FactoredSphericalLinear
from perdita.theory.consistency import comp_sum_conditional_minimum, comp_sum_transform
from tests.golden.adapters import adapter
from tests.golden.papers.classification import REDUCTIONS, in_forms, item_weights, weights_of
from tests.golden.reader import Reader, UnreadError

COMP_SUM_KINDS = ("comp_sum", "smooth_adversarial")


@adapter("comp-sum")
def comp_sum(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.has("taus"):
        beta, probabilities, taus = read.constant("beta"), read.constant("p"), read.param("taus")
        classes = read.param("num_classes")
        read.done()
        return {
            "T": [comp_sum_transform(beta, tau, classes).tolist() for tau in taus],
            "C_star": [comp_sum_conditional_minimum(probabilities, tau).tolist() for tau in taus],
        }
    logits, target = read.tensor("input"), read.constant("target")
    tau, reduction = float(read.param("tau", 1.0)), read.param("reduction", "mean", among=REDUCTIONS)
    if read.param("kind", "comp_sum", among=COMP_SUM_KINDS) == "smooth_adversarial":
        tensors = (logits, target, read.tensor("input_adv"))
        nu = read.param("nu", 1.0)
        options = {"tau": tau, "rho": read.param("rho", 1.0), "shift_weight": None if nu == "bound" else nu}
        criterion = P.smooth_adversarial_comp_sum
    else:
        tensors, criterion = (logits, target), P.comp_sum
        options = {"tau": tau, "class_weight": weights_of(read.option("weight", None))}
        options["ignore_index"] = read.param("ignore_index", -100)
    read.done()
    return in_forms(read, reduction, {form: criterion(*tensors, reduction=form, **options) for form in REDUCTIONS})


SPHERICAL = {
    "z_loss": "z_loss",
    "z": "z_loss",
    "mse": "one_hot_square",
    "taylor_softmax": "taylor_softmax",
    "spherical_softmax": "spherical_softmax",
}


def spherical_options(read: Reader, name: str) -> dict[str, float]:
    """The hyper-parameters of a spherical loss."""
    if name == "z_loss":
        read.param("eps", 1e-12, among=(1e-12,))  # keeps the deviation of equal scores from 0
        return {"sharpness": read.param("a", 1.0), "threshold": read.param("b", 0.0)}
    return {"epsilon": read.param("eps", 1e-2)} if name == "spherical_softmax" else {}


@adapter("z-loss")
def z_loss(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    kind = read.param("kind", "z_loss", among=("factored_spherical_sgd", *SPHERICAL))
    if kind == "factored_spherical_sgd":
        return factored_steps(read)
    logits, target = read.tensor("input"), read.constant("target")
    reduction, options = read.param("reduction", "mean", among=REDUCTIONS), spherical_options(read, SPHERICAL[kind])
    read.done()
    criterion = getattr(P, SPHERICAL[kind])
    return in_forms(
        read, reduction, {form: criterion(logits, target, reduction=form, **options) for form in REDUCTIONS}
    )


def factored_steps(read: Reader) -> dict[str, Any]:
    """Gradient descent on the factored layer, one step for each batch."""
    name = SPHERICAL[read.param("loss", "z_loss", among=tuple(SPHERICAL))]
    weight = read.constant("weight")
    layer = FactoredSphericalLinear(
        weight.shape[1], weight.shape[0], loss=name, options=spherical_options(read, name), weight=weight
    )
    batches = zip(read.value("hidden_steps"), read.value("target_steps"), strict=True)
    rate, decay = read.param("lr"), read.param("weight_decay", 0.0)
    reduction = read.param("reduction", "sum", among=("sum", "mean"))
    read.done()
    found: dict[str, Any] = {"loss_steps": [], "grad_hidden_steps": [], "stats_a_q_s_steps": []}
    for vectors, labels in batches:
        hidden = torch.tensor(vectors, dtype=torch.float64, requires_grad=True)
        target = torch.tensor(labels)
        score, total, square = layer.sums(hidden.detach(), target)
        values = layer(hidden, target)
        loss = values.sum() if reduction == "sum" else values.mean()
        loss.backward()
        layer.step(rate, weight_decay=decay)
        found["loss_steps"].append(loss.item())
        found["grad_hidden_steps"].append(hidden.grad.tolist())
        found["stats_a_q_s_steps"].append(torch.stack([score, square, total], 1).tolist())
    return {**found, "weight_after": layer.dense_weight()}


@adapter("ldr")
def ldr(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    kind, margin = read.param("kind", among=("ldr_kl", "aldr_kl")), read.param("margin", 0.1)
    if kind == "aldr_kl":
        return aldr_steps(read, margin)
    logits, target = read.tensor("input"), read.constant("target")
    options = {"temperature": read.param("lambda_", 1.0), "margin": margin}
    options["reduction"] = read.param("reduction", "mean", among=REDUCTIONS)
    options["ignore_index"] = read.param("ignore_index", -100)
    options["weight"] = item_weights(weights_of(read.option("weight", None)), target, options["ignore_index"])
    read.done()
    found = {}
    for name, normalize in (("plain", None), ("softplus_normalised", "softplus"), ("l1_normalised", "l1")):
        loss = P.ldr_kl(logits, target, normalize=normalize, **options)
        found |= {f"loss_{name}": loss, **read.gradients(loss, f"_{name}")}
    return found


def aldr_steps(read: Reader, margin: float) -> dict[str, Any]:
    """Each step first moves the temperature of every example, then evaluates the loss."""
    steps, target = read.value("input_steps"), read.constant("target")
    scaled = read.param("normalise", "l1_mean", among=("l1_mean", None))
    normalize = None if scaled is None else "l1"
    if read.param("softplus", False, among=(True, False)):
        if scaled is None:
            raise UnreadError("softplus goes before the normalisation, and there is none")
        normalize = "softplus"
    temperature, alpha = read.param("lambda0", 10.0), read.param("alpha", 2.0)
    read.done()
    options = {"temperature": temperature, "alpha": alpha, "margin": margin, "normalize": normalize}
    criterion = perdita.AldrKl(examples=len(target), **options).double()
    criterion.temperatures.fill_(temperature)  # they were rounded to float32 before they became double
    index = torch.arange(len(target))
    found: dict[str, Any] = {"loss_steps": [], "grad_input_steps": [], "lambda_after_steps": []}
    for rows in steps:
        logits = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
        loss = criterion(logits, target, index)
        loss.backward()
        criterion.remember(logits, index)
        found["loss_steps"].append(loss.item())
        found["grad_input_steps"].append(logits.grad.tolist())
        found["lambda_after_steps"].append(criterion.temperatures.tolist())
    return found


OFFICIAL = {  # name in the official module tree → name here; {} is the number of the layer
    "icnn.Wzs": ("net.enter", "net.keep"),
    "icnn.Wxs": "net.direct",
    "icnn.Wx2s": "net.augment",
    "icnn.actnorms": "net.norms",
    "w1": "net_weight",
    "w0": "square_weight",
    "diags": "square_weight",
}


def own_name(official: str) -> str:
    """``cpflows.0.icnn.Wzs.2.weight`` → ``blocks.0.net.keep.1.weight``."""
    _, block, *rest = official.split(".")
    if len(rest) == 1:
        return f"blocks.{block}.{OFFICIAL[rest[0]]}"
    kind, number, leaf = ".".join(rest[:2]), int(rest[2]), {"b": "bias", "logs": "log_gain"}.get(rest[3], rest[3])
    if kind == "icnn.Wzs":
        enter, keep = OFFICIAL[kind]
        return f"blocks.{block}.{enter}.{leaf}" if number == 0 else f"blocks.{block}.{keep}.{number - 1}.{leaf}"
    return f"blocks.{block}.{OFFICIAL[kind]}.{number}.{leaf}"


@adapter("legendretron")
def legendretron(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    scores, target, state = read.tensor("input"), read.constant("target"), read.value("state_dict")
    classes, blocks = read.param("num_classes"), read.param("n_blocks", 2)
    sizes = {"hidden": read.param("dim_hidden", 2), "depth": read.param("depth", 4)}
    fitted = read.param("actnorm_initialised", True, among=(True, False))
    read.done()
    sizes["per_coordinate"] = any(name.endswith(".diags") for name in state)
    criterion = perdita.LegendreLoss(classes=classes, blocks=blocks, **sizes).double()
    own = criterion.link.state_dict()
    given = {own_name(name): torch.tensor(value, dtype=torch.float64) for name, value in state.items()}
    criterion.link.load_state_dict({name: value.reshape(own[name].shape) for name, value in given.items()})
    if not fitted:
        criterion.link.fit(scores)
    loss = criterion(torch.nn.functional.pad(scores, (0, 1)), target)
    parameters = dict(criterion.link.named_parameters())
    gradients = dict(zip(parameters, torch.autograd.grad(loss, parameters.values(), retain_graph=True), strict=True))
    shapes = {name: torch.tensor(value).shape for name, value in state.items()}
    return {
        "link_output": criterion.link.transform(scores),
        "log_prob": criterion.link(scores),
        "potential_block0": criterion.link.blocks[0].potential(scores),
        "loss": loss,
        "grad_params": {
            name: gradients[own_name(name)].reshape(shape)
            for name, shape in shapes.items()
            if own_name(name) in gradients
        },
        **read.gradients(loss),
    }

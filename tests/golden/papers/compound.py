"""Adapters for weights among losses."""

from __future__ import annotations

from typing import Any

from torch.func import functional_call

from perdita.compound.weighting import IGBv1, UncertaintyWeighting
from perdita.compound.weighting.actor_critic import latent_log_prob, simplex_action
from perdita.compound.weighting.gap_agent import improvement_reward
from perdita.compound.weighting.uncertainty import multi_task_gaussian_nll
from tests.golden.adapters import adapter
from tests.golden.reader import Reader

NOTEBOOK = "mean_n sum_i sum_d [exp(-s_i)(pred-target)^2 + s_i]"
PAPER = "sum_i c_i exp(-s_i) L_i + s_i/2; c=1/2 regression, 1 classification; s=log sigma^2"
ALL_REGRESSIONS = "sum L_i/(2 exp(logsigma_i)) + logsigma_i/2"
POLICY = "a=n*softmax(u); logp=sum_j[Normal(mu,std).log_prob(u)_j] - sum_j 2(log2-u_j-softplus(-2u_j))"
REWARD = "min_i (prev_i-cur_i)/base_i"


@adapter("uncertainty-weighting")
def uncertainty_weighting(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    formula = read.param("formula", among=(NOTEBOOK, PAPER, ALL_REGRESSIONS))
    if formula == NOTEBOOK:
        return notebook(read)
    losses = read.tensor("losses")
    log_vars = read.tensor("log_vars" if formula == PAPER else "logsigma")
    kinds = read.param("kinds") if formula == PAPER else "regression"
    weighting = UncertaintyWeighting(len(losses), kinds=kinds).double()
    found = functional_call(weighting, {"log_vars": log_vars}, losses)
    read.done()
    loss = found.terms.sum()
    return {"loss": loss, "weights": found.weights, **read.gradients(loss)}


def notebook(read: Reader) -> dict[str, Any]:
    """The authors' criterion over predictions pred0, pred1 and so on."""
    read.param("note", None, among=(None, "s_i is added once per output dimension; no factor 1/2"))
    predictions, targets, log_vars = [], [], []
    while read.has(f"pred{len(targets)}"):
        task = len(targets)
        predictions.append(read.tensor(f"pred{task}"))
        log_vars.append(read.tensor(f"log_var{task}"))
        targets.append(read.constant(f"target{task}"))
    loss = multi_task_gaussian_nll(predictions, targets, log_vars)
    read.done()
    return {"loss": loss, **read.gradients(loss)}


@adapter("igb")
def igb(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    formula = read.param("formula", None, among=(None, POLICY, REWARD))
    if formula == POLICY:
        assert read.param("n_tasks") == len(inputs["u"][0])
        latent, mean, log_std = (read.constant(name) for name in ("u", "mu", "log_std"))
        read.done()
        return {
            "action": simplex_action(latent),
            "logp": latent_log_prob(latent, mean, log_std).unsqueeze(1),
        }
    losses, base = read.tensor("losses"), read.constant("base_losses")
    if formula == REWARD:
        reward = read.param("reward_scale", 1.0) * improvement_reward(read.constant("prev_losses"), losses, base)
        read.done()
        return {"reward": reward}
    terms = read.param("n_tasks")
    known = {"base_losses": base} if len(base) else {"steps_per_epoch": 1}
    weighted = IGBv1(terms, **known).double()(losses)
    read.done()
    loss = weighted.terms.sum()
    return {"loss": loss, "weights": weighted.weights, **read.gradients(loss)}

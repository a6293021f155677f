"""Adapter for the optimisers with two momenta."""

from __future__ import annotations

from typing import Any

import torch

from perdita.compound.two_momenta import TwoMomentaSGD
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, as_tensor


@adapter("dot")
def dot(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The parameters after each step; the gradients are those of linear terms."""
    read = Reader(inputs, params)
    parameters = [torch.nn.Parameter(as_tensor(one)) for one in read.value("params0")]
    tasks, taught = read.value("task_grads"), read.value("kd_grads")
    options = {name: read.param(name) for name in ("lr", "momentum", "delta", "weight_decay", "dampening")}
    both = [True, read.param("second_param_gets_task_grad")], [True, read.param("second_param_gets_kd_grad")]
    read.done()
    optimizer = TwoMomentaSGD(parameters, **options)
    found = []
    for gradients in zip(tasks, taught, strict=True):
        first, second = (
            torch.stack([
                (parameter * as_tensor(own)).sum()
                for parameter, own, there in zip(parameters, term, given, strict=True)
                if there
            ]).sum()
            for term, given in zip(gradients, both, strict=True)
        )  # fmt: skip
        optimizer.zero_grad()
        optimizer.backward(first, second)
        optimizer.step()
        found.append([parameter.detach().clone() for parameter in parameters])
    return {"params_after_each_step": found}

"""Fully connected models of one arm, stacked, with their gradients by hand.

What autograd would give, without its graph: the parameters of an arm are views of one flat tensor, which the optimiser
moves in one call, and activations and gradients are written into buffers that all arms of a training share, small
enough to stay in a core's cache. An arm's gradient must be used before the next arm's is written.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float


def is_dense(model: nn.Module) -> bool:
    """Whether a model is a chain of fully connected layers with biases, as `perdita.compare.train.models.mlp` makes."""
    layers = list(model) if isinstance(model, nn.Sequential) else []
    kinds = [type(layer) for layer in layers]
    biased = all(layer.bias is not None for layer in layers if isinstance(layer, nn.Linear))
    return kinds[:2] == [nn.Flatten, nn.Linear] and set(kinds) <= {nn.Flatten, nn.Linear, nn.ReLU} and biased


def layers_of(model: nn.Sequential) -> list[tuple[str, bool]]:
    """The name of each fully connected layer, and whether a ReLU comes next."""
    named = [*model.named_children(), ("", nn.Identity())]
    return [
        (name, isinstance(after, nn.ReLU))
        for (name, layer), (_, after) in itertools.pairwise(named)
        if isinstance(layer, nn.Linear)
    ]


def stacked_dense(
    layers: Sequence[tuple[str, bool]],
    parameters: Mapping[str, Tensor],
    features: Float[Tensor, "s n *f"],
    into: Sequence[Tensor | None] = (),
) -> tuple[Float[Tensor, "s n k"], list[Float[Tensor, "s width n"]]]:
    """The outputs of s dense models at once, with one product for each layer, and the input of each layer.

    Activations are kept as (s, width, n): so every gradient lies as its parameter does, and none is copied. Hidden ones
    are written into the tensors of ``into``, where autograd need not follow.
    """
    hidden, inputs = features.flatten(2).transpose(1, 2), []
    for (name, rectified), buffer in itertools.zip_longest(layers, into):
        inputs.append(hidden)
        bias = parameters[f"{name}.bias"].unsqueeze(2)
        hidden = torch.baddbmm(bias, parameters[f"{name}.weight"], hidden, out=buffer)
        if rectified:
            hidden = hidden.relu_()  # a product of its own, which nobody else reads
    return hidden.transpose(1, 2), inputs


class Workspace:
    """The buffers of a training: one gradient, and the activations for each number of rows."""

    def __init__(self, model: nn.Sequential, parameters: Mapping[str, Tensor]) -> None:
        self.layers = layers_of(model)
        self.widths = [layer.out_features for layer in model if isinstance(layer, nn.Linear)]
        first = next(iter(parameters.values()))
        self.seeds, self.dtype = len(first), first.dtype
        self.gradient = torch.zeros(sum(map(torch.numel, parameters.values())), dtype=self.dtype)
        self._rows: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    def hidden(self, rows: int) -> tuple[list[Tensor], list[Tensor]]:
        """Buffers (seeds, width, rows) of the hidden layers, and of the gradients to them."""
        if rows not in self._rows:
            shapes = [(self.seeds, width, rows) for width in self.widths[:-1]]
            forth, back = ([torch.empty(shape, dtype=self.dtype) for shape in shapes] for _ in range(2))
            self._rows[rows] = forth, back
        return self._rows[rows]


class DenseArm:
    """An arm's models: ``outputs`` is a leaf for the loss, whose gradient ``backward`` takes on to the parameters."""

    buffers: Mapping[str, Tensor] = {}

    def __init__(self, parameters: Mapping[str, Tensor], workspace: Workspace) -> None:
        self.workspace = workspace
        flat = torch.cat([parameter.flatten() for parameter in parameters.values()])
        self.learnt = [flat]
        self.parameters = _views(flat, parameters)
        self.gradients = _views(workspace.gradient, parameters)
        self.inputs: list[Tensor] = []

    @torch.no_grad()
    def outputs(self, features: Float[Tensor, "s n *f"]) -> Float[Tensor, "s n k"]:
        """The models' outputs on their own rows."""
        forth, _ = self.workspace.hidden(features.shape[1])
        found, self.inputs = stacked_dense(self.workspace.layers, self.parameters, features, forth)
        return found.requires_grad_()

    @torch.no_grad()
    def predict(self, features: Float[Tensor, "s n *f"]) -> Float[Tensor, "s n k"]:
        """The same for any number of rows, into tensors of their own."""
        return stacked_dense(self.workspace.layers, self.parameters, features)[0]

    @torch.no_grad()
    def backward(self, outputs: Float[Tensor, "s n k"]) -> None:
        """Write the parameters' gradients, from that of the last outputs."""
        self.learnt[0].grad = self.workspace.gradient
        _, back = self.workspace.hidden(outputs.shape[1])
        wanted = outputs.grad.transpose(1, 2)
        for place in reversed(range(len(self.workspace.layers))):
            name, rectified = self.workspace.layers[place]
            if rectified:
                active = self.inputs[place + 1] if place + 1 < len(self.inputs) else outputs.transpose(1, 2)
                wanted = torch.ops.aten.threshold_backward.grad_input(wanted, active, 0, grad_input=wanted)
            torch.bmm(wanted, self.inputs[place].transpose(1, 2), out=self.gradients[f"{name}.weight"])
            torch.sum(wanted, 2, out=self.gradients[f"{name}.bias"])
            if place:
                weight = self.parameters[f"{name}.weight"]
                wanted = torch.bmm(weight.transpose(1, 2), wanted, out=back[place - 1])


def _views(flat: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parts = flat.split([parameter.numel() for parameter in parameters.values()])
    return {name: part.view_as(held) for (name, held), part in zip(parameters.items(), parts, strict=True)}

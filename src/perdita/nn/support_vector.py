"""A linear support vector machine as the last layer of a network, and a recurrent network that ends in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.losses.classification.support_vector import one_versus_all_hinge

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@component("gru-svm")
class SupportVectorHead(nn.Linear):
    r"""A linear layer trained as one support vector machine for each class.

    With scores s = W h + b and the hinge of `one_versus_all_hinge`:

    .. math:: L = \tfrac12 \|W\|_F^2 + \text{slack\_cost} \sum_i \ell(s_i, y_i)

    The sum over the batch is not divided by its size: 1 / (2 slack_cost n) is the weight decay that W would have beside
    the mean hinge. Weight decay of the optimiser must be off for W, and the bias has none. The scores are no
    logarithms of probabilities.

    Args:
        features: width of what it reads.
        classes: number of classes; 2 takes two scores.
        slack_cost: price C > 0 of what falls short of the margin.
        power: 2 for the squared hinge (L2-SVM), 1 for the hinge.

    Raises:
        InputError: a slack_cost that is not above 0, fewer than two classes, another power.

    Source: Agarap, ICMLC 2018, arXiv 1709.03082. The start (standard deviation 0.01, bias 0.1) is the released code's.
    """

    def __init__(self, features: int, classes: int, *, slack_cost: float = 0.5, power: int = 2) -> None:
        if not slack_cost > 0:
            raise InputError(f"slack_cost must be above 0, not {slack_cost}")
        if classes < 2:
            raise InputError(f"classes must be at least 2, not {classes}")
        one_versus_all_hinge.card.check_options({"power": power})
        super().__init__(features, classes)
        self.slack_cost, self.power = slack_cost, power

    def reset_parameters(self) -> None:
        """Draw W anew and set the bias to 0.1."""
        nn.init.normal_(self.weight, std=0.01)
        nn.init.constant_(self.bias, 0.1)

    def penalty(self) -> Float[Tensor, ""]:
        """Half the squared norm of W."""
        return self.weight.square().sum() / 2

    def loss(self, scores: Float[Tensor, "n c"], target: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        """L of a batch of the layer's outputs; items of class -100 count as nothing."""
        return self.penalty() + self.slack_cost * one_versus_all_hinge(
            scores, target, power=self.power, reduction="sum"
        )

    @staticmethod
    def predict(scores: Float[Tensor, "n c"], *, rule: str = "score") -> Int[Tensor, "n"]:
        """The class of each item.

        Args:
            scores: (n, c) outputs of the layer.
            rule: "score" takes the highest score, as it should be. "sign" is the released code's, which compares signs
                alone: wherever all signs agree it answers class 0. In both, the first of equals is taken.

        Raises:
            InputError: another rule.
        """
        if rule not in ("score", "sign"):
            raise InputError(f"rule must be 'score' or 'sign', not {rule!r}")
        given = scores if rule == "score" else scores.sign()
        return given.argsort(stable=True, dim=1, descending=True)[:, 0]


@component("gru-svm")
class RecurrentSupportVector(nn.Module):
    r"""A gated recurrent unit whose last state is judged by support vector machines.

    .. math:: z = \sigma(W_z x + U_z h + b_z), \quad r = \sigma(W_r x + U_r h + b_r), \quad
        c = \tanh(W_c x + U_c (r \odot h) + b_c), \quad h' = (1 - z) \odot c + z \odot h

    The reset gate acts before the recurrent product, as in the paper; `torch.nn.GRU` applies it after. The state starts
    from zero for every sequence: the released code carries it over to the next batch of unrelated rows in training. Its
    baseline, a softmax head, was trained with a tenth of the learning rate and more dropout, so the two accuracies that
    it reports do not compare the losses.

    Args:
        features: width of each step.
        classes: number of classes.
        width: of the state.
        slack_cost: C of the `SupportVectorHead`.
        dropout: probability with which a number of the input is dropped in training (0.15 in the released code, which
            calls the probability of keeping it "dropout_rate").

    Source: Agarap, ICMLC 2018, arXiv 1709.03082.
    """

    def __init__(
        self, features: int, classes: int, *, width: int = 256, slack_cost: float = 0.5, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.width = width
        self.dropout = nn.Dropout(dropout)
        self.read = nn.Linear(features, 3 * width)
        self.recall_gates = nn.Linear(width, 2 * width, bias=False)
        self.recall_candidate = nn.Linear(width, width, bias=False)
        self.head = SupportVectorHead(width, classes, slack_cost=slack_cost)

    def forward(self, sequence: Float[Tensor, "n t f"]) -> Float[Tensor, "n c"]:
        """The scores after the last step."""
        if sequence.ndim != 3 or sequence.shape[2] != self.read.in_features:
            raise InputError(
                f"sequence must have shape (n, t, {self.read.in_features}), but has shape {tuple(sequence.shape)}"
            )
        steps = self.read(self.dropout(sequence))
        state = steps.new_zeros(steps.shape[0], self.width)
        for step in steps.unbind(1):
            gates, candidate = step.split((2 * self.width, self.width), 1)
            update, reset = torch.sigmoid(gates + self.recall_gates(state)).chunk(2, 1)
            proposed = torch.tanh(candidate + self.recall_candidate(reset * state))
            state = (1 - update) * proposed + update * state
        return self.head(state)

    def loss(self, scores: Float[Tensor, "n c"], target: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        """The head's loss of a batch."""
        return self.head.loss(scores, target)

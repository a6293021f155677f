"""Two heads on one backbone: one learns the labels and predicts, the other learns the teacher and is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

KINDS = ("linear", "mlp")


@component("dhkd")
class DualHead(nn.Module):
    """A linear head and an auxiliary one on the same features, for `dual_head_distillation`.

    After training the main head alone is kept: ``student.head = student.head.main``.

    Args:
        features: width of what both heads read.
        classes: number of classes.
        auxiliary: "linear", for a student of the teacher's family, or "mlp" for another architecture: linear, dropout,
            batch norm, ReLU, linear.
        hidden: width of the "mlp".
        dropout: share of the "mlp"'s hidden features that is dropped while it trains.

    Raises:
        InputError: another kind of auxiliary head.
    """

    def __init__(
        self, features: int, classes: int, *, auxiliary: str = "linear", hidden: int = 200, dropout: float = 0.1
    ) -> None:
        if auxiliary not in KINDS:
            raise InputError(f"auxiliary must be one of {KINDS}, not {auxiliary!r}")
        super().__init__()
        self.main = nn.Linear(features, classes)
        self.auxiliary: nn.Module = nn.Linear(features, classes)
        if auxiliary == "mlp":
            layers = [nn.Linear(features, hidden), nn.Dropout(dropout), nn.BatchNorm1d(hidden), nn.ReLU()]
            self.auxiliary = nn.Sequential(*layers, nn.Linear(hidden, classes))

    def forward(self, features: Float[Tensor, "n f"]) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n c"]]:
        """Logits of the main head, which predicts, and of the auxiliary one."""
        return self.main(features), self.auxiliary(features)

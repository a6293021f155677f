"""The place of each item's class among the numbers of all classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core.apply import is_plain
from perdita.core.numerics import class_indicator

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def put(
    values: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], number: float | Float[Tensor, "n 1 *d"]
) -> Float[Tensor, "n c *d"]:
    """The values with another number in the place of the item's class, as `pick` takes the one that is there.

    By index, for which a processor needs a copy alone; a comparison takes it as long as the softmax. Compiled code
    compares, since it can do so while it does other things.
    """
    if is_plain():
        return values.scatter(1, target.long().unsqueeze(1), number)
    return torch.where(class_indicator(target, values), number, values)

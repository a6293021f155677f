"""Several losses in one step, where one of them comes first: gradients that oppose its own lose their opposing part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from torch import Tensor


@component("dhkd")
def aligned_sum(gradients: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    r"""Sum of the gradients of several losses, each projected where it opposes the first.

    With g_0 the gradient of the first loss over all parameters, heads too:

    .. math:: g_i \leftarrow g_i - \frac{\langle g_i, g_0 \rangle}{\|g_0\|^2}\, g_0
        \quad \text{where } \langle g_i, g_0 \rangle < 0

    Args:
        gradients: for each loss one tensor for each parameter, zeros where the loss does not depend on it.

    Returns:
        One tensor for each parameter.

    Raises:
        InputError: no losses, or losses with different numbers of gradients.
    """
    if not gradients or len({len(own) for own in gradients}) != 1:
        raise InputError("gradients must hold the same number of tensors for each loss, and at least one loss")
    first, *others = gradients
    length = sum(one.square().sum() for one in first)
    merged = list(first)
    for own in others:
        agreement = sum((one * two).sum() for one, two in zip(own, first, strict=True))
        share = torch.where(agreement < 0, agreement / torch.where(length > 0, length, 1.0), 0.0)  # type: ignore[call-overload]
        merged = [total + one - share * two for total, one, two in zip(merged, own, first, strict=True)]
    return merged


@component("dhkd")
def align_gradients(losses: Sequence[Tensor], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Gradients to step with: that of the first loss, and those of the others where they do not oppose it.

    Put them into ``parameter.grad``. It costs one backward pass for each loss.

    Args:
        losses: weighted scalars on one graph; for dual-head distillation the cross-entropy first.
        parameters: all that are trained; one on which a loss does not depend has a gradient of zeros there.

    Returns:
        One gradient for each parameter.

    Raises:
        InputError: no losses.

    Source:
        Yang, Zong, Huang, Feng, An, "Dual-Head Knowledge Distillation", KDD 2025, arXiv 2411.08937, and its code.
    """
    given = list(parameters)
    return aligned_sum([
        torch.autograd.grad(loss, given, retain_graph=True, allow_unused=True, materialize_grads=True)
        for loss in losses
    ])  # fmt: skip

"""Any row-wise loss as the objective of LightGBM and XGBoost: gradient and curvature by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.func import grad, vjp

from perdita.core import InputError
from perdita.integrations.criteria import Loss, as_criterion, linked, parts_of, read

if TYPE_CHECKING:
    from jaxtyping import Float, Num
    from torch import Tensor

FLOOR = 1e-6
Derivatives = tuple["Float[np.ndarray, 'n *c']", "Float[np.ndarray, 'n *c']"]


def objective(
    loss: Loss, *, hessian_factor: float = 1.0, floor: float | None = None
) -> Callable[[Any, Any, Any], Derivatives]:
    r"""A loss as ``objective=`` of the scikit-learn estimators of LightGBM and XGBoost.

    For predictions z (raw, before any link), targets y and weights w the trees are fitted to

    .. math::
        g_{ik} = w_i \frac{\partial \ell(z_i, y_i)}{\partial z_{ik}}, \qquad
        h_{ik} = w_i \max\!\left(f \frac{\partial^2 \ell(z_i, y_i)}{\partial z_{ik}^2}, \text{floor}\right)

    with f = hessian_factor. The floor keeps h positive where a loss is flat or bends down (a robust loss far from its
    minimum): a leaf's step is -sum(g) / (sum(h) + regularisation), so there it is a large step along the gradient, held
    back by the learning rate and the library's limits alone. A loss without any curvature (l1, quantile, hinge) needs
    floor=1, which makes it plain gradient boosting.

    Args:
        loss: a name, a configuration, a criterion or a sum; each row's value must depend on that row alone.
        hessian_factor: f. The diagonal is no bound of the whole Hessian where a row has several predictions;
            `lightgbm_objective` and `xgboost_objective` take the factor that these libraries use for it.
        floor: above zero; None is 1e-6, and refuses a loss without any curvature.

    Returns:
        A function of (targets (n,), predictions (n,) or (n, c), weights (n,) or None) that gives g and h, in the shape
        of the predictions. One prediction for each row is a number, or the logit of the second class.

    Raises:
        InputError: a loss that mixes rows or needs other tensors, a loss without any curvature, bad targets.

    Example:
        >>> from perdita.integrations.boosting import objective
        >>> gradient, hessian = objective("binary_cross_entropy")(np.array([1.0]), np.array([0.0]), None)
        >>> gradient.tolist(), hessian.tolist()
        ([-0.5], [0.25])

    Source:
        Second-order boosting: Chen, Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016, arXiv 1603.02754,
        equation 2 and 5.
    """
    if not hessian_factor > 0 or (floor is not None and not floor > 0):
        raise InputError(f"hessian_factor and floor must be above zero, not {hessian_factor!r} and {floor!r}")
    criterion = as_criterion(loss)
    mixing = [part.card.name for part in parts_of(criterion) if not part.card.rowwise]
    if mixing:
        raise InputError(f"{mixing[0]} mixes the rows of a batch; boosting needs a loss of each row alone")
    link = linked(criterion)

    def total(predictions: Float[Tensor, "n k"], target: Num[Tensor, "n"]) -> Float[Tensor, ""]:
        found: Tensor = link.criterion(*read(link, predictions, target), normalizer=1.0)  # the sum of the rows' values
        return found

    def derivatives(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Derivatives:
        z = torch.tensor(np.asarray(y_pred), dtype=torch.float64)
        target = torch.tensor(np.asarray(y_true), dtype=torch.float64)
        predictions = z.unsqueeze(1) if z.ndim == 1 else z
        total(predictions, target)  # outside the transforms, where bad targets are named
        first, curvature = first_and_second(lambda given: total(given, target), predictions)
        if floor is None and not curvature.any():
            raise InputError("this loss has no curvature anywhere; pass floor=1.0 to step along its gradient")
        second = (hessian_factor * curvature).clamp(min=FLOOR if floor is None else floor)
        if sample_weight is not None and len(sample_weight):
            weight = torch.tensor(np.asarray(sample_weight), dtype=torch.float64).unsqueeze(1)
            first, second = weight * first, weight * second
        return first.reshape(z.shape).numpy(), second.reshape(z.shape).numpy()

    return derivatives


def first_and_second(
    total: Callable[[Float[Tensor, "n k"]], Float[Tensor, ""]], z: Float[Tensor, "n k"]
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
    r"""Gradient and diagonal of the Hessian of a sum over rows.

    No two rows meet in a Hessian's block, so its product with the vector that is 1 at column k of every row holds, in
    column k, the second derivatives: k products in place of n k.
    """
    gradient, pullback = vjp(grad(total), z)
    columns = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    diagonal = [pullback(column.expand_as(z).contiguous())[0][:, k] for k, column in enumerate(columns)]
    return gradient.detach(), torch.stack(diagonal, dim=1).detach()


def lightgbm_objective(
    loss: Loss, *, hessian_factor: float | None = None, floor: float | None = None
) -> Callable[[Any, Any], Derivatives]:
    """A loss as ``params["objective"]`` of ``lightgbm.train``.

    LightGBM starts a custom objective at 0: its own ones do so with ``boost_from_average=False``.

    Args:
        loss, floor: as in `objective`.
        hessian_factor: None is LightGBM's own: 1 for one prediction a row, c / (c - 1) for c of them.

    Returns:
        A function of (predictions, Dataset).

    Raises:
        InputError: as in `objective`.

    Example:
        >>> from perdita.integrations.boosting import lightgbm_objective
        >>> params = {"objective": lightgbm_objective({"loss": "binary_focal", "gamma": 1.0})}
        >>> callable(params["objective"])  # lightgbm.train(params, lightgbm.Dataset(X, y))
        True

    Source:
        `objective`; the factor is that of LightGBM's multiclass objective.
    """
    return _native(loss, lambda c: c / (c - 1) if c > 1 else 1.0, hessian_factor, floor)


def xgboost_objective(
    loss: Loss, *, hessian_factor: float | None = None, floor: float | None = None
) -> Callable[[Any, Any], Derivatives]:
    """A loss as ``obj=`` of ``xgboost.train``.

    Set ``base_score`` yourself: XGBoost estimates it for its own objectives only. For c predictions a row pass
    ``num_class`` in the parameters.

    Args:
        loss, floor: as in `objective`.
        hessian_factor: None is XGBoost's own: 1 for one prediction a row, 2 for several (for a softmax, the sum of the
            absolute values in a row of the Hessian, which bounds it).

    Returns:
        A function of (predictions, DMatrix).

    Raises:
        InputError: as in `objective`.

    Example:
        >>> from perdita.integrations.boosting import xgboost_objective
        >>> callable(xgboost_objective("log_cosh"))  # xgboost.train(params, xgboost.DMatrix(X, y), obj=…)
        True

    Source:
        `objective`; the factor is that of XGBoost's multiclass objective.
    """
    return _native(loss, lambda c: 2.0 if c > 1 else 1.0, hessian_factor, floor)


def _native(
    loss: Loss, own_factor: Callable[[int], float], hessian_factor: float | None, floor: float | None
) -> Callable[[Any, Any], Derivatives]:
    made: dict[int, Callable[[Any, Any, Any], Derivatives]] = {}
    objective(loss, hessian_factor=hessian_factor or 1.0, floor=floor)  # what is wrong with the loss is said at once

    def derivatives(predictions: Any, data: Any) -> Derivatives:
        columns = predictions.shape[1] if predictions.ndim == 2 else 1
        if columns not in made:
            factor = own_factor(columns) if hessian_factor is None else hessian_factor
            made[columns] = objective(loss, hessian_factor=factor, floor=floor)
        return made[columns](data.get_label(), predictions, data.get_weight())

    return derivatives

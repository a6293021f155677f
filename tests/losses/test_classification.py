"""The first choice of losses: values by hand, identities between them, and the ends of the number line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
import perdita.functional as P

LN2, LN3 = math.log(2), math.log(3)
MULTICLASS = (
    "focal", "poly_cross_entropy", "poly_drop", "poly_focal_multiclass", "generalized_cross_entropy",
    "symmetric_cross_entropy", "softmax_mae", "logit_norm_cross_entropy",
)  # fmt: skip
BINARY = ("binary_focal", "poly_focal")


def function(name: str) -> Callable[..., Tensor]:
    return getattr(P, name)


def logits_of(*probs: float) -> Tensor:
    """One item whose softmax is ``probs``, off by a constant that must not matter."""
    return torch.tensor([probs], dtype=torch.float64).log() + 3


def batch(n: int = 64, c: int = 5, extra: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(n, c, *extra, generator=generator, dtype=torch.float64)
    return logits, torch.randint(c, (n, *extra), generator=generator)


# --- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("focal", {"gamma": 2.0}, 0.75**2 * 2 * LN2),
        ("focal", {"gamma": 0.5}, 0.75**0.5 * 2 * LN2),
        ("poly_cross_entropy", {"epsilon": 2.0}, 2 * LN2 + 2 * 0.75),
        ("poly_cross_entropy", {"epsilon": (1.0, -0.5, 4.0)}, 2 * LN2 + 0.75 - 0.5 * 0.75**2 + 4 * 0.75**3),
        ("poly_drop", {"terms": 1}, 0.75),
        ("poly_drop", {"terms": 3}, 0.75 + 0.75**2 / 2 + 0.75**3 / 3),
        ("poly_focal_multiclass", {"epsilon": 2.0, "gamma": 1.0}, 0.75 * 2 * LN2 + 2 * 0.75**2),
        ("poly_focal_multiclass", {"epsilon": [1.0, 3.0], "gamma": 2.0}, 0.75**2 * 2 * LN2 + 0.75**3 + 3 * 0.75**4),
        ("generalized_cross_entropy", {"q": 0.5}, 2 * (1 - 0.5)),
        ("generalized_cross_entropy", {"q": 1.0}, 0.75),
        ("symmetric_cross_entropy", {"alpha": 0.5, "beta": 2.0, "log_zero": -6.0}, 0.5 * 2 * LN2 + 2 * 6 * 0.75),
        ("softmax_mae", {}, 0.75 + 0.5 + 0.25),
    ],
)
def test_values_at_a_probability_of_one_quarter(name: str, options: dict[str, Any], expected: float) -> None:
    value = function(name)(logits_of(0.25, 0.5, 0.25), torch.tensor([0]), **options)
    assert value.item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("label", "weight", "p"), [(1.0, 0.3, 0.75), (0.0, 0.7, 0.25)])
def test_binary_focal_weighs_class_one_by_alpha(label: float, weight: float, p: float) -> None:
    z, t = torch.tensor([LN3], dtype=torch.float64), torch.tensor([label], dtype=torch.float64)  # sigmoid(z) = 3/4
    focal = weight * (1 - p) ** 2 * -math.log(p)
    assert P.binary_focal(z, t, gamma=2.0, alpha=0.3).item() == pytest.approx(focal, rel=1e-13)
    polynomial = 5 * (1 - p) ** 3  # alpha leaves it alone
    value = P.poly_focal(z, t, gamma=2.0, alpha=0.3, epsilon=5.0).item()
    assert value == pytest.approx(focal + polynomial, rel=1e-13)


def test_logit_norm_of_a_known_vector() -> None:
    z = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    expected = math.log(1 + math.exp(-0.2 / 0.5))
    assert P.logit_norm_cross_entropy(z, torch.tensor([1]), temperature=0.5).item() == pytest.approx(expected)


# --- identities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [(), (3, 2)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [("focal", {"gamma": 0.0}), ("poly_cross_entropy", {"epsilon": 0.0}), ("poly_cross_entropy", {"epsilon": ()})],
)
def test_special_cases_are_cross_entropy(
    name: str, options: dict[str, Any], weighted: bool, reduction: str, extra: Sequence[int]
) -> None:
    logits, target = batch(extra=extra)
    target[::7] = -100
    class_weight = torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0], dtype=torch.float64) if weighted else None
    expected = F.cross_entropy(logits, target, weight=class_weight, reduction=reduction)
    value = function(name)(logits, target, class_weight=class_weight, reduction=reduction, **options)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("smooth_polynomial", [True, False])
def test_poly_with_smoothed_and_soft_targets(smooth_polynomial: bool) -> None:
    logits, target = batch()
    smoothed = 0.8 * F.one_hot(target, 5).double() + 0.2 / 5
    value = P.poly_cross_entropy(
        logits, target, epsilon=2.0, label_smoothing=0.2, smooth_polynomial=smooth_polynomial, reduction="none"
    )
    seen = smoothed if smooth_polynomial else F.one_hot(target, 5).double()
    expected = F.cross_entropy(logits, smoothed, reduction="none") + 2 * (1 - (seen * logits.softmax(1)).sum(1))
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    if smooth_polynomial:
        torch.testing.assert_close(P.poly_cross_entropy(logits, smoothed, epsilon=2.0, reduction="none"), expected)


def test_class_weights_of_a_soft_target_scale_the_polynomial_by_their_mean() -> None:
    logits, target = logits_of(0.25, 0.5, 0.25), torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    weights = torch.tensor([1.0, 3.0, 9.0], dtype=torch.float64)
    value = P.poly_cross_entropy(logits, target, epsilon=1.0, class_weight=weights).item()
    missing = 1 - (0.5 * 0.25 + 0.5 * 0.5)
    assert value == pytest.approx(0.5 * 2 * LN2 + 0.5 * 3 * LN2 + 2 * missing)


def test_class_weights_of_a_label_scale_both_terms_and_the_mean() -> None:
    logits, target = batch()
    weights = torch.tensor([1.0, 2.0, 0.5, 0.1, 3.0], dtype=torch.float64)
    plain = P.poly_cross_entropy(logits, target, epsilon=(2.0, 1.0), reduction="none")
    value = P.poly_cross_entropy(logits, target, epsilon=(2.0, 1.0), class_weight=weights)
    torch.testing.assert_close(value, (weights[target] * plain).sum() / weights[target].sum())


def test_the_series_of_cross_entropy() -> None:
    """sum_{j <= 2000} (1 - p)^j / j is -log p, at p = 0.3 to rounding."""
    logits = logits_of(0.3, 0.7)
    value = P.poly_drop(logits, torch.tensor([0]), terms=2000).item()
    assert value == pytest.approx(-math.log(0.3), rel=1e-12)
    assert P.poly_drop(logits, torch.tensor([0]), terms=3).item() < 0.95 * -math.log(0.3)


def test_the_gradient_of_poly_one_is_a_multiple_of_that_of_cross_entropy() -> None:
    logits, target = batch()
    logits.requires_grad_()
    (poly,) = torch.autograd.grad(P.poly_cross_entropy(logits, target, epsilon=1.5, reduction="sum"), logits)
    (entropy,) = torch.autograd.grad(F.cross_entropy(logits, target, reduction="sum"), logits)
    p = logits.softmax(1).gather(1, target[:, None]).detach()
    torch.testing.assert_close(poly, (1 + 1.5 * p) * entropy, rtol=1e-11, atol=1e-13)


def test_focal_of_a_soft_target_is_the_mean_over_its_classes() -> None:
    logits, _ = batch(n=1)
    target = torch.tensor([[0.1, 0.0, 0.6, 0.3, 0.0]], dtype=torch.float64)
    each = P.focal(logits.expand(5, 5), torch.arange(5), gamma=1.5, reduction="none")
    torch.testing.assert_close(P.focal(logits, target, gamma=1.5), (target * each).sum())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_softmax_focal_of_two_classes_is_the_sigmoid_focal_of_their_difference(gamma: float) -> None:
    logits, target = batch(c=2)
    binary = P.binary_focal(logits[:, 1] - logits[:, 0], target, gamma=gamma, reduction="none")
    torch.testing.assert_close(P.focal(logits, target, gamma=gamma, reduction="none"), binary, rtol=1e-12, atol=1e-14)
    poly = P.poly_focal(logits[:, 1] - logits[:, 0], target, gamma=gamma, epsilon=(1.0, 2.0), reduction="none")
    wide = P.poly_focal_multiclass(logits, target, gamma=gamma, epsilon=(1.0, 2.0), reduction="none")
    torch.testing.assert_close(wide, poly, rtol=1e-12, atol=1e-14)


def test_generalized_cross_entropy_lies_between_cross_entropy_and_half_the_absolute_error() -> None:
    logits, target = batch()
    none = {"reduction": "none"}
    entropy, error = F.cross_entropy(logits, target, **none), P.softmax_mae(logits, target, **none)
    torch.testing.assert_close(P.generalized_cross_entropy(logits, target, q=1.0, **none), error / 2)
    torch.testing.assert_close(P.generalized_cross_entropy(logits, target, q=1e-9, **none), entropy, rtol=1e-6, atol=0)
    between = P.generalized_cross_entropy(logits, target, q=0.5, **none)
    assert ((between > error / 2) & (between < entropy)).all()


def test_symmetric_cross_entropy_is_a_sum_of_its_two_ends() -> None:
    logits, target = batch()
    parts = 0.3 * F.cross_entropy(logits, target) + 0.7 * 4 / 2 * P.softmax_mae(logits, target)
    torch.testing.assert_close(P.symmetric_cross_entropy(logits, target, alpha=0.3, beta=0.7), parts)


def test_the_absolute_error_summed_over_labels_is_constant() -> None:
    logits, _ = batch()
    labels = torch.arange(5).expand(64, 5)
    total = sum(P.softmax_mae(logits, labels[:, k], reduction="none") for k in range(5))
    torch.testing.assert_close(total, torch.full((64,), 8.0, dtype=torch.float64))


def test_logit_norm_ignores_the_scale_of_logits() -> None:
    logits, target = batch(extra=(2,))
    value = P.logit_norm_cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(value, P.logit_norm_cross_entropy(1e-3 * logits, target, reduction="none"))
    unit = logits / logits.norm(dim=1, keepdim=True)
    torch.testing.assert_close(value, F.cross_entropy(unit / 0.04, target, reduction="none"))


def test_logit_norm_at_zero_logits_is_finite() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    value = P.logit_norm_cross_entropy(logits, torch.tensor([0, 2]))
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == pytest.approx(LN3)
    expected = torch.tensor([[-2 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, -2 / 3]]) / 2 / 0.04  # as if the norm were 1
    torch.testing.assert_close(gradient, expected)


# --- the ends of the number line -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", MULTICLASS)
def test_extreme_logits_stay_finite(name: str, dtype: torch.dtype) -> None:
    rows = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4], [0.0, 0.0, 0.0], [-1e4, -1e4, -1e4]])
    logits = rows.repeat(3, 1).to(dtype).requires_grad_()
    target = torch.arange(3).repeat_interleave(5)
    options = [{}, {"gamma": 0.5}] if "focal" in name else [{}]
    for given in options:
        values = function(name)(logits, target, reduction="none", **given)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert torch.isfinite(values).all()
        assert torch.isfinite(gradient).all()
        assert gradient.dtype is dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("name", BINARY)
def test_extreme_binary_logits_stay_finite(name: str, gamma: float, dtype: torch.dtype) -> None:
    logits = torch.tensor([1e4, -1e4, 0.0, 90.0, -90.0]).repeat(2).to(dtype).requires_grad_()
    target = torch.tensor([0] * 5 + [1] * 5)
    values = function(name)(logits, target, gamma=gamma, reduction="none")
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert torch.isfinite(values).all()
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
def test_focal_has_two_finite_gradients_where_the_target_is_certain(gamma: float, soft: bool) -> None:
    """(1 - p)^gamma has an infinite slope at p = 1 for gamma < 1; the loss has not."""
    logits = torch.tensor([[800.0, 0.0, 0.0], [-800.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    target = torch.zeros(2, dtype=torch.long)
    value = P.focal(logits, F.one_hot(target, 3).double() if soft else target, gamma=gamma, reduction="sum")
    (gradient,) = torch.autograd.grad(value, logits, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), logits)
    assert torch.isfinite(gradient).all()
    assert torch.isfinite(second).all()
    assert gradient[0].abs().max() < 1e-30
    torch.testing.assert_close(gradient[1].detach(), torch.tensor([-1.0, 0.5, 0.5], dtype=torch.float64))


def test_what_is_missing_keeps_its_digits_near_certainty() -> None:
    """1 - p is 2e-20 here, which is lost where p is formed first."""
    logits = torch.tensor([[-math.log(1e-20), 0.0, 0.0]], dtype=torch.float64)
    target = torch.tensor([0])
    assert P.softmax_mae(logits, target).item() == pytest.approx(4e-20, rel=1e-12)
    assert P.poly_drop(logits, target, terms=1).item() == pytest.approx(2e-20, rel=1e-12)
    assert P.focal(logits, target, gamma=1.0).item() == pytest.approx(4e-40, rel=1e-12)


@pytest.mark.parametrize("name", MULTICLASS)
def test_one_class_is_certain(name: str) -> None:
    logits = torch.tensor([[5.0], [-5.0]], requires_grad=True)
    value = function(name)(logits, torch.tensor([0, 0]))
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == 0
    assert gradient.abs().max() == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("focal", {"gamma": -0.5}),
        ("binary_focal", {"alpha": 1.5}),
        ("poly_cross_entropy", {"epsilon": -1.5}),
        ("poly_cross_entropy", {"epsilon": (0.5, -2.0)}),
        ("poly_drop", {"terms": 0}),
        ("poly_drop", {"terms": 1.5}),
        ("generalized_cross_entropy", {"q": 0.0}),
        ("generalized_cross_entropy", {"q": 1.1}),
        ("symmetric_cross_entropy", {"log_zero": 0.0}),
        ("logit_norm_cross_entropy", {"temperature": 0.0}),
        ("dice", {"smooth": -1.0}),
        ("dice", {"classes": "some"}),
    ],
)
def test_hyperparameters_outside_their_range_are_refused(name: str, options: dict[str, Any]) -> None:
    (key,) = options
    with pytest.raises(perdita.InputError, match=key):
        perdita.build({"loss": name, **options})


@pytest.mark.parametrize("name", BINARY)
def test_soft_binary_targets_are_refused(name: str) -> None:
    with pytest.raises(perdita.InputError, match="0 or 1"):
        function(name)(torch.zeros(2), torch.tensor([0.0, 0.5]))

"""What a fused loss refuses, by name, and what it takes although it looks odd."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from perdita import InputError
from perdita.kernels import fused_linear

ROWS, FEATURES, CLASSES = 6, 4, 5
IMPLEMENTATIONS = ("auto", "blocked", "reference")


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(ROWS, FEATURES, generator=generator, requires_grad=True)
    weight = torch.randn(CLASSES, FEATURES, generator=generator, requires_grad=True)
    return hidden, weight, torch.randint(CLASSES, (ROWS,), generator=generator)


HIDDEN, WEIGHT, TARGET = inputs()
OUTSIDE = TARGET.clone()
OUTSIDE[3] = CLASSES
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "label outside": ({"target": OUTSIDE}, r"target must hold class indices from 0 to 4.*target\[3\] = 5"),
    "mixed dtypes": ({"weight": WEIGHT.bfloat16()}, "hidden, weight and bias must have one dtype.*float32.*bfloat16"),
    "mismatched d": ({"weight": torch.randn(CLASSES, 3)}, r"weight \(v, d\) with one d.*\(6, 4\) and \(5, 3\)"),
    "integer hidden": ({"hidden": torch.ones(ROWS, FEATURES, dtype=torch.long)}, "hidden must be a floating tensor"),
    "integer weight": ({"weight": torch.ones(CLASSES, FEATURES, dtype=torch.long)}, "weight must be a floating tensor"),
    "no tensor": ({"hidden": [[1.0]]}, "hidden must be a floating tensor"),
    "bias of another size": ({"bias": torch.zeros(3)}, r"bias must have shape \(5,\)"),
    "target of another length": ({"target": TARGET[:4]}, "target must begin with the leading shape of hidden"),
    "no target": ({"target": None}, "cross_entropy needs target"),
    "weight of another length": ({"example_weight": torch.ones(4)}, "weight must have shape"),
    "negative weight": ({"example_weight": -torch.ones(ROWS)}, "example_weight must hold numbers >= 0"),
    "mask of numbers": ({"mask": torch.ones(ROWS)}, "mask must be a boolean tensor"),
    "negative softcap": ({"softcap": -1.0}, "softcap must be a number above 0"),
    "negative shift": ({"shift": -1}, "shift must be an integer >= 0"),
    "no rows in a block": ({"block_rows": 0}, "block_rows must be an integer of at least 1"),
    "no memory": ({"memory": 8}, "memory must hold the logits of one row"),
    "unknown implementation": ({"impl": "fast"}, "impl must be one of"),
    "unknown reduction": ({"reduction": "median"}, "reduction must be one of"),
    "unknown option": ({"gamma": 2.0}, "cross_entropy has no hyper-parameter 'gamma'"),
    "unknown loss": ({"loss": "cross_entropi"}, "did you mean 'cross_entropy'"),
    "no loss": ({"loss": F.cross_entropy}, "must be a name, a registered function or a Criterion"),
    "a sum": ({"loss": perdita.CrossEntropy() + perdita.Focal()}, "a sum of losses has no fused form"),
    "options of a criterion": ({"loss": perdita.Focal(), "gamma": 1.0}, "Focal has its hyper-parameters already"),
    "a loss with parameters by name": ({"loss": "legendre_loss"}, r"pass a criterion: perdita.LegendreLoss"),
    "values of a batch": ({"loss": "mdca"}, "mdca is not row-wise.*perdita.functional.mdca"),
    "places of an image": ({"loss": "dice"}, "dice is not row-wise: one value covers many places"),
    "a regression": ({"loss": "mse"}, "mse is not a loss over the logits of classes"),
    "log-probabilities": ({"loss": "nll"}, "nll is not a loss over the logits.*its first tensor is log_probs"),
    "the definition itself": ({"loss": "linear_cross_entropy"}, 'pass "cross_entropy"'),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    changed, message = REFUSED[case]
    given = {"loss": "cross_entropy", "hidden": HIDDEN, "weight": WEIGHT, "target": TARGET, **changed}
    with pytest.raises(InputError, match=message):
        fused_linear(**given)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
def test_zero_rows_are_a_connected_zero(impl: str, reduction: str) -> None:
    hidden, weight, target = inputs()
    value = fused_linear("cross_entropy", hidden[:0], weight, target[:0], impl=impl, reduction=reduction).sum()
    assert value == 0
    assert all(not slope.any() for slope in torch.autograd.grad(value, [hidden, weight]))


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("by", ["ignore_index", "mask", "weight"])
def test_nothing_left_is_a_connected_zero(by: str, reduction: str, impl: str) -> None:
    hidden, weight, target = inputs()
    options = {
        "ignore_index": {}, "mask": {"mask": torch.zeros(ROWS, dtype=torch.bool)},
        "weight": {"example_weight": torch.zeros(ROWS)},
    }[by]  # fmt: skip
    target = torch.full_like(target, -100) if by == "ignore_index" else target
    value = fused_linear("cross_entropy", hidden, weight, target, impl=impl, reduction=reduction, **options).sum()
    assert value == 0
    assert all(not slope.any() for slope in torch.autograd.grad(value, [hidden, weight]))


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
def test_one_row_that_is_no_number_is_named(impl: str) -> None:
    hidden, weight, target = inputs()
    broken = hidden.detach().clone()
    broken[4, 2] = torch.nan
    with perdita.debug(), pytest.raises(InputError, match=r"hidden must be finite; hidden\[4, 2\] = nan"):
        fused_linear("cross_entropy", broken, weight, target, impl=impl)
    masked = torch.arange(ROWS) != 4
    value = fused_linear("cross_entropy", broken, weight, target, mask=masked, impl=impl)
    expected = perdita.functional.cross_entropy(F.linear(hidden, weight), target, mask=masked)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, weight)
    assert slope.isfinite().all()


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
def test_a_masked_nan_stays_out_of_compiled_and_transformed_code(impl: str) -> None:
    hidden, weight, target = (tensor.detach() for tensor in inputs())
    broken = hidden.clone()
    broken[4] = torch.nan
    target[4] = -100
    slope = torch.func.grad(lambda w: fused_linear("focal", broken, w, target, impl=impl))(weight)
    expected = torch.func.grad(lambda w: perdita.functional.focal(F.linear(hidden, w), target))(weight)
    torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_inputs_that_are_not_contiguous(loss: str, impl: str) -> None:
    hidden, weight, target = inputs()
    expected = fused_linear(loss, hidden, weight, target, impl="reference")
    slopes = torch.autograd.grad(expected, [hidden, weight])
    odd = [tensor.detach().T.contiguous().T.requires_grad_() for tensor in (hidden, weight)]
    spread = target.repeat_interleave(2)[::2]
    assert not any(tensor.is_contiguous() for tensor in (*odd, spread))
    found = fused_linear(loss, *odd, spread, impl=impl, block_rows=4)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, odd), slopes)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
def test_large_logits_stay_finite(impl: str) -> None:
    hidden = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0], [0.0]], requires_grad=True)
    value = fused_linear("cross_entropy", hidden, weight, torch.tensor([1, 1]), impl=impl)
    torch.testing.assert_close(value, torch.tensor(1e4))
    assert all(slope.isfinite().all() for slope in torch.autograd.grad(value, [hidden, weight]))

"""Every loss of torch.nn: value and gradients equal PyTorch's, for each reduction, as function and as module."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from tests.losses.torch_cases import (
    CASES,
    NAMES_IN_PYTORCH,
    REDUCTIONS,
    C,
    Case,
    N,
    labels,
    positive,
    real,
    simplex,
    unit,
)
from tests.references import REFERENCES

TOLERANCE = {torch.float64: {"rtol": 1e-12, "atol": 1e-12}, torch.float32: {"rtol": 2e-5, "atol": 2e-5}}
NO_CASE = {"ctc", "adaptive_log_softmax"}  # classes: their own tests are below


def leaves(tensors: list[Tensor], dtype: torch.dtype, fixed: tuple[int, ...] = ()) -> list[Tensor]:
    made = []
    for index, tensor in enumerate(tensors):
        copy = tensor.detach().clone()
        if copy.is_floating_point():
            copy = copy.to(dtype).requires_grad_(index not in fixed)
        made.append(copy)
    return made


def gradients(value: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    upstream = torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).view(value.shape)
    return list(torch.autograd.grad(value, [x for x in inputs if x.requires_grad], upstream))


def assert_same(ours: Tensor, our_inputs: list[Tensor], theirs: Tensor, their_inputs: list[Tensor]) -> None:
    within = TOLERANCE[theirs.dtype]
    torch.testing.assert_close(ours, theirs, **within)
    for mine, yours in zip(gradients(ours, our_inputs), gradients(theirs, their_inputs), strict=True):
        torch.testing.assert_close(mine, yours, **within)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_function_and_module_equal_pytorch(case: Case, dtype: torch.dtype) -> None:
    tensors = case.inputs()
    card = perdita.card(case.loss)
    options = case.options | {key: tensor.to(dtype) for key, tensor in case.held.items()}
    peers = {NAMES_IN_PYTORCH.get(name, name): given for name, given in options.items()}
    for reduction in case.reductions:
        function = functools.partial(card.function, **options, reduction=reduction)
        module = card.criterion(**options, reduction=reduction)
        for ours in (function, module):
            mine, yours = leaves(tensors, dtype, case.fixed), leaves(tensors, dtype, case.fixed)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "reduction: 'mean' divides the total loss by both", UserWarning)
                expected = case.peer(*yours, **peers, reduction=reduction)
            assert_same(ours(*mine), mine, expected, yours)


REFERENCED = [case for case in CASES if "ignore_index" not in case.options and case.options.get("distance") is None]


@pytest.mark.parametrize("case", REFERENCED, ids=str)
def test_the_slow_reference_gives_pytorchs_values(case: Case) -> None:
    options = case.options | case.held
    peers = {NAMES_IN_PYTORCH.get(name, name): given for name, given in options.items()}
    tensors = case.inputs()
    kept = tensors[-1].view(N, -1).ge(0).all(1) if perdita.card(case.loss).ignore_index else slice(None)
    tensors = [x[kept] if len(x) == N else x for x in tensors]  # a reference knows no ignored items
    arrays = {key: x.numpy() for key, x in zip(perdita.card(case.loss).signature.names, tensors, strict=True)}
    given = {key: x.numpy() if isinstance(x, Tensor) else x for key, x in options.items()}
    found = REFERENCES[case.loss](**arrays, **given)
    values = torch.as_tensor(found[0] if isinstance(found, tuple) else found)
    torch.testing.assert_close(values, case.peer(*tensors, **peers, reduction="none"), **TOLERANCE[torch.float64])


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_the_slow_reference_of_ctc_gives_pytorchs_values(zero_infinity: bool) -> None:
    logits, *rest = ctc_inputs()
    log_probs = logits.log_softmax(2)
    found = REFERENCES["ctc"](log_probs.numpy(), *(x.numpy() for x in rest), zero_infinity=zero_infinity)
    expected = F.ctc_loss(log_probs, *rest, reduction="none", zero_infinity=zero_infinity)
    torch.testing.assert_close(torch.as_tensor(found), expected, **TOLERANCE[torch.float64])


def test_every_loss_of_pytorch_has_a_case() -> None:
    covered = {case.loss for case in CASES} | NO_CASE
    deprecated = {"NLLLoss2d"}  # another name of NLLLoss
    named = {name for name in dir(torch.nn) if "Loss" in name} - deprecated
    assert {perdita.card(name).name for name in named} == covered


CTC_OPTIONS = [{}, {"zero_infinity": True}, {"blank": 3}]


def ctc_inputs(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Logits, and targets of length 3, 2 (a repeat), 0 and 4 (longer than the input, so without an alignment)."""
    targets = torch.tensor([[1, 2, 1, 0], [2, 2, 0, 0], [0, 0, 0, 0], [1, 2, 1, 2]])
    return [real(7, 4, C).to(dtype), targets, torch.tensor([7, 5, 4, 3]), torch.tensor([3, 2, 0, 4])]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("options", CTC_OPTIONS, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc_equals_pytorch(reduction: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    tensors = ctc_inputs(dtype)
    rows = slice(None) if options.get("zero_infinity") else slice(3)  # an inf has no gradient to compare
    tensors = [tensors[0][:, rows], *(tensor[rows] for tensor in tensors[1:])]
    ours, theirs = leaves(tensors, dtype), leaves(tensors, dtype)
    value = perdita.Ctc(**options, reduction=reduction)(ours[0].log_softmax(2), *ours[1:])
    expected = F.ctc_loss(theirs[0].log_softmax(2), *theirs[1:], **options, reduction=reduction)
    assert_same(value, ours, expected, theirs)


def test_ctc_gives_pytorchs_own_gradient_of_log_probs() -> None:
    logits, *rest = (tensor[:, :3] if index == 0 else tensor[:3] for index, tensor in enumerate(ctc_inputs()))
    ours, theirs = ([logits.log_softmax(2).detach().requires_grad_()] for _ in range(2))
    assert_same(perdita.Ctc()(*ours, *rest), ours, F.ctc_loss(*theirs, *rest), theirs)


def test_ctc_of_an_impossible_alignment_is_infinite_unless_it_shall_be_zero() -> None:
    logits, *rest = ctc_inputs()
    values = perdita.Ctc(reduction="none")(logits.log_softmax(2), *rest)
    assert torch.isfinite(values[:3]).all()
    assert values[3] == torch.inf
    leaf = logits.clone().requires_grad_()
    values = perdita.Ctc(reduction="none", zero_infinity=True)(leaf.log_softmax(2), *rest)
    assert values[3] == 0
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    assert (gradient[:, 3] == 0).all()
    assert (gradient[:, :3] != 0).any()


@pytest.mark.parametrize("head_bias", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_adaptive_log_softmax_equals_pytorch(reduction: str, head_bias: bool) -> None:
    ours = perdita.AdaptiveLogSoftmax(
        in_features=8, classes=12, cutoffs=[3, 7], div_value=2.0, head_bias=head_bias, reduction=reduction
    ).double()
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=head_bias).double()
    ours.softmax.load_state_dict(theirs.state_dict())
    (mine, target), (yours, _) = ([real(9, 8).requires_grad_(), torch.arange(9) + 2] for _ in range(2))
    with torch.no_grad():
        yours.copy_(mine)
    output = -theirs(yours, target).output
    expected = {"none": output, "mean": output.mean(), "sum": output.sum()}[reduction]
    assert_same(ours(mine, target), [mine, *ours.parameters()], expected, [yours, *theirs.parameters()])
    torch.testing.assert_close(ours.log_prob(mine), theirs.log_prob(yours), **TOLERANCE[torch.float64])


@pytest.mark.parametrize("cutoffs", [[], [0, 2], [3, 3], [4, 2], [12], 3])
def test_adaptive_log_softmax_refuses_cutoffs_that_make_no_clusters(cutoffs: Any) -> None:
    with pytest.raises(perdita.InputError, match="cutoffs"):
        perdita.AdaptiveLogSoftmax(in_features=8, classes=12, cutoffs=cutoffs)


# Where perdita differs on purpose.


@pytest.mark.parametrize("name", ["cross_entropy", "nll", "linear_cross_entropy"])
def test_a_mean_over_nothing_is_a_connected_zero_where_pytorch_gives_nan(name: str) -> None:
    peer, first = {
        "cross_entropy": (F.cross_entropy, [real(N, C)]),
        "nll": (F.nll_loss, [real(N, C).log_softmax(1)]),
        "linear_cross_entropy": (F.linear_cross_entropy, [real(N, 3), real(C, 3)]),
    }[name]
    for inputs, target in ((first, torch.full((N,), -100)), ([first[0][:0], *first[1:]], labels(0))):
        assert torch.isnan(peer(*inputs, target))
        leaf, *rest = leaves(inputs, torch.float64)
        value = perdita.card(name).function(leaf, *rest, target)
        assert value.item() == 0
        (gradient,) = torch.autograd.grad(value, leaf)
        assert (gradient == 0).all()


def test_a_mean_of_no_elements_is_a_connected_zero_where_pytorch_gives_nan() -> None:
    prediction, target = real(0, 3).requires_grad_(), real(0, 3)
    assert torch.isnan(F.mse_loss(prediction, target))
    value = perdita.functional.mse(prediction, target)
    assert value.item() == 0
    assert torch.autograd.grad(value, prediction)[0].shape == prediction.shape


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_gives_a_float32_value_where_pytorch_rounds_it(dtype: torch.dtype) -> None:
    prediction, target = real(N, C).to(dtype).requires_grad_(), real(N, C).to(dtype)
    value = perdita.functional.mse(prediction, target)
    assert value.dtype is torch.float32
    assert F.mse_loss(prediction, target).dtype is dtype
    torch.testing.assert_close(value, F.mse_loss(prediction.float(), target.float()))
    assert torch.autograd.grad(value, prediction)[0].dtype is dtype


def test_soft_margin_is_finite_where_pytorch_overflows() -> None:
    logits, target = torch.tensor([-1e4]), torch.tensor([1.0])
    assert F.soft_margin_loss(logits, target) == torch.inf
    assert perdita.functional.soft_margin(logits, target) == 1e4


def test_weights_enter_the_denominator_where_pytorch_divides_by_the_number_of_elements() -> None:
    logits, target, weight = real(N), unit(N), positive(N)
    expected = F.binary_cross_entropy_with_logits(logits, target, weight=weight)
    shared = {"weight": weight, "normalizer": N}
    torch.testing.assert_close(perdita.functional.binary_cross_entropy(logits, target, **shared), expected)
    mean = perdita.functional.binary_cross_entropy(logits, target, weight=weight)
    torch.testing.assert_close(mean, expected * N / weight.sum())


def test_the_divergence_is_the_default_where_pytorch_averages_its_terms() -> None:
    log_probs, target = real(N, C).log_softmax(1), simplex(N, C)
    torch.testing.assert_close(
        perdita.functional.kl_div(log_probs, target), F.kl_div(log_probs, target, reduction="batchmean")
    )


def test_a_target_probability_of_zero_has_a_finite_gradient_where_pytorch_gives_nan() -> None:
    log_probs = torch.tensor([[0.5, 0.5]]).log()
    target = torch.tensor([[1.0, 0.0]], requires_grad=True)
    expected = F.kl_div(log_probs, target, reduction="sum")
    assert torch.isnan(torch.autograd.grad(expected, target)[0]).any()
    value = perdita.functional.kl_div(log_probs, target, reduction="sum")
    torch.testing.assert_close(value, expected)
    assert torch.isfinite(torch.autograd.grad(value, target)[0]).all()

"""Mixture density networks: scales without a domain, quantiles that the distribution function takes back, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

import perdita
import perdita.functional as P
from perdita.nn.mixture_density import Mixture, MixtureDensityHead, RecurrentMixture, logit_penalty, read_mixture


def raw(n: int = 6, parts: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 3 * parts, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_torch(mixture: Mixture) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=mixture.logits), Normal(mixture.means, mixture.scales))


def test_the_loss_and_the_moments_are_those_of_torch() -> None:
    mixture, target = read_mixture(raw()), raw(seed=1)[:, 0]
    twin = as_torch(mixture)
    torch.testing.assert_close(P.mixture_nll(mixture.means, target, mixture.scales, mixture.logits, reduction="none"),
                               -twin.log_prob(target))  # fmt: skip
    torch.testing.assert_close(mixture.mean(), twin.mean)
    torch.testing.assert_close(mixture.cdf(target), twin.cdf(target))


def test_gradients_are_responsibilities() -> None:
    given = read_mixture(raw())
    means, scales, logits = (part.detach().requires_grad_() for part in given)
    target = raw(seed=1)[:, 0]
    loss = Mixture(means, scales, logits).nll(target)
    found = torch.autograd.grad(loss, (means, scales, logits))
    z = (target.unsqueeze(1) - means) / scales
    share = (logits.log_softmax(1) - scales.log() - z.square() / 2).softmax(1)
    n = len(target)
    torch.testing.assert_close(found[0], -share * z / scales / n)
    torch.testing.assert_close(found[1], share * (1 - z.square()) / scales / n)
    torch.testing.assert_close(found[2], (logits.softmax(1) - share) / n)


def test_a_scale_is_elu_and_one_without_cancelling() -> None:
    values = torch.tensor([[-30.0, -1.0, 0.0, 2.0]])
    zeros = torch.zeros(1, 4)
    scales = read_mixture(torch.cat([zeros, values, zeros], 1), least_scale=0.0).scales
    assert scales[0, 0].item() == pytest.approx(math.exp(-30), rel=1e-6)
    torch.testing.assert_close(scales[0, 1:], torch.nn.functional.elu(values[0, 1:]) + 1)
    with pytest.raises(perdita.InputError, match="not 4 columns"):
        read_mixture(torch.zeros(2, 4))


@pytest.mark.parametrize("probability", [1e-6, 0.01, 0.5, 0.999])
def test_the_distribution_function_takes_a_quantile_back(probability: float) -> None:
    mixture = read_mixture(3 * raw(50, 4))
    torch.testing.assert_close(mixture.cdf(mixture.quantile(probability)), torch.full((50,), probability).double())


def test_the_quantile_of_one_part_is_the_normal_one() -> None:
    mixture = Mixture(torch.tensor([[1.0]]), torch.tensor([[2.0]]), torch.tensor([[0.0]]))
    assert mixture.quantile(0.01).item() == pytest.approx(1 - 2 * 2.3263479, abs=1e-4)
    for wrong in (0.0, 1.0, math.nan):
        with pytest.raises(perdita.InputError, match="probability"):
            mixture.quantile(wrong)


def test_the_loss_is_finite_far_from_every_part() -> None:
    mixture = Mixture(torch.zeros(1, 2), torch.full((1, 2), 1e-3), torch.zeros(1, 2))
    means = mixture.means.requires_grad_()
    value = Mixture(means, *mixture[1:]).nll(torch.tensor([1e4]))
    assert value.isfinite()
    assert torch.autograd.grad(value, means)[0].isfinite().all()


def test_the_penalty_is_a_sum_over_the_batch() -> None:
    mixture = read_mixture(raw(4, 2))
    assert logit_penalty(mixture, 0.1).item() == pytest.approx(0.1 * mixture.logits.square().sum().item())


def test_the_written_out_cell_is_torchs_lstm() -> None:
    model = RecurrentMixture(2).double()
    twin = torch.nn.LSTM(1, model.width, batch_first=True).double()
    twin.load_state_dict({
        "weight_ih_l0": model.read.weight, "weight_hh_l0": model.recall.weight, "bias_ih_l0": model.read.bias,
        "bias_hh_l0": torch.zeros(4 * model.width),
    })  # fmt: skip
    returns = raw(5, 3)
    expected = model.head(model.dense(twin(returns.unsqueeze(2))[0][:, -1]).relu())
    torch.testing.assert_close(model(returns), expected)
    assert model.head.decode(expected).means.shape == (5, 2)


def test_a_head_needs_a_part() -> None:
    with pytest.raises(perdita.InputError, match="parts"):
        MixtureDensityHead(4, 0)

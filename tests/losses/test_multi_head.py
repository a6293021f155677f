"""Several heads, and a temperature for each pair."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import perdita
import perdita.functional as P
from perdita import InputError
from perdita.losses.contrastive.multi_head import PairTemperature


def heads(n: int = 6, h: int = 3, m: int = 4) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    similarity = [2 * torch.rand(shape, generator=generator).double() - 1 for shape in ((h, n), (h, n, m))]
    return similarity + [0.1 + torch.rand(x.shape, generator=generator).double() for x in similarity]


def test_one_head_at_one_temperature_is_nt_xent() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(2, 5, 1, 4, dtype=torch.float64)
    criterion = perdita.AdaptiveMultiHead(dimension=4, lowest=0.3, highest=0.3, beta=0.0).double()
    both, item = torch.cat([first, second]).squeeze(1), torch.arange(5).repeat(2)
    torch.testing.assert_close(criterion(first, second), P.nt_xent(both, item, temperature=0.3))


def test_heads_add_up() -> None:
    given = heads()
    for hard in (False, True):
        whole = P.multi_head_contrastive(*given, hard=hard, reduction="none")
        each = [P.multi_head_contrastive(*(x[h : h + 1] for x in given), hard=hard, reduction="none") for h in range(3)]
        torch.testing.assert_close(whole, sum(each))


def test_the_hard_form_asks_one_negative_and_its_temperature() -> None:
    positive, negative, own, against = heads()
    negative.requires_grad_()
    against.requires_grad_()
    P.multi_head_contrastive(positive, negative, own, against, hard=True).backward()
    assert negative.grad is not None
    assert against.grad is not None
    hardest = torch.zeros_like(negative, dtype=torch.bool).scatter(2, negative.argmax(2, keepdim=True), True)
    assert ((negative.grad != 0) == hardest).all()
    assert ((against.grad != 0) == hardest).all()


def test_equal_negatives_take_the_first() -> None:
    one, temperature = torch.ones(1, 1), torch.tensor([[[0.5, 1.0]]], requires_grad=True)
    P.multi_head_contrastive(one, torch.ones(1, 1, 2), one, temperature, hard=True).backward()
    assert temperature.grad is not None
    assert temperature.grad[0, 0, 1] == 0
    assert temperature.grad[0, 0, 0] != 0


@pytest.mark.parametrize("hard", [False, True])
def test_masked_negatives_are_not_there(hard: bool) -> None:
    positive, negative, own, against = heads()
    mask = torch.tensor([True, False, True, False]).expand(6, 4)
    found = P.multi_head_contrastive(positive, negative, own, against, hard=hard, negative_mask=mask)
    fewer = P.multi_head_contrastive(positive, negative[..., ::2], own, against[..., ::2], hard=hard)
    torch.testing.assert_close(found, fewer)
    none = P.multi_head_contrastive(positive, negative, own, against, hard=hard, negative_mask=mask & False)
    torch.testing.assert_close(
        none, P.multi_head_contrastive(positive, negative[..., :0], own, against[..., :0], hard=hard)
    )


def test_the_best_temperature_of_a_positive() -> None:
    """With beta = 1 and no negatives it is 2 (1 - s) / d."""
    similarity = torch.tensor([[-0.5, 0.0, 0.6]], dtype=torch.float64)
    best = (2 * (1 - similarity) / 8).requires_grad_()
    none = torch.zeros(1, 3, 0, dtype=torch.float64)
    value = P.multi_head_contrastive(similarity, none, best, none, beta=1.0, dimension=8, hard=True, reduction="sum")
    (gradient,) = torch.autograd.grad(value, best, create_graph=True)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-10, rtol=0.0)
    (curvature,) = torch.autograd.grad(gradient.sum(), best)
    assert (curvature > 0).all()


@pytest.mark.parametrize("each", [None, 3])
def test_temperatures_of_pairs(each: int | None) -> None:
    torch.manual_seed(1)
    network = PairTemperature(4, hidden=7, lowest=0.2, highest=0.9, heads=each)
    anchor, other = torch.randn(3, 5, 4), torch.randn(3, 6, 4)
    found = network.between(anchor, other)
    torch.testing.assert_close(found[:, torch.arange(5), torch.arange(5)], network(anchor, other[:, :5]))
    torch.testing.assert_close(network.between(3 * anchor, 0.1 * other), found)  # lengths play no part
    assert ((found > 0.2) & (found < 0.9)).all()
    layers = torch.nn.Linear(8, 7), torch.nn.Linear(7, 1)
    with torch.no_grad():
        layers[0].weight.copy_(torch.cat([network.first[0], network.second[0]]).T)
        layers[0].bias.copy_(network.bias[0, 0])
        layers[1].weight.copy_(network.out[0].T)
        layers[1].bias.copy_(network.out_bias[0])
    unit = [torch.nn.functional.normalize(x[0, :5], dim=1) for x in (anchor, other)]
    logit = layers[1](layers[0](torch.cat(unit, 1)).relu()).squeeze(1)
    torch.testing.assert_close(network(anchor, other[:, :5])[0], 0.2 + 0.7 * logit.sigmoid())
    shared = torch.equal(network(anchor[:1].expand(3, -1, -1), other[:1, :5].expand(3, -1, -1))[0], found[0].diagonal())
    same = network(anchor[:1].expand(3, -1, -1), other[:1, :5].expand(3, -1, -1))
    assert (same[0] == same[1]).all() == (each is None)
    assert shared or torch.allclose(same[0], found[0].diagonal())


@pytest.mark.parametrize("hard", [False, True])
def test_the_criterion_with_a_network_for_each_head(hard: bool) -> None:
    torch.manual_seed(2)
    criterion = perdita.AdaptiveMultiHead(dimension=4, heads=2, hidden=5, hard=hard)
    first, second = torch.randn(2, 6, 2, 4)
    criterion(first, second).backward()
    for name, parameter in criterion.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0, name
    assert criterion(first[:1], second[:1]).isfinite()  # no negatives
    with pytest.raises(InputError, match="second"):
        criterion(first, second[:, :1])


def test_the_other_forms_of_the_table() -> None:
    """InfoNCE with the positive among the candidates of the maximum; SimSiam without negatives."""
    positive, negative, own, against = heads()
    candidates = torch.cat([positive.unsqueeze(2), negative], 2), torch.cat([own.unsqueeze(2), against], 2)
    best = candidates[0].argmax(2, keepdim=True)
    top, its = (each.gather(2, best).squeeze(2) for each in candidates)

    def cost(t: Tensor) -> Tensor:
        return 0.3 * (4 * t.log() + 1 / t)

    found = P.multi_head_contrastive(positive, candidates[0], own, candidates[1], hard=True, beta=0.3, dimension=8)
    torch.testing.assert_close(found, (top / its - positive / own + cost(own) - cost(its)).sum(0).mean())
    views = positive, own, negative[..., 0], against[..., 0]
    none = positive.new_zeros(3, 6, 0)
    first, second = (
        P.multi_head_contrastive(s, none, t, none, hard=True, beta=0.6, dimension=8)
        for s, t in (views[:2], views[2:])
    )  # fmt: skip
    written = -views[0] / (2 * views[1]) - views[2] / (2 * views[3]) + cost(views[1]) + cost(views[3])
    torch.testing.assert_close((first + second) / 2, written.sum(0).mean())


def test_barlow_twins_of_one_head_at_temperatures_of_one() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(2, 9, 2, 4, dtype=torch.float64)
    one = torch.ones(2, 4, 4, dtype=torch.float64)
    each = [P.barlow_twins(first[:, head], second[:, head], redundancy=0.1) for head in range(2)]
    found = P.multi_head_barlow_twins(first, second, one, redundancy=0.1, beta=0.0)
    torch.testing.assert_close(found, sum(each))
    warm = one + torch.eye(4)  # 2 for features that belong together, whose cost counts; 1 for all others
    cost = 8 * (4 * math.log(2) + 0.5 - 3)  # eight of the former; of the latter three for each, which count against it
    beside = P.multi_head_barlow_twins(first, second, warm, redundancy=0.1, beta=0.5, dimension=8)
    alone = P.multi_head_barlow_twins(first, second, warm, redundancy=0.1, beta=0.0)
    torch.testing.assert_close(beside - alone, torch.tensor(0.5 * cost, dtype=torch.float64))

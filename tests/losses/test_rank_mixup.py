"""The ranking losses of mixup, and the mixtures themselves."""

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.training.mixup import mix, multi_mixup


def test_mixtures_of_one_class_say_nothing_to_the_margin():
    share = torch.tensor(0.3)  # 0.3 + 0.7 is just below 1 in float32
    target = torch.stack([torch.zeros(1), torch.ones(1) * (share + (1 - share))], 1).unsqueeze(2)
    values = P.mixup_margin(torch.zeros(1, 2), torch.ones(1, 2, 1), target)
    assert values.item() == 0


def test_ndcg_is_zero_where_confidences_equal_shares():
    share = torch.tensor([0.9, 0.6], dtype=torch.float64)
    mixed = torch.stack([share.log(), (1 - share).log()]).unsqueeze(0)  # (1, 2, 2)
    plain = torch.tensor([[100.0, 0.0]], dtype=torch.float64)
    value = P.mixup_ndcg(plain, mixed, torch.stack([share, 1 - share]).unsqueeze(0))
    assert value.item() == pytest.approx(0, abs=1e-12)


def test_too_much_confidence_costs():
    target = torch.tensor([[[0.6], [0.4]]])
    sure, right = torch.tensor([[[9.0], [0.0]]]), torch.tensor([[[0.6], [0.4]]]).log()
    plain = torch.tensor([[20.0, 0.0]])
    assert P.mixup_ndcg(plain, sure, target) > P.mixup_ndcg(plain, right, target) + 0.05


def test_the_order_of_the_mixtures_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    plain, mixed = torch.randn(4, 3, generator=generator), torch.randn(4, 3, 5, generator=generator)
    target = torch.randn(4, 3, 5, generator=generator).softmax(1)
    turned = P.mixup_ndcg(plain, mixed.flip(2), target.flip(2))
    torch.testing.assert_close(P.mixup_ndcg(plain, mixed, target), turned)


@pytest.mark.parametrize("kind", ["ndcg", "margin"])
def test_without_mixtures_cross_entropy_remains(kind):
    logits, target = torch.randn(3, 4), torch.tensor([0, 1, 2])
    nothing = torch.zeros(3, 4, 0)
    torch.testing.assert_close(
        P.rank_mixup(logits, target, nothing, nothing, kind=kind), P.cross_entropy(logits, target)
    )


def test_mix_is_a_weighted_mean_of_items_and_labels():
    features, target = torch.arange(6.0).view(3, 2), torch.tensor([0, 1, 1])
    found = mix(features, target, 2, shares=torch.tensor([0.25]), partners=torch.tensor([[1, 2, 0]]))
    torch.testing.assert_close(found.features[0, 0], 0.25 * features[0] + 0.75 * features[1])
    assert found.target[:, :, 0].tolist() == [[0.25, 0.75], [0.0, 1.0], [0.75, 0.25]]


def test_multi_mixup_draws_from_its_generator_alone():
    features, target = torch.randn(6, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    state = torch.random.get_rng_state()
    first, second = (multi_mixup(features, target, 3, generator=torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.testing.assert_close(first, second)
    assert first.features.shape == (3, 6, 2, 2)
    torch.testing.assert_close(first.target.sum(1), torch.ones(6, 3))
    assert ((first.shares > 0) & (first.shares < 1)).all()


def test_the_shares_have_the_moments_of_the_beta_law():
    found = multi_mixup(torch.zeros(2, 1), torch.tensor([0, 1]), 2, mixtures=20_000, generator=torch.Generator())
    assert found.shares.mean().item() == pytest.approx(0.5, abs=0.01)
    assert found.shares.var().item() == pytest.approx(0.05, abs=0.003)  # of Beta(2, 2)


def test_predict_gives_each_item_its_mixtures():
    features, target = torch.randn(4, 2), torch.tensor([0, 1, 2, 0])
    found = multi_mixup(features, target, 3, mixtures=2, generator=torch.Generator())
    model = torch.nn.Linear(2, 3)
    outputs = found.predict(model)
    assert outputs.shape == (4, 3, 2)
    torch.testing.assert_close(outputs[..., 1], model(found.features[1]))


@pytest.mark.parametrize("bad", [{"concentration": 0.0}, {"mixtures": -1}])
def test_bad_input_is_named(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        multi_mixup(torch.zeros(2, 1), torch.tensor([0, 1]), 2, **bad)

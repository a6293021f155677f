"""The concept bottleneck: what its objectives tend to, what the search finds, how sparsity is counted."""

from __future__ import annotations

import math

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.nn.concept_bottleneck import (
    ConceptBottleneck,
    concept_matrix_search,
    concept_penalty,
    diagonal_pairs,
    effective_concepts,
    gumbel_noise,
)


def scores(n: int, c: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_starts_as_the_identity_or_as_a_linear_layer() -> None:
    given = scores(3, 5)
    model = ConceptBottleneck(5, 2).double()
    concepts, logits = model(given)
    torch.testing.assert_close(concepts, given)
    torch.testing.assert_close(logits, given @ model.head.weight.T)
    assert not torch.equal(ConceptBottleneck(5, 2, start="linear").bottleneck.weight, torch.eye(5))
    with pytest.raises(perdita.InputError, match=r"start .* 'zero'"):
        ConceptBottleneck(5, 2, start="zero")


def test_an_intervention_goes_through_the_head() -> None:
    model = ConceptBottleneck(4, 2).double()
    concepts, logits = model(scores(1, 4))
    edited = concepts.index_fill(1, torch.tensor([2]), 0.0)
    torch.testing.assert_close(logits - model.head(edited), concepts[:, 2:3] * model.head.weight[:, 2])


def test_pairs_on_the_diagonal() -> None:
    target, weight = diagonal_pairs(scores(5, 3))
    assert target.tolist() == [0, 1, 2, 0, 0]
    assert weight.tolist() == [1, 1, 1, 0, 0]
    assert diagonal_pairs(scores(2, 3))[1].tolist() == [1, 1]


def test_items_beyond_the_diagonal_stay_in_the_sum_over_the_batch() -> None:
    z = scores(5, 3)
    target, weight = diagonal_pairs(z)
    place = range(3)
    expected = -0.5 * (z.log_softmax(0)[place, place] + z.log_softmax(1)[place, place]).mean()
    torch.testing.assert_close(P.concept_contrastive(z, target, weight=weight), expected)


def test_a_large_scaled_identity_is_a_perfect_pairing() -> None:
    target = torch.arange(6)
    value = P.concept_contrastive(100 * torch.eye(6, dtype=torch.float64), target)
    assert value.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_much_temperature_forgets_scores_and_noise(seed: int) -> None:
    z = scores(4, 7, seed)
    generator = torch.Generator().manual_seed(seed)
    noise = {"batch_noise": gumbel_noise(z, generator), "concept_noise": gumbel_noise(z, generator)}
    wanted = (math.log(4) + math.log(7)) / 2
    paired = P.concept_contrastive(z, torch.arange(4), temperature=1e9, **noise)
    assert paired.item() == pytest.approx(wanted, abs=1e-7)
    assert P.concept_spread(z, temperature=1e9, **noise).item() == pytest.approx(wanted, abs=1e-7)


def test_the_spread_is_least_for_equal_scores() -> None:
    least = P.concept_spread(torch.zeros(4, 7, dtype=torch.float64))
    assert least.item() == pytest.approx((math.log(4) + math.log(7)) / 2)
    assert all(P.concept_spread(scores(4, 7, seed)) > least for seed in range(5))


def test_one_item_alone_has_no_gradient_from_the_batch() -> None:
    z = scores(1, 4).requires_grad_()
    (found,) = torch.autograd.grad(P.concept_contrastive(z, torch.tensor([2])), z)
    (half,) = torch.autograd.grad(0.5 * P.cross_entropy(z, torch.tensor([2])), z)
    torch.testing.assert_close(found, half)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_missing_concept_is_minus_infinity(dtype: torch.dtype) -> None:
    z = scores(4, 5).to(dtype)
    without = z[:, [0, 1, 2, 4]].clone().requires_grad_()
    z[:, 3] = -math.inf
    z.requires_grad_()
    value = P.concept_contrastive(z, torch.tensor([0, 1, 2, 4]), temperature=0.3)
    expected = P.concept_contrastive(without, torch.arange(4), temperature=0.3)
    torch.testing.assert_close(value, expected)
    (found,), (wanted,) = torch.autograd.grad(value, z), torch.autograd.grad(expected, without)
    torch.testing.assert_close(found[:, [0, 1, 2, 4]], wanted)
    assert found[:, 3].tolist() == [0.0] * 4
    with pytest.raises(perdita.InputError, match="finite"):
        P.concept_contrastive(z, torch.tensor([0, 1, 2, 3]))


@pytest.mark.parametrize("temperature", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("kept", [[True, False, True, True], [False] * 4])
def test_a_masked_item_is_in_no_sum_at_any_temperature(temperature: float, kept: list[bool]) -> None:
    z, mask, pairs = scores(4, 5).float(), torch.tensor(kept), torch.arange(4)
    options = {"temperature": temperature, "reduction": "sum"}
    paired = P.concept_contrastive(z, pairs, mask=mask, **options)
    spread = P.concept_spread(z, mask=mask, **options)
    torch.testing.assert_close(paired, P.concept_contrastive(z[mask], pairs[mask], **options))
    torch.testing.assert_close(spread, P.concept_spread(z[mask], **options))


def test_gumbel_noise_is_gumbel_and_the_generators() -> None:
    like = torch.empty(200_000, dtype=torch.float64)
    noise = gumbel_noise(like, torch.Generator().manual_seed(0))
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.03)
    torch.testing.assert_close(noise, gumbel_noise(like, torch.Generator().manual_seed(0)))


def test_the_penalty_is_a_mean_over_concepts() -> None:
    assert concept_penalty(torch.full((4, 4), -2.0), 0.5).item() == 0.5 / 4 * 32


def test_the_similarity_forgets_shifts_and_scales_of_columns() -> None:
    z = scores(6, 3)
    value = P.concept_similarity(z, 3 * z + torch.tensor([1.0, -2.0, 5.0]))
    assert value.item() == pytest.approx(-1)
    flat = P.concept_similarity(torch.ones(6, 3, dtype=torch.float64), z)
    assert flat.item() == pytest.approx(0, abs=1e-12)


def test_the_search_forgets_row_sums_and_names_what_does_not_fit() -> None:
    images, classes = scores(5, 8).exp(), scores(3, 8, 1).exp()
    for power in (1, 3):
        plain = concept_matrix_search(images, classes, power=power)
        sums = concept_matrix_search(images / images.sum(1, keepdim=True), classes, power=power)
        torch.testing.assert_close(plain, sums)
    with pytest.raises(perdita.InputError, match="8 and 7"):
        concept_matrix_search(images, classes[:, 1:])
    with pytest.raises(perdita.InputError, match="power"):
        concept_matrix_search(images, classes, power=0)


def test_the_number_of_concepts_in_use() -> None:
    assert effective_concepts(torch.zeros(2, 9)).tolist() == pytest.approx([9, 9])
    assert effective_concepts(torch.tensor([[100.0, 0.0, 0.0]])).item() == pytest.approx(1)

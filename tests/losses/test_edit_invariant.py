"""Edit-invariant sequence loss: what it forgives, its limits, padding and noise."""

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.losses.sequence.edit_invariant import gumbel_noise, ngram_log_match
from tests.references.sequence.edit_invariant import edit_invariant as reference


def batch(n=4, c=5, t=6, s=5):
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(n, c, t, generator=generator, dtype=torch.float64)
    return logits, torch.randint(c, (n, s), generator=generator), generator


CASES = [
    {"ngrams": (1, 2), "ngram_weights": (0.8, 0.2)},
    {"ngrams": 3, "temperature": 0.3},
    {"ngrams": (0, -2), "log_prob_floor": -2.0},
    {"ngrams": (9, 2)},
    {"ngrams": (9,)},
    {"ngrams": (2, 3, 4), "ngram_weights": (1.0, 0.0, 2.0)},
]


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("noisy", [False, True])
def test_equals_its_definition_with_padding_and_noise(options, noisy):
    logits, target, generator = batch()
    noise = gumbel_noise(logits, target, generator=generator) if noisy else None
    lengths = torch.tensor([6, 4, 2, 5])
    mask = torch.arange(5) < torch.tensor([5, 3, 4, 1]).unsqueeze(1)
    found = P.edit_invariant(logits, target, noise=noise, input_lengths=lengths, mask=mask, reduction="none", **options)
    arrays = {"noise": None if noise is None else noise.numpy(), "input_lengths": lengths.numpy(), "mask": mask.numpy()}
    values, _ = reference(logits.numpy(), target.numpy(), **options, **arrays)
    torch.testing.assert_close(found, torch.from_numpy(values))


def test_the_whole_sequence_as_one_ngram_is_cross_entropy():
    logits, target, _ = batch(t=5, s=5)
    torch.testing.assert_close(P.edit_invariant(logits, target, ngrams=0), P.cross_entropy(logits, target))


def test_words_that_moved_cost_nothing_at_order_one():
    target = torch.tensor([[1, 2, 3, 4]])
    logits = 30 * torch.nn.functional.one_hot(target, 5).double().transpose(1, 2)
    moved = torch.tensor([[4, 1, 2, 3]])
    assert P.edit_invariant(logits, moved, ngrams=1).item() < 1e-6
    assert P.cross_entropy(logits, moved).item() > 10
    assert P.edit_invariant(logits, moved, ngrams=2).item() > 1  # but not the pair (4, 1), which no place has


def test_every_ngram_of_the_target_is_sought_not_of_the_output():
    """What the output says beyond the target is free; what it leaves out is not."""
    output = torch.tensor([[1, 2, 3, 4]])
    logits = 30 * torch.nn.functional.one_hot(output, 5).double().transpose(1, 2)
    assert P.edit_invariant(logits, torch.tensor([[1, 2]]), ngrams=1).item() < 1e-6
    assert P.edit_invariant(logits, torch.tensor([[0, 2]]), ngrams=1).item() > 5


def test_a_floor_stops_the_gradient():
    logits = torch.tensor([[[60.0], [0.0]]], dtype=torch.float64, requires_grad=True)
    value = P.edit_invariant(logits, torch.tensor([[1]]), ngrams=1)
    assert value.item() == 20
    assert torch.autograd.grad(value, logits)[0].abs().sum() == 0


def test_ignored_tokens_are_padding_and_a_sequence_of_them_leaves_the_mean():
    logits, target, _ = batch()
    padded = target.clone()
    padded[1, 3:] = -100
    padded[2] = -100
    found = P.edit_invariant(logits, padded, ngrams=2)
    expected = [
        P.edit_invariant(logits[i : i + 1], target[i : i + 1, :k], ngrams=2) for i, k in ((0, 5), (1, 3), (3, 5))
    ]
    torch.testing.assert_close(found, torch.stack(expected).mean())


def test_padded_output_places_get_no_gradient_even_from_a_nan():
    logits, target, _ = batch()
    logits[0, :, 4:] = torch.nan
    logits.requires_grad_()
    P.edit_invariant(logits, target, input_lengths=torch.tensor([4, 6, 6, 6])).backward()
    assert (logits.grad[0, :, 4:] == 0).all()
    assert logits.grad.isfinite().all()


def test_noise_is_standard_gumbel_and_the_generators():
    logits, target = torch.zeros(50, 3, 40), torch.zeros(50, 40, dtype=torch.long)
    noise = gumbel_noise(logits, target, generator=torch.Generator().manual_seed(0))
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert noise.var().item() == pytest.approx(torch.pi**2 / 6, abs=0.05)
    torch.testing.assert_close(noise, gumbel_noise(logits, target, generator=torch.Generator().manual_seed(0)))
    assert gumbel_noise(logits.bfloat16(), target).dtype is torch.float32


def test_match_is_the_mean_along_diagonals():
    scores = torch.arange(12.0).view(1, 3, 4)
    torch.testing.assert_close(ngram_log_match(scores, 2), torch.tensor([[[2.5, 3.5, 4.5], [6.5, 7.5, 8.5]]]))


def test_empty_sequences_are_a_connected_zero():
    logits = torch.zeros(2, 3, 4, requires_grad=True)
    value = P.edit_invariant(logits, torch.zeros(2, 0, dtype=torch.long))
    value.backward()
    assert value.item() == 0
    assert (logits.grad == 0).all()


def test_weights_must_match_the_orders():
    logits, target, _ = batch()
    with pytest.raises(InputError, match="ngram_weights must hold 2"):
        P.edit_invariant(logits, target, ngrams=(1, 2), ngram_weights=(1.0, 1.0, 1.0))

"""Verification: true accepts at a false accept rate, and the equal error rate, against scikit-learn's curve."""

import pytest
import torch
from sklearn.metrics import roc_curve as sklearn_curve

import perdita
from perdita.judge.verification import equal_error_rate, pair_scores, roc_curve, true_accept_rate


def scores(seed=0, ties=False):
    generator = torch.Generator().manual_seed(seed)
    genuine = torch.randn(80, generator=generator, dtype=torch.float64) + 1
    impostor = torch.randn(300, generator=generator, dtype=torch.float64)
    return (genuine.round(), impostor.round()) if ties else (genuine, impostor)


def curve(genuine, impostor):
    truth = torch.cat([torch.ones(len(genuine)), torch.zeros(len(impostor))])
    return sklearn_curve(truth, torch.cat([genuine, impostor]), drop_intermediate=False)[:2]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.5])
def test_true_accepts_are_the_highest_of_the_curve_within_the_rate(rate, ties):
    genuine, impostor = scores(ties=ties)
    false, true = curve(genuine, impostor)
    assert true_accept_rate(genuine, impostor, rate).item() == pytest.approx(max(true[false <= rate + 1e-12]))


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_is_that_of_scikit_learn(ties):
    genuine, impostor = scores(ties=ties)
    false, true, threshold = roc_curve(genuine, impostor)
    for own, theirs in zip((false, true), curve(genuine, impostor), strict=True):
        torch.testing.assert_close(own, torch.as_tensor(theirs))
    assert threshold[0] == torch.inf
    assert ((genuine >= threshold[5]).double().mean() - true[5]).abs() < 1e-12


def test_equal_error_rate_is_where_the_curve_meets_its_mirror_image():
    genuine, impostor = scores()
    false, true = curve(genuine, impostor)
    nearest = abs(false - (1 - true)).argmin()
    expected = (false[nearest] + 1 - true[nearest]) / 2
    assert equal_error_rate(genuine, impostor).item() == pytest.approx(expected, abs=0.01)
    assert equal_error_rate(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])).item() == 0
    assert equal_error_rate(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])).item() == 1


def test_pairs_are_taken_once():
    embedding = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    genuine, impostor = pair_scores(embedding, torch.tensor([0, 0, 1]))
    half = 0.5**0.5
    torch.testing.assert_close(genuine, torch.tensor([half]))
    torch.testing.assert_close(impostor, torch.tensor([0.0, half]))


def test_bad_input_is_named():
    genuine, impostor = scores()
    with pytest.raises(perdita.InputError, match="false_accept_rate"):
        true_accept_rate(genuine, impostor, 1.0)
    for call in (lambda: true_accept_rate(genuine[:0], impostor, 0.1), lambda: equal_error_rate(genuine, impostor[:0]),
                 lambda: roc_curve(genuine, impostor[:0])):  # fmt: skip
        with pytest.raises(perdita.InputError, match="at least one"):
            call()
    with pytest.raises(perdita.InputError, match="embedding"):
        pair_scores(torch.zeros(3, 2), torch.zeros(4, dtype=torch.long))

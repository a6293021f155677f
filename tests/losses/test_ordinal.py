"""Losses of ordered classes: what they mean, beyond what the battery asks of every loss."""

import math

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.losses.log_odds import split_top
from perdita.losses.ordinal.cumulative import conditional_survival, ordinal_softmax, predicted_rank

LABELS = torch.arange(5)


def thresholds(seed=0, n=5):
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_one_threshold_is_binary_cross_entropy():
    logits, target = thresholds()[:, :1], torch.tensor([0, 1, 1, 0, 1])
    expected = P.binary_cross_entropy(logits[:, 0], target.double(), reduction="none")
    for loss in (P.ordinal_cross_entropy, P.corn):
        torch.testing.assert_close(loss(logits, target, reduction="none"), expected)
    torch.testing.assert_close(
        P.binomial_cross_entropy(logits[:, 0], target, classes=2, reduction="none"), expected, rtol=1e-12, atol=1e-12
    )


def test_corn_is_the_negative_log_likelihood_of_every_class():
    logits = thresholds()[:1].expand(5, 4)
    survival = conditional_survival(logits)
    probs = -torch.cat([survival, torch.zeros(5, 1)], 1).diff(dim=1, prepend=torch.ones(5, 1))  # (5, 5)
    expected = -probs[torch.arange(5), LABELS].log()
    torch.testing.assert_close(P.corn(logits, LABELS, reduction="none"), expected)
    torch.testing.assert_close(P.corn(logits, LABELS), expected.sum() / (1 + 2 + 3 + 4 + 4))


def test_every_class_is_reached_by_ordinal_cross_entropy():
    logits = torch.tensor([[3.0, 1.0, -1.0, -3.0]])
    passed = torch.ones(5, 4).tril(-1)  # row y: the thresholds below y are passed
    expected = P.binary_cross_entropy(logits.expand(5, 4), passed, reduction="none").sum(1)
    torch.testing.assert_close(P.ordinal_cross_entropy(logits.expand(5, 4), LABELS, reduction="none"), expected)


@pytest.mark.parametrize("loss", [P.ordinal_cross_entropy, P.corn])
def test_a_label_above_the_last_class_is_refused(loss):
    assert loss(thresholds(), torch.full((5,), 4)).isfinite()
    with pytest.raises(perdita.InputError, match="target must hold class indices from 0 to 4, but holds 5"):
        loss(thresholds(), torch.full((5,), 5))


def test_a_label_above_the_last_class_of_a_binomial_is_refused():
    with pytest.raises(perdita.InputError, match="from 0 to 2"):
        P.binomial_cross_entropy(torch.zeros(1), torch.tensor([3]), classes=3)


def test_an_ignored_label_is_no_label():
    kept = P.ordinal_cross_entropy(thresholds()[1:], LABELS[1:])
    torch.testing.assert_close(P.ordinal_cross_entropy(thresholds(), LABELS.where(LABELS > 0, -100)), kept)


def test_ordinal_softmax_sums_to_one_and_can_refuse_contradictions():
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    probs = ordinal_softmax(logits, ordered=True)
    assert probs.sum().item() == pytest.approx(1.0)
    assert (probs > 0).all()
    assert predicted_rank(logits).tolist() == [1]
    rising = torch.tensor([[0.0, 1.0, -1.0]])
    assert ordinal_softmax(rising).min() < 0
    with pytest.raises(perdita.InputError, match=r"must not rise .* after logits\[0, 0\]"):
        ordinal_softmax(rising, ordered=True)


def test_earth_mover_of_a_label_is_the_expected_distance():
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    distance = (LABELS.unsqueeze(0) - LABELS.unsqueeze(1)).abs()
    expected = (logits.softmax(1) * distance).sum(1)
    torch.testing.assert_close(P.earth_mover(logits, LABELS, reduction="none"), expected)


def test_far_mistakes_cost_more():
    logits = 6.0 * torch.eye(5)[:1].expand(5, 5)  # class 0 is sure
    for loss in (P.ordinal_log_loss, P.earth_mover, P.squared_earth_mover):
        values = loss(logits, LABELS, reduction="none")
        assert (values.diff() > 0).all(), loss.__name__
    assert not (P.cross_entropy(logits, LABELS, reduction="none").diff()[1:] > 0).any()


def test_a_single_peak_at_the_label_is_free_of_penalty():
    logits = torch.tensor([[0.0, 1.0, 3.0, 2.0, 1.0]])
    free = P.unimodal_cross_entropy(logits, torch.tensor([2]), penalty=9.0, margin=0.0)
    torch.testing.assert_close(free, P.cross_entropy(logits, torch.tensor([2])))
    assert P.unimodal_cross_entropy(logits, torch.tensor([0]), penalty=9.0, margin=0.0) > P.cross_entropy(
        logits, torch.tensor([0])
    )


def test_binomial_probabilities_sum_to_one():
    values = P.binomial_cross_entropy(torch.full((5,), 0.7).double(), LABELS, classes=5, reduction="none")
    assert math.fsum(torch.exp(-values).tolist()) == pytest.approx(1.0, abs=1e-12)


def test_the_most_probable_class_and_the_others_keep_their_digits():
    logits = torch.tensor([[0.0, 90.0, -30.0], [5.0, 5.0, 5.0], [1e4, -1e4, 0.0], [3.0, 2.0, 1.0]])
    split = split_top(logits)
    exact = logits.double()
    log_p = exact.log_softmax(1)
    top = exact.argmax(1, keepdim=True)
    others = exact.scatter(1, top, -torch.inf).logsumexp(1, keepdim=True)
    assert torch.equal(split.index, top)
    torch.testing.assert_close(split.top.double(), exact.gather(1, top) - others, rtol=1e-6, atol=1e-6)
    found = (split.odds * split.unit).double()
    torch.testing.assert_close(found, log_p.exp().scatter(1, top, 0.0), rtol=1e-5, atol=1e-38)
    apart = torch.ones_like(log_p, dtype=torch.bool).scatter(1, top, False)
    torch.testing.assert_close(split.log_p.double()[apart], log_p[apart], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("labels", [torch.int64, torch.int32, torch.uint8])
def test_labels_of_any_integer_dtype_pass_the_same_thresholds(labels):
    logits, target = torch.linspace(-2, 2, 12).view(3, 4), torch.tensor([0, 2, 4])
    for loss in (P.corn, P.ordinal_cross_entropy, P.ordinal_log_loss, P.one_versus_rest_dice):
        wanted = target.clamp_max(3)
        torch.testing.assert_close(loss(logits, wanted.to(labels)), loss(logits, wanted))
    torch.testing.assert_close(P.corn(logits, target.to(labels)), P.corn(logits, target))
    many, last = torch.zeros(1, 255), torch.tensor([255], dtype=labels if labels is torch.uint8 else torch.int64)
    torch.testing.assert_close(P.corn(many, last), torch.tensor(math.log(2)))

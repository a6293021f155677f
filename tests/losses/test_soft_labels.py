"""Soft and smoothed targets, for every loss over classes in the catalogue."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import perdita
import perdita.functional as P
from perdita.testing.battery import subject_of
from perdita.testing.sample import Sample
from tests.references import ARGUMENTS, SAMPLES

# losses over classes that take class indices alone, and why
INDICES_ALONE = {
    "adaptive_log_softmax": "its tree of clusters is walked to one class",
    "aldr_kl": "it asks how far one label may be trusted",
    "ldr_k": "it asks how far one label may be trusted",
    "ldr_kl": "it asks how far one label may be trusted",
    "balanced_correctness_aware": "a prediction is right or wrong",
    "correctness_aware": "a prediction is right or wrong",
    "binomial_cross_entropy": "one logit, which holds no place for the classes",
    "direct_coverage": "an attempt succeeds or not",
    "hyperbolic_cross_entropy": "a label of points, not of logits; take cross_entropy of its logits",
    "multi_margin": "PyTorch's, whose sum over pairs of classes a soft target would square",
    "nll": "PyTorch's; kl_div and cross_entropy take distributions",
    "rank_mixup": "it has the mixtures' soft targets beside",
    "unlikelihood": "tokens that are there or not",
}
# where the target enters as a distribution, not as the mean over its classes: 0 where the prediction is the target
DISTANCES = {"bi_tempered", "brier", "entmax15", "one_hot_square", "softmax_mae", "sparsemax", "squared_earth_mover"}
MIXED = {"active_passive", "earth_mover", "one_versus_rest_dice", "poly_cross_entropy", "symmetric_cross_entropy"}
CURVED = DISTANCES | MIXED
CARDS = [card for card in perdita.cards() if card.task in ("multiclass", "ordinal")]
LABELLED = [card for card in CARDS if card.signature.labels is not None]
SOFT = sorted(card.name for card in LABELLED if len(card.signature.labels.shapes) > 1)  # type: ignore[union-attr]
SMOOTHED = [name for name in SOFT if "label_smoothing" in perdita.card(name).signature.defaults]


def drawn(name: str, seed: int = 0) -> tuple[perdita.testing.battery.Subject, Sample, str, int]:
    """A loss with class indices, the name of its target and its number of classes."""
    subject = subject_of(perdita.card(name), sampler=SAMPLES.get(name), arguments=ARGUMENTS.get(name))
    inputs = subject.sample(seed)
    labels = subject.card.signature.labels
    assert labels is not None
    soft = subject.sample(seed, alternative=1).tensors[labels.name]
    return subject, inputs, labels.name, soft.shape[1]


def spread(target: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(target, classes).double().movedim(-1, 1)


def simplex(like: Tensor, seed: int) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).softmax(1)


def test_every_loss_over_classes_takes_soft_targets_or_says_why_not() -> None:
    hard = {card.name for card in LABELLED} - set(SOFT)
    assert hard == set(INDICES_ALONE)


@pytest.mark.parametrize("name", SOFT)
def test_a_one_hot_target_is_the_class_index(name: str) -> None:
    subject, inputs, target, classes = drawn(name)
    soft = inputs.but(**{target: spread(inputs.tensors[target], classes)})
    found, gradients = subject.gradients(soft, reduction="none")
    expected, slopes = subject.gradients(inputs, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)
    for one, gradient in gradients.items():
        torch.testing.assert_close(gradient, slopes[one], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", SMOOTHED)
def test_smoothing_is_a_smoothed_soft_target(name: str) -> None:
    subject, inputs, target, classes = drawn(name, seed=1)
    probs = 0.8 * spread(inputs.tensors[target], classes) + 0.2 / classes
    options = {"smooth_polynomial": True} if name == "poly_cross_entropy" else {}
    smoothed = subject(Sample(inputs.tensors, {**inputs.options, **options, "label_smoothing": 0.2}), reduction="none")
    expected = subject(Sample({**inputs.tensors, target: probs}, inputs.options), reduction="none")
    torch.testing.assert_close(smoothed, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", [name for name in SOFT if name not in CURVED])
def test_a_soft_target_costs_what_its_classes_cost_on_average(name: str) -> None:
    subject, inputs, target, classes = drawn(name, seed=2)
    probs = simplex(spread(inputs.tensors[target], classes), 3)
    values = subject(inputs.but(**{target: probs}), reduction="none")
    labels = [torch.full_like(inputs.tensors[target], k) for k in range(classes)]
    each = torch.stack([subject(inputs.but(**{target: label}), reduction="none") for label in labels], 1)
    torch.testing.assert_close(values, (probs * each).sum(1), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", sorted(CURVED - {"poly_cross_entropy"}))  # whose default epsilon makes it straight
def test_the_others_do_not(name: str) -> None:
    subject, inputs, target, classes = drawn(name, seed=2)
    probs = simplex(spread(inputs.tensors[target], classes), 3)
    values = subject(inputs.but(**{target: probs}), reduction="none")
    labels = [torch.full_like(inputs.tensors[target], k) for k in range(classes)]
    each = torch.stack([subject(inputs.but(**{target: label}), reduction="none") for label in labels], 1)
    assert not torch.allclose(values, (probs * each).sum(1), rtol=1e-3)


@pytest.mark.filterwarnings("ignore:one_hot_square expects logits")  # its best scores look like probabilities
@pytest.mark.parametrize("name", sorted(DISTANCES))
def test_a_distance_is_zero_at_its_target_alone(name: str) -> None:
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0]], dtype=torch.float64)
    logits = {
        "sparsemax": probs.where(probs > 0, -1.0),
        "entmax15": (2 * probs.sqrt()).where(probs > 0, -2.0),
        "one_hot_square": probs,
        "bi_tempered": -(probs.clamp_min(1e-300).pow(-0.4) - 1) / 0.4,  # the tempered logarithm at the default tail
    }.get(name, probs.clamp_min(1e-300).log())
    values = getattr(P, name)(logits, probs, reduction="none")
    torch.testing.assert_close(values, torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    assert (getattr(P, name)(logits.flip(1), probs, reduction="none") > 1e-3).all()


@pytest.mark.parametrize("name", SMOOTHED)
def test_a_soft_target_of_no_distribution_is_refused(name: str) -> None:
    subject, inputs, target, classes = drawn(name)
    probs = 0.9 * spread(inputs.tensors[target], classes)
    with pytest.raises(perdita.InputError, match=f"{target} must hold probabilities over dimension 1 that sum to one"):
        subject(inputs.but(**{target: probs}))


@pytest.mark.parametrize("name", ["ordinal_cross_entropy", "corn"])
def test_a_soft_target_of_another_number_of_classes_is_refused(name: str) -> None:
    with pytest.raises(perdita.InputError, match="5 probabilities for the 4 thresholds of logits, not 4"):
        getattr(P, name)(torch.zeros(2, 4), torch.full((2, 4), 0.25))


def test_dense_targets_of_squentropy() -> None:
    logits = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = torch.randint(5, (2, 3, 4), generator=torch.Generator().manual_seed(1))
    flat = P.squentropy(logits.movedim(1, -1).reshape(-1, 5), target.reshape(-1), reduction="none")
    torch.testing.assert_close(P.squentropy(logits, target, reduction="none"), flat.view(2, 3, 4))
    soft = P.squentropy(logits, spread(target, 5), label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(soft, P.squentropy(logits, target, label_smoothing=0.1, reduction="none"))


def test_binary_squentropy_is_squentropy_of_two_scores() -> None:
    logits = torch.tensor([-30.0, -1.0, 0.0, 2.0, 500.0], dtype=torch.float64)
    target = torch.tensor([0, 1, 0, 1, 0])
    pair = torch.stack([-logits / 2, logits / 2], 1)
    found = P.binary_squentropy(logits, target, square_weight=0.5, reduction="none")
    torch.testing.assert_close(found, P.squentropy(pair, target, square_weight=0.5, reduction="none"))
    half = P.binary_squentropy(logits, torch.full((5,), 0.5).double(), reduction="none")
    torch.testing.assert_close(half, P.squentropy(pair, torch.full((5, 2), 0.5).double(), reduction="none"))

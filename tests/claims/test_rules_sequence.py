"""The rules of the claims about sequences and tags."""

import pytest
import torch

from perdita.claims.harness import Evidence
from perdita.claims.imbalance import dice_nlp
from perdita.claims.sequence import eisl, number_token_loss, pass_at_n


def evidence(effect=0.2, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


def _numbers(error=10.0, exact=0.3, n=5):
    means = {"cross_entropy": {"error": 12.0, "exact": 0.31}, "wasserstein": {"error": error, "exact": exact}}
    return evidence(-0.2, n, means=means)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_numbers(), "holds"),
        (_numbers(error=11.0), "inconclusive"),
        (_numbers(exact=0.27), "inconclusive"),
        (_numbers(exact=0.2), "does not hold"),
        (_numbers(error=12.0), "does not hold"),
        (_numbers(n=4), "inconclusive"),
        (_numbers(error=float("nan")), "inconclusive"),
    ],
)
def test_the_rule_of_number_token_loss(found, verdict):
    assert number_token_loss.verdict(found) == verdict


def _edited(none=(1.0, 1.0), four=(0.7, 0.9), eight=(0.3, 0.7), n=5):
    return evidence(eight[1] - eight[0], n, means={"0": none, "4": four, "8": eight})


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_edited(), "holds"),
        (_edited(none=(1.0, 0.98)), "inconclusive"),
        (_edited(four=(0.7, 0.75)), "inconclusive"),
        (_edited(four=(0.7, 0.7)), "does not hold"),
        (_edited(eight=(0.7, 0.6)), "does not hold"),
        (_edited(none=(1.0, 0.8)), "does not hold"),
        (_edited(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_eisl(found, verdict):
    assert eisl.verdict(found) == verdict


def _attempts(effect=0.1, early=0.95, kept=0.955, best=0.96, confidence=(0.8, 0.6, 0.4), n=5):
    course = {"early": {"one": 0.2, "sixteen": early}, "late": {"one": 0.6, "sixteen": 0.85}}
    return evidence(effect, n, kept=kept, best=best, confidence=list(confidence), **course)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_attempts(), "holds"),
        (_attempts(effect=0.04), "inconclusive"),
        (_attempts(kept=0.94), "inconclusive"),
        (_attempts(early=0.8), "inconclusive"),
        (_attempts(early=0.8, confidence=(0.4, 0.6, 0.8)), "does not hold"),
        (_attempts(effect=0.0), "does not hold"),
        (_attempts(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_pass_at_n(found, verdict):
    assert pass_at_n.verdict(found) == verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(0.1), "holds"),
        (evidence(0.09), "inconclusive"),
        (evidence(0.0), "does not hold"),
        (evidence(float("nan")), "inconclusive"),
        (evidence(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_dice_nlp(found, verdict):
    assert dice_nlp.verdict(found) == verdict


def test_edits_repeat_swap_or_blank():
    """One edit of a sequence without repetitions is one of the three, and each kind occurs."""
    target = torch.arange(1, 9).expand(300, 8)
    found = eisl.edit(target, 1, torch.Generator().manual_seed(0))
    blanked = (found == eisl.BLANK).sum(1) == 1
    swapped = (found.sort(1).values == target).all(1)
    repeated = (found.diff(dim=1) == 0).sum(1) == 1
    assert (blanked.int() + swapped.int() + repeated.int() == 1).all()
    assert min(blanked.sum(), swapped.sum(), repeated.sum()) > 60
    torch.testing.assert_close(eisl.edit(target, 0, torch.Generator()), target)

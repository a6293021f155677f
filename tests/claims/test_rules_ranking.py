"""The rules of the claims about ranking, on evidence made by hand, and recall by hand."""

import pytest
import torch

from perdita.claims.harness import Evidence
from perdita.claims.ranking import fcn_tribce, mw_auc, simplex_ccl

NAN = float("nan")


@pytest.mark.parametrize("claim", [mw_auc, simplex_ccl])
@pytest.mark.parametrize(
    ("effect", "wins", "n", "verdict"),
    [
        (0.02, 5, 5, "holds"),
        (0.02, 4, 5, "inconclusive"),
        (0.02, 4, 4, "inconclusive"),
        (0.0, 5, 5, "does not hold"),
        (-0.01, 1, 5, "does not hold"),
        (NAN, 5, 5, "inconclusive"),
    ],
)
def test_the_rules(claim, effect, wins, n, verdict):
    found = Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, {"wins": wins})
    assert claim.verdict(found) == verdict


@pytest.mark.parametrize(
    ("effect", "wins", "n", "verdict"),
    [
        (0.02, 4, 5, "holds"),
        (0.02, 3, 5, "inconclusive"),
        (0.02, 4, 4, "inconclusive"),
        (0.0, 5, 5, "does not hold"),
        (NAN, 5, 5, "inconclusive"),
    ],
)
def test_the_rule_of_tri_bce(effect, wins, n, verdict):
    found = Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, {"wins": wins})
    assert fcn_tribce.verdict(found) == verdict


def test_recall_by_hand():
    """Of the first two items that are not known: user 0 finds one of two, user 1 none of one; user 2 wants nothing."""
    scores = torch.tensor([[4.0, 3, 2, 1]] * 3)
    wanted = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]).bool()
    known = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).bool()
    assert simplex_ccl.recall_of_first(scores, wanted, known, k=2) == pytest.approx((1 / 2 + 0) / 2)


def test_a_simulated_world_holds_out_what_it_says():
    rows, users, part = simplex_ccl._simulated(0, "cpu")
    assert (part > 0).sum() == simplex_ccl.CHOICES
    assert (part == 2).sum() == (part == 3).sum() == simplex_ccl.HELD // 2
    assert torch.equal(part[rows[:, 0], rows[:, 1]], torch.ones(len(rows), dtype=torch.long))
    assert len(rows) == (part == 1).sum()
    assert users.shape == (simplex_ccl.USERS, 1)

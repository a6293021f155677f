"""The rule of the multi-similarity claim, on evidence made by hand, and its retrieval scores."""

from __future__ import annotations

import pytest
import torch

from perdita.claims.embedding import multi_similarity
from perdita.claims.harness import Evidence

NAN = float("nan")


@pytest.mark.parametrize(
    ("effect", "wins", "n", "verdict"),
    [
        (0.02, 5, 5, "holds"),
        (0.02, 4, 5, "holds"),
        (0.02, 3, 5, "inconclusive"),
        (0.02, 4, 4, "inconclusive"),
        (0.0, 5, 5, "does not hold"),
        (-0.01, 4, 5, "does not hold"),
        (NAN, 5, 5, "inconclusive"),
    ],
)
def test_the_rule_of_multi_similarity(effect: float, wins: int, n: int, verdict: str) -> None:
    found = Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, {"wins": wins})
    assert multi_similarity.verdict(found) == verdict


def test_retrieval_by_hand() -> None:
    """On a line of angles, the item at 30 degrees is nearer to the other class; R = 2 for class 0, 1 for class 1."""
    angles = torch.tensor([0.0, 10.0, 30.0, 40.0, 45.0]).deg2rad()
    x, y = torch.stack([angles.cos(), angles.sin()], 1), torch.tensor([0, 0, 0, 1, 1])
    precision, recall = multi_similarity.retrieval(x, y)
    assert recall == pytest.approx(4 / 5)
    assert precision == pytest.approx((1 + 1 + 0 + 1 + 1) / 5)

"""Poly-1 against cross-entropy: does some epsilon other than 0, chosen on validation data, help?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import perdita
from perdita.claims.digits import accuracy, digits, network, recipe
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.train.engine import train_together

EPSILONS = (-0.5, 0.0, 1.0, 2.0, 4.0)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the test accuracy gained over epsilon = 0 by the epsilon with the best mean validation accuracy.

    Digits; a fifth of the training half is held back to choose epsilon among those other than 0 (the first of equals),
    so that the test half is looked at for that one epsilon and for 0 alone.
    """
    criteria = {f"{epsilon:g}": perdita.PolyCrossEntropy(epsilon=epsilon).to(device) for epsilon in EPSILONS}
    data = digits(seeds, device, validation=0.2)
    trained = train_together(criteria, network, data.folds, recipe(short), seeds)
    scores = {part: accuracy(trained.outputs[part], data.labels[part]) for part in ("validation", "test")}
    candidates = [arm for arm, epsilon in enumerate(EPSILONS) if epsilon != 0]
    validation = scores["validation"].mean(1).tolist()
    chosen = max(candidates, key=lambda arm: validation[arm])
    plain = scores["test"][EPSILONS.index(0.0)].tolist()
    better = scores["test"][chosen].tolist()
    positive = sum(one > other for one, other in zip(better, plain, strict=True))
    return paired(
        plain,
        better,
        overlap=1.0,  # halves of one data set
        epsilon=EPSILONS[chosen],
        positive=positive,
        epsilons=list(EPSILONS),
        validation_accuracy=validation,
        test_accuracy=scores["test"].tolist(),
        remarks=[f"epsilon = {EPSILONS[chosen]:g} was chosen; it gains in {positive} of {len(plain)} seeds"],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    enough = evidence.effect > 0.002 and evidence.details["positive"] >= 0.6 * evidence.n
    return "holds" if enough else "inconclusive"


CLAIM = Claim(
    slug="polyloss",
    statement="Some first polynomial coefficient other than that of cross-entropy is more accurate than cross-entropy.",
    source="Leng et al., ICLR 2022, arXiv 2204.12511, abstract and table 1",
    rule=(
        "Holds: on digits, the epsilon chosen on validation data gains more than 0.002 in mean test accuracy over "
        "epsilon = 0, and gains in at least 3 of 5 seeds. Does not hold: the mean gain is not above 0. Inconclusive: "
        "between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)

"""The rules of the claims about imitation with a backspace, unlearning and multi-token prediction."""

import pytest
import torch

from perdita.claims.harness import Evidence
from perdita.claims.sequence import sequencematch
from perdita.claims.training import multi_token, unlearning_sha256


def evidence(effect=0.2, n=5, measured=None, **details):
    own = 0.5 + effect if measured is None else measured
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, own, n, details)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(0.1, standard_error=0.04), "holds"),
        (evidence(0.1, standard_error=0.05), "inconclusive"),
        (evidence(0.0, standard_error=0.01), "does not hold"),
        (evidence(-0.1, standard_error=0.5), "does not hold"),
        (evidence(0.1, n=4, standard_error=0.01), "inconclusive"),
        (evidence(float("nan"), standard_error=0.01), "inconclusive"),
    ],
)
def test_the_rule_of_sequencematch(found, verdict):
    assert sequencematch.verdict(found) == verdict


def _gaps(adaptive=0.5, fixed=0.3, ascent=0.0, n=5):
    return evidence(adaptive - fixed, n, gap={"adaptive": adaptive, "fixed": fixed, "ascent": ascent})


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_gaps(), "holds"),
        (_gaps(fixed=0.45), "inconclusive"),
        (_gaps(ascent=0.45), "inconclusive"),
        (_gaps(fixed=0.5), "does not hold"),
        (_gaps(ascent=0.6), "does not hold"),
        (_gaps(n=4), "inconclusive"),
        (_gaps(adaptive=float("nan")), "inconclusive"),
    ],
)
def test_the_rule_of_unlearning_sha256(found, verdict):
    assert unlearning_sha256.verdict(found) == verdict


def _decoded(measured=1.8, plain_guess=1.5, exact=True, same=True, never_below=True, ordinary=0.02, n=5):
    means = {"quadratic": measured, "without sampler": plain_guess}
    details = {"exact": exact, "same": same, "never_below": never_below, "means": means, "ordinary": [ordinary] * n}
    return evidence(measured - 1, n, measured, **details)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (_decoded(), "holds"),
        (_decoded(plain_guess=1.9), "inconclusive"),
        (_decoded(never_below=False), "inconclusive"),
        (_decoded(measured=1.3), "does not hold"),
        (_decoded(exact=False), "does not hold"),
        (_decoded(same=False), "does not hold"),
        (_decoded(ordinary=0.0), "does not hold"),
        (_decoded(n=4), "inconclusive"),
        (_decoded(measured=float("nan")), "inconclusive"),
    ],
)
def test_the_rule_of_multi_token(found, verdict):
    assert multi_token.verdict(found) == verdict


def test_the_language_knows_its_own_texts_and_refuses_others():
    generator = torch.Generator().manual_seed(0)
    machine = sequencematch._machine(generator)
    texts = sequencematch._texts(machine, 200, generator)
    assert sequencematch._accepts(machine, texts).all()
    allowed, follow = machine
    for row in texts[:20].tolist():
        state = 0
        for place in range(1, 17):
            assert allowed[state, row[place]]
            assert place < 3 or row[place] != row[place - 2]
            state = int(follow[state, row[place]])
    strange = texts.clone()
    strange[:, 5] = strange[:, 3]  # equal to the one two before
    assert not sequencematch._accepts(machine, strange).any()
    ended = texts.clone()
    ended[:, 9:] = sequencematch.END
    assert not sequencematch._accepts(machine, ended).any()

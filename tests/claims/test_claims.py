"""Every claim runs, gives the same evidence twice, and is judged by its evidence alone."""

import inspect
from dataclasses import replace

import pytest

from perdita.claims import harness
from perdita.claims.classification import polyloss, squentropy
from perdita.claims.harness import Evidence

SLUGS = list(harness.slugs())


@pytest.mark.parametrize("slug", SLUGS)
def test_a_claim_says_what_it_is(slug):
    claim = harness.claim(slug)
    assert claim.slug == slug
    assert claim.statement.endswith(".")
    assert claim.source
    assert "Holds: " in claim.rule
    assert "Does not hold: " in claim.rule
    assert "Inconclusive: " in claim.rule
    assert len(claim.seeds) >= 5
    assert list(inspect.signature(claim.run).parameters) == ["seeds", "device", "short"]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_claim_is_deterministic_and_judged_by_its_evidence(slug):
    first, second = (harness.reproduce(slug, [0, 1], short=True) for _ in range(2))
    assert first.evidence == second.evidence
    assert first.evidence.n == 2
    assert first.evidence.details["remarks"]
    assert first.evidence.effect == pytest.approx(first.evidence.measured - first.evidence.baseline, abs=1e-12)
    assert first.evidence.interval[0] <= first.evidence.effect <= first.evidence.interval[1]
    assert first.verdict == harness.claim(slug).verdict(first.evidence) == "inconclusive"  # two seeds decide nothing
    low, high = first.evidence.interval
    if not high > low:  # both seeds gave the same effect: whether seeds matter is not seen from it
        assert _details_of_other_seeds(slug) != first.evidence.details


@pytest.mark.full
@pytest.mark.parametrize("slug", SLUGS)
def test_other_seeds_give_other_numbers(slug):
    assert _details_of_other_seeds(slug) != harness.claim(slug).run([0, 1], short=True).details


def _details_of_other_seeds(slug):
    return harness.claim(slug).run([2, 3], short=True).details


@pytest.mark.parametrize("slug", list(harness.stored_results()))
def test_a_stored_verdict_follows_from_its_stored_evidence(slug):
    record, claim = harness.stored_results()[slug], harness.claim(slug)
    assert (record["statement"], record["rule"], record["source"]) == (claim.statement, claim.rule, claim.source)
    facts = {name: record[name] for name in ("effect", "baseline", "measured", "n", "details")}
    assert record["verdict"] == claim.verdict(Evidence(interval=tuple(record["interval"]), **facts))
    assert record["n"] == len(claim.seeds)


def _squentropy(effect=0.01, ece_lower=5, n=5):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.9, 0.9 + effect, n, {"ece_lower": ece_lower})


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (_squentropy(), "holds"),
        (_squentropy(effect=1e-6, ece_lower=4), "holds"),
        (_squentropy(effect=0.0), "does not hold"),
        (_squentropy(effect=-0.01), "does not hold"),
        (_squentropy(ece_lower=3), "inconclusive"),
        (_squentropy(ece_lower=2), "does not hold"),
        (_squentropy(effect=float("nan")), "inconclusive"),
        (_squentropy(n=4, ece_lower=4), "inconclusive"),
        (_squentropy(n=10, ece_lower=8), "holds"),
        (_squentropy(n=10, ece_lower=7), "inconclusive"),
    ],
)
def test_the_rule_of_squentropy(evidence, verdict):
    assert squentropy.verdict(evidence) == verdict


def _polyloss(effect=0.003, positive=5, n=5):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.9, 0.9 + effect, n, {"positive": positive})


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (_polyloss(), "holds"),
        (_polyloss(effect=0.0021, positive=3), "holds"),
        (_polyloss(effect=0.002), "inconclusive"),
        (_polyloss(positive=2), "inconclusive"),
        (_polyloss(effect=0.0), "does not hold"),
        (_polyloss(effect=-0.003, positive=0), "does not hold"),
        (_polyloss(effect=float("nan")), "inconclusive"),
        (_polyloss(n=4, positive=4), "inconclusive"),
        (_polyloss(n=10, positive=6), "holds"),
    ],
)
def test_the_rule_of_polyloss(evidence, verdict):
    assert polyloss.verdict(evidence) == verdict


def test_the_interval_of_the_evidence_has_no_part_in_these_rules():
    wide = replace(_polyloss(), interval=(-1.0, 1.0))
    assert polyloss.verdict(wide) == polyloss.verdict(_polyloss()) == "holds"

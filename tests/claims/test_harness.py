"""The harness finds claims by their files, judges evidence by the claim's own rule, and stores what it measured."""

import json
import math

import pytest
import torch

import perdita
from perdita.claims import harness
from perdita.claims.harness import Claim, Evidence, paired


def _claim(verdict="holds", effect=0.25):
    def run(seeds, device="cpu", short=False):
        return Evidence(
            effect, (0.125, 0.5), 0.5, 0.75, len(seeds), {"seeds": list(seeds), "short": short, "bad": math.nan}
        )

    return Claim("made-up", "A statement.", "Someone, 2020", "A rule.", run, lambda evidence: verdict, seeds=(3, 4, 5))


@pytest.fixture
def made_up(monkeypatch):
    def install(**facts):
        monkeypatch.setattr(harness, "claim", lambda slug: _claim(**facts))

    install()
    return install


def test_evidence_of_pairs():
    evidence = paired([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 4.0, 5.0], colour="red")
    assert (evidence.effect, evidence.baseline, evidence.measured, evidence.n) == (0.75, 2.5, 3.25, 4)
    half = 3.182446305284263 * 0.5 / 2  # t(0.975, 3), standard deviation of the differences, sqrt(4)
    assert evidence.interval == pytest.approx((0.75 - half, 0.75 + half), rel=1e-12)
    assert evidence.details == {"colour": "red"}


def test_overlapping_pairs_have_a_wider_interval():
    alone = paired([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 4.0, 5.0])
    overlapping = paired([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 4.0, 5.0], overlap=1.0)
    width = [end - start for start, end in (alone.interval, overlapping.interval)]
    assert width[1] == pytest.approx(width[0] * math.sqrt(5), rel=1e-12)  # sqrt((1/4 + 1) / (1/4))


@pytest.mark.parametrize("verdict", harness.VERDICTS)
def test_the_json_of_a_result(made_up, verdict):
    made_up(verdict=verdict)
    found = harness.reproduce("made-up").to_json()
    assert found.pop("seconds") >= 0
    assert found == {
        "slug": "made-up", "statement": "A statement.", "rule": "A rule.", "verdict": verdict, "effect": 0.25,
        "interval": [0.125, 0.5], "baseline": 0.5, "measured": 0.75, "n": 3,
    }  # fmt: skip


@pytest.mark.parametrize(("given", "used"), [(None, [3, 4, 5]), (2, [0, 1]), ([7, 9], [7, 9])])
def test_the_seeds_are_those_given(made_up, given, used):
    assert harness.reproduce("made-up", given).evidence.details["seeds"] == used


@pytest.mark.parametrize("given", [0, 1, -1, [], [4]])
def test_one_seed_has_no_interval(made_up, given):
    with pytest.raises(perdita.InputError, match="at least 2"):
        harness.reproduce("made-up", given)


def test_a_rule_may_say_nothing_else(made_up):
    made_up(verdict="mostly")
    with pytest.raises(ValueError, match="mostly"):
        harness.reproduce("made-up")


def test_an_unknown_claim_names_the_nearest():
    with pytest.raises(perdita.InputError, match="no claim 'squentrop'; did you mean 'squentropy'"):
        harness.reproduce("squentrop")


def test_a_missing_library_names_its_extra(monkeypatch):
    def run(seeds, device="cpu", short=False):
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.setattr(harness, "claim", lambda slug: Claim("a", "s", "s", "r", run, lambda evidence: "holds"))
    with pytest.raises(perdita.MissingExtraError, match=r"sklearn.*perdita\[compare\]"):
        harness.reproduce("a")


def test_results_are_stored_beside_earlier_ones_and_replace_their_own(made_up, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"slug": "another", "effect": 1}, {"slug": "made-up", "effect": 2}]))
    harness.store_results([harness.reproduce("made-up")], path)
    stored = harness.stored_results(path)
    assert list(stored) == ["another", "made-up"]
    assert stored["another"] == {"slug": "another", "effect": 1}
    record = stored["made-up"]
    assert record["effect"] == 0.25
    assert record["details"]["bad"] is None
    assert set(record["machine"]) == {"cores", "processor"}
    assert {"python", "perdita", "torch"} <= set(record["versions"])
    assert len(record["date"]) == len("2026-01-01")
    assert "NaN" not in path.read_text()


def test_nothing_is_stored_where_nothing_can_be_written(made_up, tmp_path):
    with pytest.raises(perdita.InputError, match="cannot write"):
        harness.store_results([harness.reproduce("made-up")], tmp_path / "missing" / "results.json")


def test_no_results_are_stored_yet(tmp_path):
    assert harness.stored_results(tmp_path / "results.json") == {}


def test_work_side_by_side_keeps_its_order_and_leaves_no_trace():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = torch.get_rng_state()

        def work(seed):
            torch.manual_seed(seed)  # which the others may overwrite; what follows draws from its own
            draw = torch.randn(200, 200, generator=torch.Generator().manual_seed(seed)).requires_grad_()
            (draw @ draw).square().sum().backward()
            return torch.get_num_threads(), seed, draw.grad

        found = harness.side_by_side(work, range(6))
        assert [(threads, seed) for threads, seed, _ in found] == [(1, seed) for seed in range(6)]
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.get_rng_state(), state)
        torch.set_num_threads(1)
        assert all(torch.equal(work(seed)[2], gradient) for _, seed, gradient in found)
        with pytest.raises(ZeroDivisionError):
            harness.side_by_side(lambda item: 1 / item, [1, 0])
    finally:
        torch.set_num_threads(before)

"""The rules of the claims about language models, on evidence made by hand."""

from __future__ import annotations

import pytest
import torch

from perdita.claims.harness import Evidence
from perdita.claims.judge import dc_pdd
from perdita.claims.nn import tra
from perdita.claims.preference import spo
from perdita.claims.training import spike_no_more
from perdita.nn.threshold_attention import ThresholdRelativeAttention, rms_norm

NAN = float("nan")


def evidence(effect=0.03, n=5, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.9, 0.9 + effect, n, details)


def _detection(min_k=(0.03, 0.002), loss=(0.06, 0.003), n=5):
    return evidence(min_k[0], n, gains={"min_k": list(min_k), "loss": list(loss)})


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_detection(), "holds"),
        (_detection(min_k=(0.004, 0.002)), "inconclusive"),
        (_detection(loss=(0.005, 0.003)), "inconclusive"),
        (_detection(min_k=(0.0, 0.002)), "does not hold"),
        (_detection(loss=(-0.01, 0.003)), "does not hold"),
        (_detection(loss=(NAN, 0.003)), "inconclusive"),
        (_detection(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_dc_pdd(given, verdict):
    assert dc_pdd.verdict(given) == verdict


def _gradients(distances=(1.3, 0.6, 0.02, 0.03), first=(2.2, 4.3, 0.7, 0.5), n=5):
    names = list(spike_no_more.ARMS)
    details = {"distance": dict(zip(names, distances, strict=True)), "first_mean": dict(zip(names, first, strict=True))}
    return evidence(distances[2] - distances[0], n, **details)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_gradients(), "holds"),
        (_gradients(distances=(1.3, 0.6, 0.02, 0.7)), "inconclusive"),
        (_gradients(first=(2.2, 0.6, 0.7, 0.5)), "inconclusive"),
        (_gradients(distances=(1.3, 0.6, 1.4, 0.03)), "inconclusive"),
        (_gradients(distances=(1.3, 0.6, 1.3, 1.4)), "does not hold"),
        (_gradients(first=(2.2, 4.3, 2.2, 2.5)), "does not hold"),
        (_gradients(distances=(1.3, NAN, 0.02, 0.03)), "inconclusive"),
        (_gradients(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_spike_no_more(given, verdict):
    assert spike_no_more.verdict(given) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (evidence(0.02, accuracy_gain=0.0), "holds"),
        (evidence(0.019, accuracy_gain=0.01), "inconclusive"),
        (evidence(0.05, accuracy_gain=-0.001), "inconclusive"),
        (evidence(0.0, accuracy_gain=0.01), "does not hold"),
        (evidence(NAN, accuracy_gain=0.01), "inconclusive"),
        (evidence(0.05, n=4, accuracy_gain=0.01), "inconclusive"),
    ],
)
def test_the_rule_of_spo(given, verdict):
    assert spo.verdict(given) == verdict


def _errors(same=0.001, longer=0.01, sparse=0.02, baseline=0.1, n=5):
    own = dict(zip(tra.SPLITS, (same, longer, sparse, 0.0), strict=True))
    others = [name for name in tra.ATTENTIONS if name != "TRA"]
    means = {split: {"TRA": error, **dict.fromkeys(others, 0.5)} for split, error in own.items()}
    for split in tra.LONGER:
        means[split]["ALiBi"] = baseline
    return evidence(longer - baseline, n, mean_error=means)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (_errors(), "holds"),
        (_errors(same=0.01), "inconclusive"),
        (_errors(longer=0.1), "does not hold"),
        (_errors(sparse=0.3), "does not hold"),
        (_errors(same=0.01, baseline=0.001), "does not hold"),
        (_errors(sparse=NAN), "inconclusive"),
        (_errors(n=4), "inconclusive"),
    ],
)
def test_the_rule_of_tra(given, verdict):
    assert tra.verdict(given) == verdict


@torch.no_grad()
@pytest.mark.parametrize("kind", tra.ATTENTIONS)
def test_decoders_of_several_seeds_answer_as_each_alone_and_at_some_places_as_among_all(kind):
    asked = tra.sentences(3, 20, 0.5, [4, 9], "cpu")
    both, alone = tra.Decoders(kind, [0, 1]), tra.Decoders(kind, [1])
    found = both(asked.tokens, asked.places)
    torch.testing.assert_close(found[1:], alone(asked.tokens[1:], asked.places[1:]))
    whole = both(asked.tokens, torch.arange(19).expand_as(asked.tokens))
    torch.testing.assert_close(found, whole.gather(2, asked.places.unsqueeze(-1).expand_as(found)))


@torch.no_grad()
def test_the_decoders_attention_is_that_of_the_library():
    own = tra.Attention("TRA", [torch.Generator().manual_seed(0)])
    layer = ThresholdRelativeAttention(tra.WIDTH, tra.HEADS)
    key, value = own.known.weight[0].chunk(2, -1)
    weights = {"query": own.query.weight[0], "key": key, "value": value}
    for name, linear in (("gate", own.gate), ("output", own.output)):
        weights[name] = linear.weight[0]
        getattr(layer, name).bias.copy_(linear.bias[0, 0])
    for name, weight in weights.items():
        getattr(layer, name).weight.copy_(weight.T)
    x = rms_norm(torch.randn(2, 7, tra.WIDTH, generator=torch.Generator().manual_seed(1)))
    found = own(x.unsqueeze(0), x.unsqueeze(0), torch.arange(7).expand(1, 2, -1))
    torch.testing.assert_close(found[0], layer(x))


def test_the_bits_that_are_asked_for_follow_a_read_instruction():
    asked = tra.sentences(5, 20, 0.4, [0], "cpu")
    whole, reads = tra.flip_flop_batch(5, 20, 0.4, generator=torch.Generator().manual_seed(0))
    assert (asked.bits >= 0).sum() == reads.sum()
    for sentence, places, bits in zip(whole, asked.places[0], asked.bits[0], strict=True):
        known = [(int(place), int(bit)) for place, bit in zip(places, bits, strict=True) if bit >= 0]
        assert known == [(place, int(sentence[place + 1])) for place in range(19) if sentence[place] == 1]

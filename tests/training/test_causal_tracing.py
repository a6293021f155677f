"""Causal tracing on tiny models: what must be restored, what cannot be, and which layers it picks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perdita.core import InputError
from perdita.training.causal_tracing import CausalTrace, causal_trace, layers_of_facts
from tests.training.tiny_models import tiny

PROMPT, ANSWER = torch.tensor([3, 8, 15, 4]), torch.tensor([7, 9])


def trace(model, **options):
    given = {"noise": 1.0, "window": 1, "samples": 4, "generator": torch.Generator().manual_seed(0)} | options
    return causal_trace(model, PROMPT, (0, 2), ANSWER, **given)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_clean_is_the_models_own_probability(family):
    model = tiny(family)
    with torch.no_grad():
        log_probs = model(torch.cat([PROMPT, ANSWER]).unsqueeze(0)).logits[0].log_softmax(-1)
    own = (log_probs[3, ANSWER[0]] + log_probs[4, ANSWER[1]]).exp()
    found = trace(model)
    assert found.clean == pytest.approx(own.item())
    assert found.corrupted != pytest.approx(found.clean)
    assert found.restored.shape == (3, 4)
    assert found.subject_end == 1


@pytest.mark.parametrize("kind", ["hidden", "mlp", "self_attn"])
def test_without_noise_nothing_is_lost_or_won(kind):
    found = trace(tiny(), noise=0.0, kind=kind)
    torch.testing.assert_close(found.effect, torch.zeros(3, 4, dtype=torch.float64))


def test_a_state_before_the_subject_has_no_effect_and_the_one_subject_token_has_all_of_it():
    """With a subject of one token, its clean state after the first layer is all that later tokens see of it there."""
    model = tiny(layers=1)
    found = causal_trace(
        model, PROMPT, (3, 4), ANSWER[:1], noise=1.0, samples=4, generator=torch.Generator().manual_seed(0)
    )
    torch.testing.assert_close(found.restored[0, 3], torch.tensor(found.clean, dtype=torch.float64))
    torch.testing.assert_close(found.effect[0, :3], torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("window", [1, 3])
def test_the_last_state_decides_at_its_own_token_and_nowhere_else(window):
    found = causal_trace(
        tiny(), PROMPT, (0, 2), ANSWER[:1], noise=1.0, window=window, generator=torch.Generator().manual_seed(0)
    )
    last = 2 if window == 1 else 1  # the layer whose window ends with the last one
    torch.testing.assert_close(found.restored[last, 3], torch.tensor(found.clean, dtype=torch.float64))
    elsewhere = found.effect[2, :3]
    assert bool((elsewhere.abs() < 1e-12).all()) == (window == 1)  # a wider window mends what later layers read


class Memory(nn.Module):
    """Six layers, of which the third alone turns a subject into its answer, at the subject's token."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 6)
        self.embedding.weight.data = torch.eye(6, dtype=torch.float64) * 4
        self.layers = nn.ModuleList(Recall(number == 2) for number in range(6))

    def get_input_embeddings(self):
        return self.embedding

    def forward(self, ids):
        state = torch.cat([self.embedding(ids), torch.zeros(*ids.shape, 6, dtype=torch.float64)], -1)
        for layer in self.layers:
            state = layer(state)
        return state[..., 6:].cumsum(1)


class Recall(nn.Module):
    def __init__(self, knows):
        super().__init__()
        self.mlp = Facts(knows)

    def forward(self, state):
        return state + self.mlp(state)


class Facts(nn.Module):
    def __init__(self, knows):
        super().__init__()
        self.knows = knows

    def forward(self, state):
        own = state[..., :6].roll(1, -1) if self.knows else torch.zeros_like(state[..., :6])
        return torch.cat([torch.zeros_like(own), own], -1)


def test_it_finds_the_layer_that_knows():
    model = Memory()
    traces = [
        causal_trace(
            model,
            torch.tensor([subject, 0]),
            (0, 1),
            torch.tensor([subject + 1]),
            noise=4.0,
            window=1,
            samples=20,
            kind="mlp",
            generator=torch.Generator().manual_seed(subject),
        )
        for subject in (1, 2, 3)
    ]
    assert layers_of_facts(traces, 1) == [2]
    assert 2 in layers_of_facts(traces, 3)
    effect = torch.stack([one.effect[:, 0] for one in traces]).mean(0)
    assert effect[2] > 0.05
    torch.testing.assert_close(effect[[0, 1, 3, 4, 5]], torch.zeros(5, dtype=torch.float64))


def test_the_run_with_the_largest_effect_is_taken():
    restored = torch.tensor([[0.0, 9.0], [0.3, 0.0], [0.2, 0.0], [0.4, 0.0]], dtype=torch.float64)
    assert layers_of_facts([CausalTrace(1.0, 0.0, restored, 0)], 2) == [2, 3]


def test_bad_input_is_named():
    with pytest.raises(InputError, match="kind"):
        trace(tiny(), kind="norm")
    with pytest.raises(InputError, match="subject"):
        causal_trace(tiny(), PROMPT, (2, 2), ANSWER)
    with pytest.raises(InputError, match="count"):
        layers_of_facts([CausalTrace(1.0, 0.0, torch.zeros(2, 2), 0)], 3)

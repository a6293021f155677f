"""Initialisation, embeddings and diagnostics against loss spikes, on tiny models built here."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from perdita.core import InputError
from perdita.training.stability import (
    ScaledEmbedding,
    ffn_jacobian_bound,
    gradient_norms,
    initial_std,
    layer_norm_jacobian_norm,
    spike_no_more_init_,
)

WIDTH, LAYERS = 64, 3


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=32, n_embd=WIDTH, n_layer=LAYERS, n_head=2))


def llama():
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=300, hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=32,
        )
    )  # fmt: skip


@pytest.mark.parametrize(("make", "ends"), [(gpt2, ("c_proj",)), (llama, ("o_proj", "down_proj"))])
def test_every_matrix_of_a_hugging_face_model_has_its_deviation(make, ends):
    model = spike_no_more_init_(make(), WIDTH, LAYERS, generator=torch.Generator().manual_seed(0))
    seen = {True: 0, False: 0}
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            expected = torch.zeros_like(parameter) if name.endswith("bias") else torch.ones_like(parameter)
            assert torch.equal(parameter, expected), name
            continue
        last = name.removesuffix(".weight").endswith(ends)
        expected_std = math.sqrt(2 / (5 * WIDTH)) / (math.sqrt(2 * LAYERS) if last else 1)
        error = 5 / math.sqrt(2 * parameter.numel())  # of a sample's deviation, five standard errors
        assert parameter.std().item() == pytest.approx(expected_std, rel=error), name
        seen[last] += 1
    assert seen[True] == 2 * LAYERS
    assert seen[False] > 2 * LAYERS


def test_a_model_without_output_projections_is_refused():
    with pytest.raises(InputError, match="is_output_projection"):
        spike_no_more_init_(nn.Sequential(nn.Linear(4, 4)), 4, 1)
    model = spike_no_more_init_(
        nn.Sequential(nn.Linear(400, 400)), 400, 2, is_output_projection=lambda name: name == "0"
    )
    assert model[0].weight.std().item() == pytest.approx(initial_std(400, 2), rel=0.02)


def test_the_init_draws_tied_weights_once_and_leaves_an_embedding_its_own_deviation():
    model = nn.Module()
    model.embedding = ScaledEmbedding(500, WIDTH, mode="init")
    model.body = nn.ModuleDict({"out_proj": nn.Linear(WIDTH, WIDTH)})
    model.head = nn.Linear(WIDTH, 500, bias=False)
    model.head.weight = model.embedding.weight
    spike_no_more_init_(model, WIDTH, 1, generator=torch.Generator().manual_seed(1))
    assert model.embedding.weight.std().item() == pytest.approx(math.sqrt(0.4), rel=0.03)
    same = spike_no_more_init_(model, WIDTH, 1, generator=torch.Generator().manual_seed(1)).head.weight.clone()
    assert torch.equal(
        same, spike_no_more_init_(model, WIDTH, 1, generator=torch.Generator().manual_seed(1)).head.weight
    )


@pytest.mark.parametrize(
    ("mode", "output", "table"),
    [
        ("scale", math.sqrt(0.4), initial_std(WIDTH)),
        ("init", math.sqrt(0.4), math.sqrt(0.4)),
        ("layernorm", 1.0, initial_std(WIDTH)),
        ("detach", initial_std(WIDTH), initial_std(WIDTH)),
        ("none", initial_std(WIDTH), initial_std(WIDTH)),
    ],
)
def test_deviations_of_embeddings(mode, output, table):
    torch.manual_seed(0)
    embedding = ScaledEmbedding(500, WIDTH, mode=mode)
    assert embedding(torch.arange(500).view(20, 25)).std().item() == pytest.approx(output, rel=0.03)
    assert embedding.weight.std().item() == pytest.approx(table, rel=0.03)


def test_detach_shrinks_the_gradient_alone():
    torch.manual_seed(0)
    embedding, tokens = ScaledEmbedding(5, 4, mode="detach", alpha=0.25), torch.tensor([1, 1, 3])
    out = embedding(tokens)
    assert torch.equal(out, embedding.weight[tokens])
    out.sum().backward()
    assert torch.equal(embedding.weight.grad[:, 0], torch.tensor([0.0, 0.5, 0.0, 0.25, 0.0]))


@pytest.mark.parametrize(("option", "value"), [("mode", "large"), ("alpha", 1.5)])
def test_bad_embeddings_are_refused(option, value):
    with pytest.raises(InputError, match=option):
        ScaledEmbedding(5, 4, **{option: value})


@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.3])
@pytest.mark.parametrize("rms", [False, True])
def test_the_norm_of_the_jacobian_is_that_of_autograd(eps, rms):
    x = torch.randn(4, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for row, found in zip(x, layer_norm_jacobian_norm(x, eps=eps, rms=rms), strict=True):
        function = nn.functional.rms_norm if rms else nn.functional.layer_norm
        jacobian = torch.func.jacrev(lambda u, function=function: function(u, (7,), eps=eps))(row)
        assert found.item() == pytest.approx(torch.linalg.matrix_norm(jacobian, 2).item())


def test_a_vector_without_spread_is_bounded_by_eps():
    assert layer_norm_jacobian_norm(torch.ones(5), eps=1e-4).item() == pytest.approx(100.0)
    with pytest.raises(InputError, match="x must have at least 3"):
        layer_norm_jacobian_norm(torch.ones(2))


def test_the_bound_holds_for_a_feed_forward_part():
    generator = torch.Generator().manual_seed(2)
    first = 0.02 * torch.randn(256, 64, generator=generator, dtype=torch.float64)
    second = 0.01 * torch.randn(64, 256, generator=generator, dtype=torch.float64)
    x = 0.05 * torch.randn(64, generator=generator, dtype=torch.float64)

    def layer(x):
        return x + second @ torch.relu(first @ nn.functional.layer_norm(x, (64,)))

    norm = torch.linalg.matrix_norm(torch.func.jacrev(layer)(x), 2).item()
    bound = ffn_jacobian_bound(64, 256, 0.02, 0.01, x.std(correction=0).item())
    assert 1 < norm < bound
    assert bound == pytest.approx(1 + 0.02 * 0.01 * (8 + 16) ** 2 / x.std(correction=0).item())


def test_gradient_norms_by_part():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1), nn.Linear(1, 1))
    model[:2](torch.ones(1, 3)).sum().backward()
    norms = gradient_norms(model)
    assert list(norms) == ["0", "1", "2"]
    own = torch.cat([parameter.grad.flatten() for parameter in model[0].parameters()])
    assert norms["0"] == pytest.approx(own.norm().item())
    assert norms["2"] == 0.0
    assert list(gradient_norms(model, 2)) == [f"{layer}.{kind}" for layer in range(3) for kind in ("weight", "bias")]

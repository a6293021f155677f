"""Models that claims train together are those that `torch.nn` has and each alone would be."""

from __future__ import annotations

import torch
from torch import nn

from perdita.claims.passes import drawing, in_passes
from perdita.claims.preference import spo
from perdita.claims.sequence import sequencematch
from perdita.claims.stacked import Embeddings, LayerNorms, Linears
from perdita.losses.preference.log_probabilities import sequence_log_probability
from perdita.training.backtracking import backspace_inputs

SEEDS = [3, 8]


def draws():
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


def test_stacked_layers_start_from_the_numbers_of_torchs_layers_and_give_what_they_give():
    x = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    index = torch.randint(4, (2, 3, 5), generator=torch.Generator().manual_seed(1))
    linears, embeddings, norms = Linears(6, 7, draws()), Embeddings(4, 6, draws()), LayerNorms(6, 2)
    with torch.no_grad():
        for own in norms.parameters():
            own.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(2))
    for model, seed in enumerate(SEEDS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            linear = nn.Linear(6, 7)
            torch.manual_seed(seed)
            embedding = nn.Embedding(4, 6)
        norm = nn.LayerNorm(6)
        norm.load_state_dict({name: own[model, 0, 0] for name, own in norms.named_parameters()})
        torch.testing.assert_close(linears(x)[model], linear(x[model]))
        torch.testing.assert_close(embeddings(index)[model], embedding(index[model]))
        torch.testing.assert_close(norms(x)[model], norm(x[model]))


@torch.no_grad()
def test_readers_of_several_seeds_read_as_each_alone():
    both = sequencematch.Readers(10, SEEDS)
    actions = torch.randint(10, (6, 9), generator=torch.Generator().manual_seed(0))
    found = both(backspace_inputs(actions, sequencematch.BACK)).chunk(2)
    for seed, own, rows in zip(SEEDS, found, actions.chunk(2), strict=True):
        alone = sequencematch.Readers(10, [seed])
        torch.testing.assert_close(own, alone(backspace_inputs(rows, sequencematch.BACK)))


def test_the_written_out_gated_layer_is_that_of_torch_and_reads_the_shared_prompt_once():
    policy = spo._fresh(0).double()
    text = spo._pairs(3, 1)
    found = policy(text)
    rows = text.flatten(0, 1)
    hidden = policy.recurrent(policy.embedding(rows))[0]
    answer = (torch.arange(rows.shape[1]) >= spo.KEYS).expand(rows.shape)
    logps = sequence_log_probability(policy.words(hidden), rows, mask=answer, shift=True)
    told = logps.view(3, 2, spo.DEGREES)[..., :1].expand(3, 2, spo.DEGREES).reshape(3, -1, 1)  # of the intact ones
    wanted = torch.cat([told, policy.degrees(hidden).unflatten(0, text.shape[:2])], 2)
    torch.testing.assert_close(found, wanted)
    learnt = list(policy.parameters())
    pair = (torch.autograd.grad(own.square().sum(), learnt) for own in (found, wanted))
    for gradient, expected in zip(*pair, strict=True):
        torch.testing.assert_close(gradient, expected)


def test_each_pass_goes_through_its_own_rows():
    order = in_passes(3)(12, torch.Generator().manual_seed(0))
    assert [sorted(own.tolist()) for own in order.split(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert len({tuple((own % 4).tolist()) for own in order.split(4)}) > 1
    assert drawing(0).initial_seed() != drawing(1).initial_seed() != 1

"""Speculative decoding gives the text of plain decoding, token by token, however bad or good its guesses are."""

from __future__ import annotations

import copy

import pytest
import torch

from perdita.core import InputError
from perdita.nn.multi_token import MultiTokenModel
from perdita.training.multi_token import fit_multi_token
from perdita.training.speculative_decoding import speculative_generate
from tests.training.tiny_models import TOKENS, tiny

LENGTH, MASKS = 14, 3


@pytest.fixture(scope="module")
def models():
    """A model, frozen: as it is, with random guesses, and with guesses it has learnt on its own texts."""
    plain = tiny(layers=2, seed=3)
    wild = MultiTokenModel.from_causal_lm(copy.deepcopy(plain), MASKS, rank=2)
    for parameter in wild.learnt():
        torch.nn.init.normal_(parameter, std=0.5)
    taught = MultiTokenModel.from_causal_lm(copy.deepcopy(plain), MASKS, rank=8)
    texts = torch.stack([greedy(plain, prompt) for prompt in PROMPTS])
    fit_multi_token(taught, [texts] * 60, learning_rate=1e-2)
    return plain, {"wild": wild, "taught": taught}


PROMPTS = [torch.randint(TOKENS, (3,), generator=torch.Generator().manual_seed(seed)) for seed in range(6)]


@torch.no_grad()
def greedy(model, prompt, new=LENGTH):
    text = prompt
    for _ in range(new):
        text = torch.cat([text, model(text.unsqueeze(0)).logits[0, -1].argmax().view(1)])
    return text


@torch.no_grad()
def drawn(model, prompt, temperature, generator, new=LENGTH):
    text = prompt
    for _ in range(new):
        uniform = torch.rand(TOKENS, generator=generator, dtype=torch.float64).clamp_min(1e-300)
        logits = model(text.unsqueeze(0)).logits[0, -1] / temperature - torch.log(-uniform.log())
        text = torch.cat([text, logits.argmax().view(1)])
    return text


@pytest.mark.parametrize("sampler", [True, False])
@pytest.mark.parametrize("strategy", ["quadratic", "linear"])
@pytest.mark.parametrize("guesser", ["wild", "taught"])
def test_the_text_is_that_of_plain_decoding(models, guesser, strategy, sampler):
    plain, guessers = models
    for prompt in PROMPTS:
        found = speculative_generate(guessers[guesser], prompt, LENGTH, strategy=strategy, sampler=sampler)
        assert found.tokens.tolist() == greedy(plain, prompt).tolist()
        assert found.generated == LENGTH
        assert 1 <= found.acceptance <= MASKS + 1


@pytest.mark.parametrize("strategy", ["quadratic", "linear"])
def test_drawn_texts_are_those_of_plain_drawing_with_the_same_noise(models, strategy):
    plain, guessers = models
    for seed, prompt in enumerate(PROMPTS):
        noise = [torch.Generator().manual_seed(seed) for _ in range(2)]
        found = speculative_generate(
            guessers["taught"], prompt, LENGTH, strategy=strategy, temperature=2.0, generator=noise[0]
        )
        assert found.tokens.tolist() == drawn(plain, prompt, 2.0, noise[1]).tolist()


def test_a_cache_changes_neither_text_nor_steps(models):
    from transformers import DynamicCache

    for guesser in models[1].values():
        for prompt in PROMPTS[:3]:
            anew = speculative_generate(guesser, prompt, LENGTH)
            kept = speculative_generate(guesser, prompt, LENGTH, cache=DynamicCache())
            assert kept.tokens.tolist() == anew.tokens.tolist()
            assert kept.steps == anew.steps


def test_learnt_guesses_save_passes_and_masks_behind_every_guess_save_more(models):
    taught = models[1]["taught"]
    steps = {
        strategy: sum(speculative_generate(taught, prompt, LENGTH, strategy=strategy).steps for prompt in PROMPTS)
        for strategy in ("quadratic", "linear")
    }
    assert steps["quadratic"] < 0.7 * len(PROMPTS) * LENGTH
    assert steps["quadratic"] <= steps["linear"]


def test_it_stops_after_the_end_and_at_the_limit(models):
    plain, guessers = models
    text = greedy(plain, PROMPTS[0]).tolist()
    end = text[6]
    found = speculative_generate(guessers["taught"], PROMPTS[0], LENGTH, end=end)
    assert found.tokens.tolist() == text[: text.index(end, 3) + 1]
    for limit in (0, 1, 2):
        assert speculative_generate(guessers["taught"], PROMPTS[0], limit).tokens.tolist() == text[: 3 + limit]


def test_bad_input_is_named(models):
    with pytest.raises(InputError, match="strategy"):
        speculative_generate(models[1]["wild"], PROMPTS[0], 3, strategy="cubic")
    with pytest.raises(InputError, match="prompt"):
        speculative_generate(models[1]["wild"], PROMPTS[0][:0], 3)

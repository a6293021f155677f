"""Decoding that guesses several tokens at each step and keeps those that plain decoding would have given.

Source: Samragh et al., "Your LLM Knows the Future", 2025, arXiv 2507.11851, section 2: linear and quadratic decoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from perdita.core import InputError, component
from perdita.core.numerics import widen

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from perdita.nn.multi_token import MultiTokenModel

STRATEGIES = ("quadratic", "linear")


@dataclass(frozen=True)
class SpeculativeText:
    """What `speculative_generate` gives."""

    tokens: Int[Tensor, "n"]  # the prompt and what follows it
    generated: int
    steps: int  # forward passes

    @property
    def acceptance(self) -> float:
        """Tokens for each forward pass, between 1 and the number of masks + 1."""
        return self.generated / max(self.steps, 1)


class TokenDraw:
    """Draws a token for each place of a text: the same noise belongs to a place, however often it is asked for."""

    def __init__(self, temperature: float, generator: torch.Generator | None) -> None:
        self.temperature, self.generator = temperature, generator
        self.noise: dict[int, Tensor] = {}
        self.first: int | None = None

    def __call__(self, logits: Float[Tensor, "v"], place: int) -> int:
        if self.temperature == 0:
            return int(logits.argmax())
        self.first = place if self.first is None else self.first
        for new in range(self.first + len(self.noise), place + 1):  # in the order of the places, as plain decoding asks
            uniform = torch.rand(len(logits), generator=self.generator, dtype=torch.float64).clamp_min(1e-300)
            self.noise[new] = -torch.log(-uniform.log())
        return int((widen(logits).double() / self.temperature + self.noise[place].to(logits.device)).argmax())


@component("multi-token")
@torch.no_grad()
def speculative_generate(
    model: MultiTokenModel,
    prompt: Int[Tensor, "n"],
    max_new_tokens: int,
    *,
    strategy: str = "quadratic",
    sampler: bool = True,
    temperature: float = 0.0,
    end: int | None = None,
    cache: Any = None,
    generator: torch.Generator | None = None,
) -> SpeculativeText:
    """Go on from a prompt, several tokens at each forward pass, with exactly the text of plain decoding.

    Each pass feeds the last token that is certain and the guesses for those after it. The frozen model's own prediction
    at each of them is what plain decoding would write there as long as the guesses before are right: guesses are kept
    up to the first that differs, where the model's own token takes its place. So every token is the model's, whatever
    the guesses are worth. With "linear" masks stand behind the last guess alone, and a wrong guess leaves none for the
    next step; with "quadratic" they stand behind every guess, k (k + 1) in all, and k fresh guesses always follow.

    When tokens are drawn (temperature > 0) each place has its own noise: the text is that of plain drawing with the
    same noise. In low precision a batched pass may round differently from one token at a time, and a near tie break
    otherwise.

    Args:
        model: with ``gated=True``; put in evaluation mode where the decoder has dropout.
        prompt: (n,) tokens.
        max_new_tokens: most tokens that are generated.
        strategy: "quadratic" or "linear".
        sampler: False guesses from the states alone.
        temperature: of the draw; 0 takes the most probable token.
        end: id of the token after which it stops.
        cache: an empty key-value cache whose ``crop`` takes minus a number of tokens to drop, as transformers'
            DynamicCache; None computes the text anew at each pass.
        generator: source of randomness, on the CPU.

    Raises:
        InputError: an unknown strategy, an empty prompt, a negative temperature.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"strategy must be one of {STRATEGIES}, not {strategy!r}")
    if prompt.ndim != 1 or not len(prompt) or temperature < 0:
        raise InputError("prompt must be (n,) tokens, at least one, and temperature at least 0")
    draw = TokenDraw(temperature, generator)
    text, guesses, cached, steps = prompt.tolist(), [], 0, 0
    limit = len(text) + max_new_tokens
    while len(text) < limit:
        sure, steps = len(text), steps + 1
        ends = range(sure, sure + len(guesses) + 1)  # prefixes that end at a token whose prediction is wanted
        groups = ends if strategy == "quadratic" else ends[-1:]
        hidden = _states(model, prompt, text + guesses, groups, cached, cache)
        logits = model.base_logits(hidden[[end - cached - 1 for end in ends]])
        right = 0
        while right < len(guesses) and guesses[right] == draw(logits[right], sure + right):
            right += 1
        text += [*guesses[:right], draw(logits[right], sure + right)]
        guesses = []
        if sure + right in groups:
            first = sure + len(ends) - 1 - cached + (sure + right - groups[0]) * len(model.masks)
            guesses = _guess(model, hidden[first : first + len(model.masks)], text, draw, sampler)
        if cache is not None:
            cache.crop(sure + right - cached - len(hidden))  # masks and wrong guesses, by how many they are
            cached = sure + right
        if end is not None and end in text[sure:]:
            text = text[: text.index(end, sure) + 1]
            break
    text = text[:limit]
    return SpeculativeText(torch.tensor(text, device=prompt.device), len(text) - len(prompt), steps)


def _states(
    model: MultiTokenModel, like: Tensor, text: list[int], groups: range, cached: int, cache: Any
) -> Float[Tensor, "r d"]:
    """States of the tokens that are not cached, and then of a group of masks behind each prefix of ``groups``."""
    device, masks = like.device, len(model.masks)
    fresh = torch.arange(cached + 1, len(text) + 1, device=device)
    behind = torch.tensor(groups, device=device).repeat_interleave(masks)
    index = torch.arange(1, masks + 1, device=device).repeat(len(groups))
    tokens = torch.cat([torch.tensor(text[cached:], device=device), torch.zeros_like(behind)])
    prefix = torch.cat([fresh, behind])
    index = torch.cat([torch.zeros_like(fresh), index])
    return model(tokens.unsqueeze(0), prefix, index, cached=cached, cache=cache)[0]


def _guess(
    model: MultiTokenModel, states: Float[Tensor, "k d"], text: list[int], draw: TokenDraw, sampler: bool
) -> list[int]:
    """One token from each mask's state, each fitting the one before it."""
    found: list[int] = []
    for state in states:
        before = torch.tensor([*text[-1:], *found][-1], device=state.device)
        logits = model.sampler_logits(before, state) if sampler else model.base_logits(state)
        found.append(draw(logits, len(text) + len(found)))
    return found

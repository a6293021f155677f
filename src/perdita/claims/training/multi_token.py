"""A frozen character model taught to foresee four characters: how many tokens does each forward pass give?"""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import nn

import perdita
import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired, side_by_side
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.nn.multi_token import MultiTokenModel
from perdita.training.multi_token import fit_multi_token
from perdita.training.speculative_decoding import speculative_generate

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

Model = TypeVar("Model", bound=nn.Module)
WIDTH, LAYERS, HEADS, CONTEXT, PLACES = 64, 2, 4, 32, 80
CHARACTERS, HELD, MASKS = 120_000, 20_000, 4
STEPS = 48  # of each update's training
UPDATES = {"gated": (True, 1.0), "no consistency": (True, 0.0), "ordinary": (False, 1.0)}  # and weight of consistency
DECODING = {  # name: (which training, strategy, with the sampler)
    "quadratic": ("gated", "quadratic", True),
    "linear": ("gated", "linear", True),
    "without sampler": ("gated", "quadratic", False),
    "without consistency": ("no consistency", "quadratic", True),
}


class Layer(nn.Module):
    """Attention and a feed-forward part, each after a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.project, self.gather = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.rise, self.fall = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Float[Tensor, "b t w"], mask: Float[Tensor, "b 1 t t"]) -> Float[Tensor, "b t w"]:
        """The stream after the layer."""
        query, key, value = self.project(self.before(x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        weights = (query / math.sqrt(WIDTH / HEADS) @ key.transpose(-1, -2) + mask).softmax(-1)
        x = x + self.gather((weights @ value).transpose(1, 2).flatten(2))
        return x + self.fall(F.gelu(self.rise(self.between(x))))


class Decoder(nn.Module):
    """A small decoder with learnt positions, called as those of Hugging Face are."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Embedding(PLACES, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.last = nn.LayerNorm(WIDTH)

    def forward(
        self,
        inputs_embeds: Float[Tensor, "b t w"],
        attention_mask: Float[Tensor, "b 1 t t"],
        position_ids: Int[Tensor, "b t"],
    ) -> Float[Tensor, "b t w"]:
        """The last states."""
        x = inputs_embeds + self.places(position_ids)
        for layer in self.layers:
            x = layer(x, attention_mask)
        return self.last(x)


class CharacterModel(nn.Module):
    """A causal model of characters; its logits have the classes second."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding, self.decoder = nn.Embedding(characters, WIDTH), Decoder()
        self.head = nn.Linear(WIDTH, characters, bias=False)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b v t"]:
        """Logits of the next character."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        barred = torch.where(places > places.unsqueeze(1), -1e9, 0.0).to(self.head.weight)
        embedded = self.embedding(tokens)
        hidden = self.decoder(embedded, barred.expand(len(tokens), 1, -1, -1), places.expand(len(tokens), -1))
        return self.head(hidden).transpose(1, 2)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the number of characters that a forward pass gives beyond the one of plain decoding.

    A decoder of two layers learns Python's documentation and is frozen; rank 8, four masks. Held-out prompts of 16
    characters are continued by 24, in float64, and compared with plain decoding by the model as it was. Each update
    learns for 48 steps; 120, as first run, took too long and came to the same verdict at 2.32 characters a pass.
    """
    text, characters = _text(device)
    base = _taught(text, characters, seeds, 8 if short else 300)
    models = [_Models(plain, seed, text, short) for plain, seed in zip(base, seeds, strict=True)]
    side_by_side(lambda piece: piece[0].train(piece[1]), [(own, name) for name in UPDATES for own in models])
    pieces = [(own, prompt) for own in models for prompt in own.held]
    decoded = side_by_side(lambda piece: _decode(piece[0], piece[1], 6 if short else 24), pieces)
    each = len(models[0].held)
    found = [
        _measured(own, decoded[first : first + each])
        for own, first in zip(models, range(0, len(pieces), each), strict=True)
    ]
    acceptance = {name: [statistics.fmean(own.rates[name]) for own in found] for name in DECODING}
    exact, same = all(own.exact for own in found), all(own.same for own in found)
    never_below = all(a >= b for own in found for a, b in zip(own.rates["quadratic"], own.rates["linear"], strict=True))
    ordinary = [own.ordinary for own in found]
    means = {name: statistics.fmean(own) for name, own in acceptance.items()}
    return paired(
        [1.0] * len(seeds),
        acceptance["quadratic"],
        exact=exact,
        same=same,
        never_below=never_below,
        acceptance=acceptance,
        means=means,
        ordinary=ordinary,
        remarks=[
            *(f"{name}: {mean:.3f} characters for each forward pass" for name, mean in means.items()),
            f"an ordinary low-rank update raises the model's own loss by {statistics.fmean(ordinary):.4f}",
            f"own predictions unchanged bit by bit: {exact}; text that of plain decoding: {same}",
            f"quadratic decoding at least as good as linear at every prompt: {never_below}",
        ],
    )


class _Models:
    """A seed's frozen model, the three that are built around it, not yet trained, and its texts."""

    def __init__(self, plain: CharacterModel, seed: int, text: Int[Tensor, "t"], short: bool) -> None:
        self.plain = plain
        self.untrained = MultiTokenModel(*_parts(plain), MASKS, rank=8)
        self.around: dict[str, MultiTokenModel] = {}
        for name, (gated, _) in UPDATES.items():
            build = partial(MultiTokenModel, *_parts(plain), MASKS, rank=8, gated=gated)
            self.around[name] = _drawn(seed, build)
        generator = torch.Generator().manual_seed(seed)
        self.held = _windows(text[-HELD:], 8, 16, generator)[: 1 if short else 4]
        self.probe = _windows(text[-HELD:], 64, CONTEXT + 1, generator)
        self.batches = [_windows(text[:-HELD], 8, 20, generator) for _ in range(2 if short else STEPS)]

    def train(self, name: str) -> None:
        """Train an update."""
        fit_multi_token(
            self.around[name], self.batches, learning_rate=2e-3, warmup=10, consistency_weight=UPDATES[name][1]
        )


class _Decoded(NamedTuple):
    """What the trained models gave at a prompt."""

    rates: dict[str, float]  # characters for each forward pass
    same: bool  # every text


class _Measured(NamedTuple):
    """What a seed's models gave."""

    exact: bool  # its own predictions, bit by bit
    ordinary: float  # by which an ordinary update raises the loss
    same: bool  # every text
    rates: dict[str, list[float]]  # characters for each forward pass, at every prompt


def _measured(models: _Models, decoded: Sequence[_Decoded]) -> _Measured:
    """How the losses have changed, and what was decoded at each prompt."""
    before = _next_losses(models.untrained, models.probe)
    losses = {name: _next_losses(models.around[name], models.probe) for name in ("gated", "ordinary")}
    rise = (losses["ordinary"] - losses["gated"]).mean().item()
    rates = {name: [own.rates[name] for own in decoded] for name in DECODING}
    return _Measured(torch.equal(losses["gated"], before), rise, all(own.same for own in decoded), rates)


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    found = evidence.details
    worse = statistics.fmean(found["ordinary"])
    if evidence.n < 5 or math.isnan(evidence.effect) or math.isnan(worse):
        return "inconclusive"
    if not (found["exact"] and found["same"]) or evidence.measured <= 1.3 or worse <= 0:
        return "does not hold"
    means = found["means"]
    return "holds" if found["never_below"] and means["quadratic"] >= means["without sampler"] else "inconclusive"


def _text(device: str) -> tuple[Int[Tensor, "t"], int]:
    from pydoc_data.topics import topics

    text = "".join(topics[name] for name in sorted(topics))[:CHARACTERS]
    known = {letter: number for number, letter in enumerate(sorted(set(text)))}
    return torch.tensor([known[letter] for letter in text], device=device), len(known)


def _windows(text: Int[Tensor, "t"], count: int, length: int, generator: torch.Generator) -> Int[Tensor, "n l"]:
    starts = torch.randint(len(text) - length, (count, 1), generator=generator)
    return text[(starts + torch.arange(length)).to(text.device)]


def _taught(text: Int[Tensor, "t"], characters: int, seeds: Sequence[int], steps: int) -> list[CharacterModel]:
    """A model of the text for each seed."""
    training = Training(
        epochs=1, batch_size=16, optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant"
    )

    def learn(of: tuple[int, CharacterModel]) -> CharacterModel:
        seed, model = of
        windows = _windows(text[:-HELD], 16 * steps, CONTEXT + 1, torch.Generator().manual_seed(seed))
        fold = Fold(windows[:, :-1], windows[:, 1:])
        criteria = {"taught": perdita.CrossEntropy()}
        states = train_together(criteria, lambda: model, [fold], training, [seed], stacked=False).states
        model.load_state_dict({name: state[0, 0] for name, state in states.items()})
        return model.eval()

    fresh = [_drawn(seed, lambda: CharacterModel(characters).to(text.device)) for seed in seeds]
    return side_by_side(learn, list(zip(seeds, fresh, strict=True)))


def _drawn(seed: int, make: Callable[[], Model]) -> Model:
    """A model whose initial weights follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _parts(plain: CharacterModel) -> tuple[nn.Module, nn.Embedding, nn.Module]:
    """A copy of the model, in the parts that are built around."""
    model = copy.deepcopy(plain)
    return model.decoder, model.embedding, model.head


@torch.no_grad()
def _next_losses(model: MultiTokenModel, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    """Of the model's own prediction of each next character, without any masks."""
    prefix = torch.arange(1, tokens.shape[1], device=tokens.device)
    logits = model.base_logits(model(tokens[:, :-1], prefix, torch.zeros_like(prefix)))
    return P.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")


@torch.inference_mode()
def _plainly(model: CharacterModel, prompt: Int[Tensor, "t"], new: int) -> list[int]:
    for _ in range(new):
        prompt = torch.cat([prompt, model(prompt.unsqueeze(0))[0, :, -1].argmax().view(1)])
    return prompt.tolist()


def _decode(models: _Models, prompt: Int[Tensor, "t"], new: int) -> _Decoded:
    """Characters for each forward pass at a prompt, and whether every text is that of plain decoding."""
    plain = copy.deepcopy(models.plain).double()
    wide = {name: copy.deepcopy(model).double().eval() for name, model in models.around.items()}
    expected, rates, same = _plainly(plain, prompt, new), {}, True
    for name, (training, strategy, sampler) in DECODING.items():
        found = speculative_generate(wide[training], prompt, new, strategy=strategy, sampler=sampler)
        same &= found.tokens.tolist() == expected
        rates[name] = found.acceptance
    return _Decoded(rates, same)


CLAIM = Claim(
    slug="multi-token",
    statement=(
        "A frozen language model foresees several tokens at trained masks: gated updates leave its own predictions "
        "exactly as they were, and speculative decoding gives more than one token for each pass without changing them."
    ),
    source="Samragh et al., 2025, arXiv 2507.11851, abstract, Table 1 and the comparison with ordinary LoRA",
    rule=(
        "A character model of two layers, four masks: Holds: losses of the next character are equal bit by bit before "
        "and after; every text is that of plain decoding; quadratic decoding gives more than 1.3 characters a pass on "
        "average, at no prompt fewer than linear decoding, and with the sampler no fewer than without; an ordinary "
        "update of the same rank raises the model's own loss. Does not hold: a prediction or a text differs, at most "
        "1.3 characters a pass, or the ordinary update does not raise the loss. Inconclusive: between, or fewer than "
        "5 seeds."
    ),
    run=run,
    verdict=verdict,
)

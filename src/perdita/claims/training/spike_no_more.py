"""Small sub-layers and a large shortcut: how much gradients grow on their way down a fresh Transformer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.training.stability import ScaledEmbedding, gradient_norms, initial_std, spike_no_more_init_

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

WIDTH, LAYERS, HEADS, CONTEXT, BATCH = 64, 8, 4, 32, 8
CHARACTERS = 200_000
ARMS = {  # name: (whether output projections are scaled by depth, mode of the embedding)
    "vanilla": (False, "none"),
    "scaled init": (True, "none"),
    "scaled embedding": (True, "scale"),
    "embedding norm": (True, "layernorm"),
}
CURES = ("scaled embedding", "embedding norm")


class Layer(nn.Module):
    """A pre-normalised layer."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Float[Tensor, "b t w"]) -> Float[Tensor, "b t w"]:
        """The stream after the layer."""
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.project(self.before(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out_proj(mixed.transpose(1, 2).flatten(2))
        return x + self.fc2(F.relu(self.fc1(self.between(x))))


class Decoder(nn.Module):
    """A causal Transformer whose output layer is tied to its embedding."""

    def __init__(self, tokens: int, mode: str) -> None:
        super().__init__()
        self.embedding = ScaledEmbedding(tokens, WIDTH, mode=mode)
        self.positions = ScaledEmbedding(CONTEXT, WIDTH, mode=mode)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.last = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """Logits of the next token."""
        x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        for layer in self.layers:
            x = layer(x)
        return self.last(x) @ self.embedding.weight.T


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the distance of the first to last layer's gradient ratio from 1, cured minus vanilla.

    Cured is the scaled embedding; the details hold the ratios and the first layer's norms of all four. Measured at
    initialisation, on characters of Python's documentation; ``short`` measures one batch for each seed instead of four.
    """
    text, tokens = _characters(device)
    ratio: dict[str, list[float]] = {name: [] for name in ARMS}
    first: dict[str, list[float]] = {name: [] for name in ARMS}
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        starts = torch.randint(0, len(text) - CONTEXT - 1, (1 if short else 4, BATCH, 1), generator=generator)
        batches = text[(starts + torch.arange(CONTEXT + 1)).to(device)]
        for name, (scaled, mode) in ARMS.items():
            norms = [_layer_norms(_model(seed, tokens, scaled, mode).to(device), batch) for batch in batches]
            ratio[name].append(statistics.fmean(own[0] / own[-1] for own in norms))
            first[name].append(statistics.fmean(own[0] for own in norms))
    distance = {name: [abs(one - 1) for one in own] for name, own in ratio.items()}
    return paired(
        distance["vanilla"],
        distance["scaled embedding"],
        ratio=ratio,
        first=first,
        distance={name: statistics.fmean(own) for name, own in distance.items()},
        first_mean={name: statistics.fmean(own) for name, own in first.items()},
        remarks=[
            f"{name}: gradient of the first over that of the last layer {statistics.fmean(ratio[name]):.3f}, of the "
            f"first layer {statistics.fmean(first[name]):.3f}"
            for name in ARMS
        ]
        + ["nothing is trained: at this size the loss does not spike in a short run"],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    distance, first = evidence.details["distance"], evidence.details["first_mean"]
    if evidence.n < 5 or any(math.isnan(one) for one in (*distance.values(), *first.values())):
        return "inconclusive"
    others = [name for name in ARMS if name not in CURES]
    nearer = [distance[cure] < distance[other] for cure in CURES for other in others]
    smaller = [first[cure] < first[other] for cure in CURES for other in others]
    if all(nearer) and all(smaller):
        return "holds"
    vanilla = [distance[cure] < distance["vanilla"] and first[cure] < first["vanilla"] for cure in CURES]
    return "inconclusive" if any(vanilla) else "does not hold"


def _model(seed: int, tokens: int, scaled: bool, mode: str) -> Decoder:
    """Drawn anew from the seed for each arm, so that arms differ in scale alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Decoder(tokens, mode)
    generator = torch.Generator().manual_seed(seed)
    spike_no_more_init_(model, WIDTH, LAYERS, generator=generator)
    if not scaled:
        with torch.no_grad():
            for layer in model.layers:
                for last in (layer.out_proj, layer.fc2):
                    last.weight.mul_(initial_std(WIDTH) / initial_std(WIDTH, LAYERS))
    return model


def _layer_norms(model: Decoder, batch: Int[Tensor, "b t"]) -> list[float]:
    model.zero_grad()
    P.cross_entropy(model(batch[:, :-1]).transpose(1, 2), batch[:, 1:]).backward()
    return list(gradient_norms(model.layers).values())


def _characters(device: str) -> tuple[Int[Tensor, "t"], int]:
    from pydoc_data.topics import topics

    text = "".join(topics[name] for name in sorted(topics))[:CHARACTERS]
    known = {letter: number for number, letter in enumerate(sorted(set(text)))}
    return torch.tensor([known[letter] for letter in text], device=device), len(known)


CLAIM = Claim(
    slug="spike-no-more",
    statement=(
        "Small sub-layers together with a large shortcut keep gradients from growing on their way down a Transformer; "
        "small sub-layers alone do not."
    ),
    source="Takase, Kiyono, Kobayashi, Suzuki, COLM 2025, arXiv 2312.16903, abstract and analysis",
    rule=(
        "At initialisation, eight layers of width 64: Holds: with the scaled embedding, and with the normalised one, "
        "the ratio of the first layer's gradient norm to the last's is nearer to 1 on average, and the first layer's "
        "norm smaller, than in the vanilla model and than with scaled weights alone. Does not hold: neither embedding "
        "is better than vanilla in both. Inconclusive: between, or fewer than 5 seeds. That no spikes appear in "
        "training at the paper's scale is not measured."
    ),
    run=run,
    verdict=verdict,
)

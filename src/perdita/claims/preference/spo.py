"""DPO with and without preference degrees (a reconstruction): does the implicit reward follow a response's quality?"""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired, side_by_side
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, Trained, train_together
from perdita.losses.preference.log_probabilities import sequence_log_probability
from perdita.training.preference_degrees import PreferenceDegreeHead

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

WORDS, KEYS, RESPONSE, WIDTH, DEGREES = 60, 4, 12, 64, 3  # words 0..59; the prompt names the keys
FILLERS = range(40, WORDS)  # never a key
STEPS, BATCH, HELD, BETA = 300, 32, 400, 0.1
GAIN = 0.02


class Policy(nn.Module):
    """A one-layer gated recurrent language model with a head for degrees."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.recurrent = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.words = nn.Linear(WIDTH, WORDS)
        self.degrees = PreferenceDegreeHead(WIDTH, DEGREES)

    def forward(self, text: Int[Tensor, "b v t"]) -> Float[Tensor, "b v k"]:
        """(b, versions, 1 + degrees): the log-probability of the intact response, and each version's degree logits.

        The versions of a row have one prompt, which is read once; the first of each response's is the intact one.
        """
        versions, degrees = text.shape[1], max(1, text.shape[1] // 2)
        response = text[..., KEYS:].flatten(0, 1)  # (b v, t)
        asked = self._states(text[:, 0, :KEYS], self.embedding.weight.new_zeros(len(text), WIDTH))[-1]
        last = asked.unsqueeze(1).expand(-1, versions, -1).flatten(0, 1)
        states = torch.stack([last, *self._states(response, last)], 1)  # before each word, and at the end
        intact = states.unflatten(0, (-1, versions))[:, ::degrees, :-1].flatten(0, 2)  # one product for each seed
        logits = self.words(intact).unflatten(0, (-1, RESPONSE))
        logps = sequence_log_probability(logits, text[:, ::degrees, KEYS:].flatten(0, 1)).unflatten(0, (len(text), -1))
        told = logps.repeat_interleave(degrees, 1).unsqueeze(2)
        return torch.cat([told, self.degrees(states).unflatten(0, (-1, versions))], 2)

    def _states(self, words: Int[Tensor, "n t"], state: Float[Tensor, "n w"]) -> list[Float[Tensor, "n w"]]:
        """Those of the recurrent layer after each word: what a word puts into the gates is computed once for all."""
        layer, split = self.recurrent, (2 * WIDTH, WIDTH)
        shift, lift = layer.bias_hh_l0.split(split)
        table = F.linear(self.embedding.weight, layer.weight_ih_l0, layer.bias_ih_l0 + F.pad(shift, (0, WIDTH)))
        states = []
        for given in F.embedding(words.T, table).unbind(0):
            gates, new = given.split(split, 1)
            held, old = F.linear(state, layer.weight_hh_l0).split(split, 1)
            reset, update = torch.sigmoid(gates + held).chunk(2, 1)
            state = torch.lerp(torch.tanh(torch.addcmul(new, reset, old + lift)), state, update)
            states.append(state)
        return states


class Likelihood(nn.Module):
    """Minus the mean log-probability of the first version's words."""

    def forward(self, outputs: Float[Tensor, "b v k"], reference: Float[Tensor, "b 2"]) -> Float[Tensor, ""]:
        """Of pre-training; the reference is not read."""
        return -outputs[:, 0, 0].mean() / RESPONSE


class Intact(nn.Module):
    """DPO of the chosen and the rejected response."""

    def forward(self, outputs: Float[Tensor, "b 2 k"], reference: Float[Tensor, "b 2"]) -> Float[Tensor, ""]:
        """From what policy and reference say of both."""
        return P.dpo(*outputs[..., 0].unbind(1), *reference.unbind(1), beta=BETA)


class Degraded(nn.Module):
    """SPO; the versions are those of the chosen response by degree, then those of the rejected one."""

    def forward(self, outputs: Float[Tensor, "b v k"], reference: Float[Tensor, "b 2"]) -> Float[Tensor, ""]:
        """From what the policy says of all versions, and the reference of the two that are intact."""
        chosen, rejected = outputs.chunk(2, 1)  # (b, degrees, 1 + degrees)
        logps = (chosen[:, 0, 0], rejected[:, 0, 0], *reference.unbind(1))
        return P.spo(*logps, chosen[..., 1:], rejected[..., 1:], beta=BETA)


ARMS: dict[str, tuple[nn.Module, list[int]]] = {  # criterion, and the versions that it reads
    "DPO": (Intact(), [0, DEGREES]),
    "DPO with degrees": (Degraded(), list(range(2 * DEGREES))),
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the rank correlation of reward and true degree that the degrees add to DPO, held-out responses.

    A prompt names four key words; a response is as good as it holds many of them. A language model is pre-trained on
    responses of random quality, then tuned on pairs by DPO, and by DPO with degrees of removed keys.
    """
    from scipy.stats import spearmanr

    rows = (10 if short else STEPS) * BATCH
    parts = [slice(0, len(seeds), 2), slice(1, len(seeds), 2)]  # the seeds of a part take each step together
    fresh = [_fresh(seed).to(device) for seed in seeds]
    started = side_by_side(lambda part: _pretrained(fresh[part], seeds[part], rows, device), parts)
    pieces = [(name, part, own) for name in list(ARMS)[::-1] for part, own in zip(parts, started, strict=True)]
    rewards = side_by_side(lambda piece: _tuned(piece[0], piece[2]), pieces)
    rank: dict[str, list[float]] = {name: [0.0] * len(seeds) for name in ARMS}
    accuracy: dict[str, list[float]] = {name: [0.0] * len(seeds) for name in ARMS}
    for (name, part, own), found in zip(pieces, rewards, strict=True):
        pairs = list(zip(found, own.degrees, strict=True))
        rank[name][part] = [float(spearmanr(reward, degree).statistic) for reward, degree in pairs]
        accuracy[name][part] = [_neighbours(reward, degree) for reward, degree in pairs]
    means = {name: statistics.fmean(own) for name, own in accuracy.items()}
    return paired(
        rank["DPO"],
        rank["DPO with degrees"],
        rank=rank,
        accuracy=accuracy,
        accuracy_gain=means["DPO with degrees"] - means["DPO"],
        remarks=[
            f"right order of responses whose quality differs by one key: {means['DPO']:.4f} with DPO, "
            f"{means['DPO with degrees']:.4f} with degrees",
            "the method is a reconstruction: the paper's recipe was not read, and no code is published",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    gain = evidence.details["accuracy_gain"]
    if evidence.n < 5 or math.isnan(evidence.effect) or math.isnan(gain):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.effect >= GAIN and gain >= 0 else "inconclusive"


def _fresh(seed: int) -> Policy:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Policy()


@dataclass(frozen=True)
class Pretrained:
    """Models of some seeds, what they are tuned on, and what they say of held-out responses before."""

    models: list[Policy]
    seeds: Sequence[int]
    folds: list[Fold]  # all versions
    before: Float[Tensor, "s n"]
    degrees: list[Int[Tensor, "n"]]  # of the held-out responses


def _pretrained(models: list[Policy], seeds: Sequence[int], rows: int, device: str) -> Pretrained:
    plain = [_texts(rows, seed, "pre-training")[0].unsqueeze(1).to(device) for seed in seeds]
    nothing = torch.zeros(rows, 2, device=device)
    states = _trained(Likelihood(), models, [Fold(own, nothing) for own in plain], seeds, 3e-3).states
    folds, before, degrees = [], [], []
    for index, (model, seed) in enumerate(zip(models, seeds, strict=True)):
        model.load_state_dict({name: tensor[0, index] for name, tensor in states.items()})
        pairs, (held, degree) = _pairs(rows, seed).to(device), _texts(HELD, seed, "held out")
        parts = {"held": held.unsqueeze(1).to(device)}
        with torch.no_grad():
            folds.append(Fold(pairs, model(pairs[:, [0, DEGREES]])[..., 0], parts))
            before.append(model(parts["held"])[:, 0, 0])
        degrees.append(degree)
    return Pretrained(models, seeds, folds, torch.stack(before), degrees)


def _tuned(arm: str, start: Pretrained) -> list[Float[Tensor, "n"]]:
    """The rewards that each seed's model gives held-out responses, once it is tuned."""
    criterion, versions = ARMS[arm]
    folds = [Fold(fold.features[:, versions], fold.target, fold.parts) for fold in start.folds]
    models = [copy.deepcopy(model) for model in start.models]
    after = _trained(criterion, models, folds, start.seeds, 1e-3).outputs["held"][0, ..., 0, 0]
    return list((BETA * (after - start.before)).cpu())


def _trained(
    criterion: nn.Module, models: list[Policy], folds: list[Fold], seeds: Sequence[int], rate: float
) -> Trained:
    training = Training(
        epochs=1, batch_size=BATCH, optimizer="adam", learning_rate=rate, weight_decay=0.0, schedule="constant"
    )
    each = iter([model.train() for model in models])
    return train_together({"": criterion}, partial(next, each), folds, training, seeds)


def _generator(seed: int, what: str) -> torch.Generator:
    return torch.Generator().manual_seed(3 * seed + ("pre-training", "pairs", "held out").index(what))


def _prompts(rows: int, generator: torch.Generator) -> Int[Tensor, "n k"]:
    return torch.rand(rows, FILLERS.start, generator=generator).argsort(1)[:, :KEYS]


def _responses(prompts: Int[Tensor, "n k"], degree: Int[Tensor, "n"], generator: torch.Generator) -> Int[Tensor, "n t"]:
    """Fillers, among which the prompt's first ``degree`` keys stand at random places."""
    rows = len(prompts)
    response = torch.randint(FILLERS.start, FILLERS.stop, (rows, RESPONSE), generator=generator)
    places = torch.rand(rows, RESPONSE, generator=generator).argsort(1)[:, :KEYS]
    shown = torch.arange(KEYS) < degree.unsqueeze(1)
    return response.scatter(1, places, torch.where(shown, prompts, response.gather(1, places)))


def _texts(rows: int, seed: int, what: str) -> tuple[Int[Tensor, "n t"], Int[Tensor, "n"]]:
    """Prompts with responses of random quality, and that quality: the number of keys that a response holds."""
    generator = _generator(seed, what)
    prompts = _prompts(rows, generator)
    degree = torch.randint(0, KEYS + 1, (rows,), generator=generator)
    return torch.cat([prompts, _responses(prompts, degree, generator)], 1), degree


def _pairs(rows: int, seed: int) -> Int[Tensor, "n v t"]:
    """(n, 2 degrees, t): a better and a worse response, each with ever more of its keys replaced by fillers."""
    generator = _generator(seed, "pairs")
    prompts = _prompts(rows, generator)
    two = torch.rand(rows, KEYS + 1, generator=generator).argsort(1)[:, :2].sort(1, descending=True).values
    versions = []
    for side in (0, 1):
        response = _responses(prompts, two[:, side], generator)
        for removed in range(DEGREES):
            count = torch.floor(removed / DEGREES * two[:, side] + 0.5).long()
            keys = torch.where(torch.arange(KEYS) < count.unsqueeze(1), prompts, -1)
            gone = (response.unsqueeze(2) == keys.unsqueeze(1)).any(2)
            fillers = torch.randint(FILLERS.start, FILLERS.stop, response.shape, generator=generator)
            versions.append(torch.cat([prompts, torch.where(gone, fillers, response)], 1))
    return torch.stack(versions, 1)


def _neighbours(reward: Float[Tensor, "n"], degree: Int[Tensor, "n"]) -> float:
    """Share of the pairs of responses with degrees one apart that the reward orders rightly."""
    pairs = degree.unsqueeze(1) - degree == 1
    return float((reward.unsqueeze(1) > reward)[pairs].double().mean())


CLAIM = Claim(
    slug="spo",
    statement=(
        "A self-supervised task, to tell how much of a response's key content was removed, makes DPO's implicit reward "
        "follow the degree of preference better."
    ),
    source="Li et al., Findings of EMNLP 2024, arXiv 2409.17791, abstract; the method is a reconstruction",
    rule=(
        "On synthetic responses whose quality is the number of key words that they hold: Holds: the rank correlation "
        "of implicit reward and quality on held-out responses is on average at least 0.02 higher with degrees than "
        "with DPO alone, and the share of neighbouring degrees in the right order is not lower. Does not hold: the "
        "correlation is not higher. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)

"""DC-PDD against loss and Min-K%: which texts was a trigram model fitted on?"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from perdita.claims.harness import Claim, Evidence, paired
from perdita.judge.detection_report import detection_report
from perdita.judge.pretraining_detection import (
    dc_pdd,
    mean_log_probability,
    min_k,
    smoothed_frequencies,
    token_frequencies,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

WINDOW = 48
CAPS = {"dc_pdd": 0.01, "dc_pdd, cap 0.2": 0.2, "dc_pdd, cap 10": 10.0}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the AUC of DC-PDD with its script's cap minus that of Min-20%; the details hold all detectors.

    Windows of 48 words of Python's documentation, a third each: members, on which an interpolated trigram model is
    fitted; other texts; and the corpus of reference frequencies.
    """
    tokens, vocabulary = _words()
    windows = tokens[: len(tokens) // WINDOW * WINDOW].view(-1, WINDOW)
    third = len(windows) // (12 if short else 3)
    found: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
        members, others, corpus = windows[order[: 3 * third]].split(third)
        judged = torch.cat([members, others])
        log_probs = _trigram_log_probabilities(members, judged, vocabulary)
        counts = token_frequencies(corpus, vocabulary)
        labels = [1] * third + [0] * third
        for name, scores in _detectors(log_probs, judged[:, 1:], counts).items():
            found[name].append(detection_report(scores, labels).auc)
    means = {name: statistics.fmean(own) for name, own in found.items()}
    gains = {name: _gain(found["dc_pdd"], found[name]) for name in ("min_k", "loss")}
    return paired(
        found["min_k"],
        found["dc_pdd"],
        overlap=2.0,  # two thirds of one text are judged for one that is fitted
        auc=dict(found),
        gains=gains,
        remarks=[
            "mean AUC: " + ", ".join(f"{name} {mean:.4f}" for name, mean in means.items()),
            f"gain over Min-20% {gains['min_k'][0]:+.4f} (standard error {gains['min_k'][1]:.4f}), over the loss "
            f"{gains['loss'][0]:+.4f} ({gains['loss'][1]:.4f})",
            "no neural model was judged",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    gains = evidence.details["gains"].values()
    if evidence.n < 5 or any(math.isnan(mean) for mean, _ in gains):
        return "inconclusive"
    if any(mean <= 0 for mean, _ in gains):
        return "does not hold"
    return "holds" if all(mean > 2 * error for mean, error in gains) else "inconclusive"


def _gain(measured: list[float], baseline: list[float]) -> list[float]:
    """Mean and standard error of the paired differences."""
    differences = [one - other for one, other in zip(measured, baseline, strict=True)]
    return [statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(len(differences))]


def _words() -> tuple[Int[Tensor, "t"], int]:
    from pydoc_data.topics import topics

    words = re.findall(r"[A-Za-z_]+|\d+|\S", " ".join(topics[name] for name in sorted(topics)))
    known = {word: number for number, word in enumerate(sorted(set(words)))}
    return torch.tensor([known[word] for word in words]), len(known)


def _trigram_log_probabilities(
    members: Int[Tensor, "m t"], judged: Int[Tensor, "n t"], vocabulary: int
) -> Float[Tensor, "n t-1"]:
    """log(0.85 (0.6 unigram + 0.4 bigram) + 0.15 trigram); a term whose context was never seen is 0."""
    rows = members.tolist()
    counts = [Counter(tuple(row[i : i + n]) for row in rows for i in range(WINDOW - n + 1)) for n in (1, 2, 3)]
    contexts = [
        Counter(tuple(row[i : i + n]) for row in rows for i in range(WINDOW - n)) for n in (1, 2)
    ]  # that have a successor
    total = members.numel()

    def probability(row: list[int], place: int) -> float:
        unigram = (counts[0][(row[place],)] + 0.1) / (total + 0.1 * vocabulary)
        longer = [0.0, 0.0]
        for n in (1, 2):
            context = tuple(row[max(place - n, 0) : place])
            if len(context) == n and contexts[n - 1][context]:
                longer[n - 1] = counts[n][(*context, row[place])] / contexts[n - 1][context]
        return 0.85 * (0.6 * unigram + 0.4 * longer[0]) + 0.15 * longer[1]

    found = [[probability(row, place) for place in range(1, WINDOW)] for row in judged.tolist()]
    return torch.tensor(found, dtype=torch.float64).log()


def _detectors(
    log_probs: Float[Tensor, "n t"], tokens: Int[Tensor, "n t"], counts: Int[Tensor, "v"]
) -> dict[str, Float[Tensor, "n"]]:
    scores = {name: dc_pdd(log_probs, tokens, counts, cap=cap) for name, cap in CAPS.items()}
    rarity = smoothed_frequencies(counts).log()[tokens]
    return {
        **scores,
        "dc_pdd, every token": dc_pdd(log_probs, tokens, counts, first_occurrence=False),
        "min_k": min_k(log_probs),
        "loss": mean_log_probability(log_probs),
        "log ratio": mean_log_probability(log_probs - rarity),
    }


CLAIM = Claim(
    slug="dc-pdd",
    statement=(
        "Weighing a model's token probabilities by how rare the tokens are elsewhere tells training texts from others "
        "better than Min-K% and the loss do."
    ),
    source="Zhang et al., EMNLP 2024, arXiv 2409.14781, abstract; the tables were not read",
    rule=(
        "Windows of Python's documentation under an interpolated trigram model: Holds: the mean AUC of DC-PDD with cap "
        "0.01 is more than 2 standard errors above that of Min-20%, and above that of the loss. Does not hold: it is "
        "not above one of them. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)

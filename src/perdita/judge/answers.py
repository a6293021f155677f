"""Measures of texts and of answers that were found by search.

What takes a judge calls it, a function from a statement to True or False: a person, a rule or a language model. What
takes similarities leaves the embedding to whoever calls.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from perdita.core import InputError, component


@component("loss-metric-survey")
def context_precision(relevant: Sequence[bool | int]) -> float:
    """Mean of precision@k over the places k that hold a relevant passage; 0 where none is relevant.

    Args:
        relevant: of the passages in the order in which they were found.
    """
    hits = [rank for rank, good in enumerate(relevant, 1) if good]
    return sum(found / rank for found, rank in enumerate(hits, 1)) / len(hits) if hits else 0.0


@component("loss-metric-survey")
def judged_share(statements: Collection[str], judge: Callable[[str], bool]) -> float:
    """Share of the statements that the judge affirms.

    Context recall: the reference's sentences, "can it be attributed to the context?". Faithfulness: the answer's
    claims, "does the context support it?". Aspect critique, context and answer relevance: one statement for each item.

    Raises:
        InputError: no statement.
    """
    if not statements:
        raise InputError("statements must hold at least one")
    return sum(bool(judge(statement)) for statement in statements) / len(statements)


@component("loss-metric-survey")
def entity_recall(found: Collection[str], wanted: Collection[str]) -> float:
    """Share of the wanted entities that were found.

    Raises:
        InputError: no entity is wanted.
    """
    if not wanted:
        raise InputError("wanted must hold at least one entity")
    return len(set(found) & set(wanted)) / len(set(wanted))


@component("loss-metric-survey")
def token_f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    """Harmonic mean of the shares of the answer's and the reference's tokens that the other holds too."""
    shared = (Counter(answer) & Counter(reference)).total()
    return 2 * shared / (len(answer) + len(reference)) if shared else 0.0


@component("loss-metric-survey")
def answer_correctness(
    answer: Sequence[str], reference: Sequence[str], similarity: float, *, token_share: float = 0.75
) -> float:
    """token_share * `token_f1` + (1 - token_share) * similarity, the cosine of the two texts' embeddings.

    Raises:
        InputError: a token_share outside [0, 1].
    """
    if not 0 <= token_share <= 1:
        raise InputError(f"token_share must be in [0, 1], not {token_share!r}")
    return token_share * token_f1(answer, reference) + (1 - token_share) * similarity


@component("loss-metric-survey")
def rouge_ngram(hypothesis: Sequence[str], reference: Sequence[str], *, n: int = 1) -> float:
    """ROUGE-N recall: share of the reference's runs of n tokens that occur.

    Raises:
        InputError: fewer than n tokens in the reference, an n below 1.
    """
    if not 1 <= n <= len(reference):
        raise InputError(f"n must be from 1 to {len(reference)}, the number of the reference's tokens, not {n}")

    def runs(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
        return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))

    return (runs(hypothesis) & runs(reference)).total() / (len(reference) - n + 1)


@component("loss-metric-survey")
def rouge_weighted(hypothesis: Sequence[str], reference: Sequence[str], *, power: float = 1.2) -> float:
    """ROUGE-W recall: the longest common subsequence, whose unbroken runs count length ** power.

    With power = 1 it is ROUGE-L recall, the length of that subsequence over that of the reference.

    Raises:
        InputError: an empty reference, a power below 1.
    """
    if not reference or power < 1:
        raise InputError(f"reference must hold a token and power be at least 1, not {len(reference)} and {power}")

    @functools.cache
    def best(i: int, j: int) -> tuple[float, int]:
        """Weight of the best subsequence of the first i and j tokens, and the length of the run at its end."""
        if not i or not j:
            return 0.0, 0
        if hypothesis[i - 1] == reference[j - 1]:
            weight, run = best(i - 1, j - 1)
            return weight + (run + 1) ** power - run**power, run + 1
        up, left = best(i - 1, j)[0], best(i, j - 1)[0]
        return max(up, left), 0

    for row in range(len(hypothesis)):  # keeps the recursion shallow
        for column in range(len(reference)):
            best(row, column)
    return float((best(len(hypothesis), len(reference))[0] / len(reference) ** power) ** (1 / power))


@component("loss-metric-survey")
def rouge_skip(hypothesis: Sequence[str], reference: Sequence[str]) -> float:
    """ROUGE-S recall: share of the reference's pairs of tokens, in order with any gap, that occur.

    Raises:
        InputError: fewer than two tokens in the reference.
    """
    if len(reference) < 2:
        raise InputError("reference must hold at least two tokens")

    def pairs(tokens: Sequence[str]) -> Counter[tuple[str, str]]:
        return Counter((first, second) for i, first in enumerate(tokens) for second in tokens[i + 1 :])

    wanted = pairs(reference)
    return (pairs(hypothesis) & wanted).total() / wanted.total()


@component("loss-metric-survey")
def meteor(hypothesis: Sequence[str], reference: Sequence[str], *, recall_weight: float = 3.0) -> float:
    r"""METEOR by exact matches: (1 - penalty) (1 + a^2) P R / (a^2 P + R), with a = recall_weight.

    The penalty is half the cube of the number of unbroken runs over the number of matches. Tokens are matched from the
    left, each to the place after the last match where there is one, else to the first free place. With a = 3 the mean
    is the common 10 P R / (R + 9 P). Stems and synonyms do not match.

    Source:
        Banerjee and Lavie, ACL 2005 Workshop; as printed in Terven et al., 2025, arXiv 2307.02694.
    """
    free: dict[str, list[int]] = {}
    for place, token in enumerate(reference):
        free.setdefault(token, []).append(place)
    matches: list[tuple[int, int]] = []
    for place, token in enumerate(hypothesis):
        if places := free.get(token):
            following = matches[-1][1] + 1 if matches else 0
            places.remove(chosen := following if following in places else places[0])
            matches.append((place, chosen))
    if not matches:
        return 0.0
    breaks = sum((b[0] - a[0], b[1] - a[1]) != (1, 1) for a, b in itertools.pairwise(matches))
    precision, recall = len(matches) / len(hypothesis), len(matches) / len(reference)
    square = recall_weight**2
    mean = (1 + square) * precision * recall / (square * precision + recall)
    return (1 - 0.5 * ((breaks + 1) / len(matches)) ** 3) * mean

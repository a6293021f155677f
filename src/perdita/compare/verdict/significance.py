"""Tests that do not overstate: for runs that share one data set, and for many losses at once.

All runs of a comparison resample one data set: folds, or hold-out splits drawn anew by each seed. Their test parts
overlap, and so do their training parts. They are therefore correlated, and s² / n is too small a variance for their
mean: a t-test that uses it, or a signed-rank or sign-flip test, finds "significant" differences between equal losses
more often with every further run. Nadeau and Bengio (2003) take the correlation to be the share of the data that is
tested on, ρ = n_test / n, which gives the variance that is used here throughout, for folds and for seeds alike:

    var(mean) = (1/runs + overlap) s²,   overlap = ρ / (1 - ρ) = n_test / (n - n_test).

More runs then make an answer steadier, but never certain: its limit is the data. For k folds overlap = 1 / (k - 1), and
for folds repeated with several seeds this is the test of Bouckaert and Frank (2004). It is a rule of thumb: where much
of the correlation comes through the training parts that runs share, it is still somewhat too sure.

Source:
    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52 (2003). Bouckaert and Frank,
    Evaluating the replicability of significance tests, PAKDD 2004. Demšar, Statistical comparisons of classifiers over
    multiple data sets, JMLR 7 (2006). Holm, A simple sequentially rejective multiple test procedure, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from perdita.compare.result import Interval
from perdita.core.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType

    from jaxtyping import Float
    from numpy import ndarray

TESTS = {
    "t": "corrected resampled t-test (Nadeau & Bengio 2003)",
    "wilcoxon": "Wilcoxon signed-rank test, which takes the runs for independent",
    "permutation": "sign-flip permutation test, which takes the runs for independent",
}
DRAWS = 9999  # sign flips where there are too many runs to try them all


def _stats() -> ModuleType:
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("scipy", "compare") from error
    return stats


def mean_interval(
    values: Float[ndarray, " runs"],
    overlap: float,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """The mean with its interval from Student's t on runs - 1 degrees of freedom and the corrected variance.

    It is cut at the bounds of what is measured: the true mean lies within them, so that the interval holds it as often
    as the uncut one would.

    Args:
        values: one number for each run.
        overlap: n_test / (n - n_test); 0 for independent runs.
        confidence: of the interval.
        bounds: the least and the largest value that there can be.

    Returns:
        The interval; its ends are NaN for a single run, and all three numbers for none.
    """
    if len(values) == 0:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(np.mean(values))
    if len(values) == 1:
        return Interval(mean, math.nan, math.nan)
    reach = _stats().t.ppf((1 + confidence) / 2, len(values) - 1) * _standard_error(values, overlap)
    return Interval(mean, max(float(mean - reach), bounds[0]), min(float(mean + reach), bounds[1]))


def paired_p(differences: Float[ndarray, " runs"], overlap: float, test: str = "t") -> float | None:
    """The two-sided p-value of "the paired differences have mean zero".

    Where the differences are all zero, p is 1. Where they are all the same number, their variance says nothing (a few
    runs on a small test part count the same few errors), and the t-test gives way to the sign-flip test, whose p is
    then 2 / 2^runs: two runs that agree prove nothing.

    Args:
        differences: one number for each pair of runs.
        overlap: n_test / (n - n_test); the t-test alone uses it.
        test: one of `TESTS`.

    Returns:
        The p-value; None for fewer than two pairs, which no test can judge.
    """
    check_test(test)
    if len(differences) < 2:
        return None
    if not np.any(differences):
        return 1.0
    stats = _stats()
    if test == "wilcoxon":
        return float(stats.wilcoxon(differences, zero_method="pratt").pvalue)
    if test == "permutation" or constant(differences):
        found = stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=DRAWS, rng=0
        )
        return float(found.pvalue)
    t = np.mean(differences) / _standard_error(differences, overlap)
    return float(2 * stats.t.sf(abs(t), len(differences) - 1))


def check_test(test: str) -> None:
    """Raise InputError where ``test`` is none of `TESTS`."""
    if test not in TESTS:
        raise InputError(f"test must be one of {', '.join(TESTS)}, not {test!r}")


def constant(differences: Float[ndarray, " runs"]) -> bool:
    """Whether all differences are one number other than zero, up to rounding."""
    return bool(np.any(differences) and np.ptp(differences) <= 1e-10 * np.abs(differences).max())


def _standard_error(values: Float[ndarray, " runs"], overlap: float) -> float:
    return math.sqrt((1 / len(values) + overlap) * float(np.var(values, ddof=1)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction, in the order given: with p₍₁₎ ≤ … ≤ p₍ₘ₎, the i-th is max over j ≤ i of (m - j + 1) p₍ⱼ₎, at
    most 1. What could not be tested (None) stays None and does not count."""
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for done, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - done) * p))
        corrected[place] = largest
    return corrected


def block_ranks(goodness: Float[ndarray, "losses blocks"]) -> Float[ndarray, "losses blocks"]:
    """Each block's ranks: 1 for the highest, ties share their mean rank, and failures (NaN) share the last places."""
    ranks: ndarray = _stats().rankdata(np.where(np.isnan(goodness), np.inf, -goodness), axis=0)
    return ranks


def friedman_p(ranks: Float[ndarray, "losses blocks"]) -> float:
    """The p-value of "all losses have the same mean rank" (Friedman); 1 where every block is one tie."""
    if np.all(ranks == ranks[:1]):
        return 1.0
    return float(_stats().friedmanchisquare(*ranks).pvalue)


def critical_difference(losses: int, blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi's least difference of two mean ranks that is significant among all pairs: q √(k (k + 1) / 6 N) for k
    losses and N blocks, with q the upper quantile of the studentized range over √2."""
    quantile = _stats().studentized_range.ppf(1 - alpha, losses, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(losses * (losses + 1) / (6 * blocks)))


def cliques(mean_ranks: Mapping[str, float], difference: float) -> tuple[tuple[str, ...], ...]:
    """The largest groups, of two or more, in which no two mean ranks are further apart than the critical difference."""
    ordered = sorted(mean_ranks, key=lambda name: (mean_ranks[name], name))
    groups: list[tuple[str, ...]] = []
    reached = 0
    for start, first in enumerate(ordered):
        end = sum(mean_ranks[name] - mean_ranks[first] <= difference for name in ordered[start:]) + start
        if end > reached and end - start > 1:
            groups.append(tuple(ordered[start:end]))
        reached = max(reached, end)
    return tuple(groups)

"""From runs to rows and standings: how good each loss is, and which losses can be told apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perdita.compare.result import Interval, Row, Standing
from perdita.compare.spec import Metric, Run
from perdita.compare.verdict.significance import (
    TESTS,
    block_ranks,
    cliques,
    constant,
    critical_difference,
    friedman_p,
    holm,
    mean_interval,
    paired_p,
)
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray

Block = tuple[int, int]  # fold and seed: what the runs of all losses share


def analyse(
    runs: Sequence[Run],
    *,
    primary: Metric,
    metrics: Sequence[Metric],
    baseline: str,
    folds: int,
    confidence: float = 0.95,
    test: str = "t",
) -> tuple[tuple[Row, ...], tuple[Standing, ...]]:
    """Rank the losses of each condition, and say which can be told apart.

    The paired test compares two losses on the same folds and seeds. It is the corrected resampled t-test for folds and
    for seeds alike, since seeds that draw their own split of one data set are no more independent than folds are (see
    `perdita.compare.verdict.significance`); intervals widen alike. Wilcoxon's test and the sign-flip test are
    there as a second opinion that assumes no normal distribution, but takes the runs for independent.

    Holm's correction is made over the comparisons of one condition: those with the baseline for `Row.p_value`, all
    pairs for `Standing.pairwise_p`, those with the best for `Standing.best`. That group starts with the loss that ranks
    first, followed by those whose difference to it is not significant at 1 - confidence. It is to be read as Hsu's
    multiple comparisons with the best: a loss that is in truth as good as any is left out in about that share of
    comparisons at most, although the one that ranks first was chosen by the same runs.

    The Friedman test, Nemenyi's critical difference and the cliques are the textbook ones over blocks of one fold and
    seed. They describe these runs: they take blocks for independent, so their verdict on one data set is too sure, and
    no other number rests on them.

    A run failed if it says so or its primary metric is not finite. A loss ranks before all with more failures, whatever
    their mean, and only losses with as few failures as the first can be among the best; means are over what did not
    fail, pairs with a failure are left out, and in the ranks of a block failures share the last place.

    Args:
        runs: the outcomes, in any order within a condition.
        primary: the metric that ranks and is tested.
        metrics: those to give intervals for.
        baseline: the loss that the others are compared with.
        folds: k for runs of k-fold cross-validation, 0 where each seed drew a split.
        confidence: of each interval; 1 - confidence is the level of the tests.
        test: t, wilcoxon or permutation.

    Returns:
        The rows by condition and rank, and one standing for each condition, in the order they first appear in.

    Raises:
        InputError: no run of the baseline, one run twice, no sizes, an unknown test.
    """
    overlap = _overlap(runs, folds)
    metrics = metrics if primary in metrics else [primary, *metrics]
    rows: list[Row] = []
    standings: list[Standing] = []
    for condition in dict.fromkeys(run.condition for run in runs):
        table = _tabulate([run for run in runs if run.condition == condition], primary)
        if baseline not in table.runs:
            raise InputError(f"no run of the baseline {baseline!r} under {condition}{nearest(baseline, table.runs)}")
        ranks = _ranks(table, primary)
        rows += _rows(table, ranks, primary, metrics, baseline, overlap, confidence, test)
        standings.append(_standing(table, ranks, primary, overlap, 1 - confidence, test))
    return tuple(rows), tuple(standings)


def _overlap(runs: Sequence[Run], folds: int) -> float:
    """n_test / (n - n_test). A learner may see all but the test part, whether it trains on it, validates on it or drops
    it, so the largest total counts: some conditions make the training part smaller."""
    if folds > 1:
        return 1 / (folds - 1)
    tested = max((run.sizes[2] for run in runs), default=0)
    seen = max((sum(run.sizes) for run in runs), default=0) - tested
    if not (tested > 0 and seen > 0):
        raise InputError("runs must have sizes: the rows in the training, validation and test part")
    return tested / seen


@dataclass(frozen=True)
class _Table:
    """The runs of one condition, each loss's by block; ``scores`` is NaN where a run failed or is missing."""

    condition: str
    runs: Mapping[str, Mapping[Block, Run]]
    blocks: tuple[Block, ...]
    scores: Mapping[str, Float[ndarray, " blocks"]]
    failed: Mapping[str, int]


def _tabulate(runs: Sequence[Run], primary: Metric) -> _Table:
    by_loss: dict[str, dict[Block, Run]] = {}
    for run in runs:
        own = by_loss.setdefault(run.loss, {})
        if (run.fold, run.seed) in own:
            raise InputError(f"two runs of {run.loss} under {run.condition} at fold {run.fold} and seed {run.seed}")
        own[run.fold, run.seed] = run
    blocks = tuple(sorted({(run.fold, run.seed) for run in runs}))
    scores = {
        loss: np.array([_score(own.get(block), primary) for block in blocks], dtype=float)
        for loss, own in by_loss.items()
    }
    failed = {
        loss: sum(not math.isfinite(_score(run, primary)) for run in own.values()) for loss, own in by_loss.items()
    }
    return _Table(runs[0].condition, by_loss, blocks, scores, failed)


def _score(run: Run | None, metric: Metric) -> float:
    value = math.nan if run is None or run.failed else run.metrics.get(metric.name, math.nan)
    return value if math.isfinite(value) else math.nan


def goodness(values: Float[ndarray, "*shape"], metric: Metric) -> Float[ndarray, "*shape"]:
    """The values such that more is better, whichever way the metric runs."""
    return values if metric.higher_is_better else -values


def _ranks(table: _Table, primary: Metric) -> dict[str, int]:
    """1 for the best: fewest failures first, then the mean; equals share a rank. Ordered by rank, then name."""
    keys = {}
    for loss, scores in table.scores.items():
        valid = scores[~np.isnan(scores)]
        keys[loss] = (table.failed[loss], -float(goodness(np.mean(valid), primary)) if len(valid) else math.inf)
    ordered = sorted(keys, key=lambda loss: (keys[loss], loss))
    return {loss: 1 + sum(other < keys[loss] for other in keys.values()) for loss in ordered}


def _differences(table: _Table, loss: str, other: str) -> Float[ndarray, " pairs"]:
    differences: ndarray = table.scores[loss] - table.scores[other]
    return differences[~np.isnan(differences)]


def _rows(
    table: _Table,
    ranks: Mapping[str, int],
    primary: Metric,
    metrics: Sequence[Metric],
    baseline: str,
    overlap: float,
    confidence: float,
    test: str,
) -> list[Row]:
    others = [loss for loss in ranks if loss != baseline]
    p_values = dict(
        zip(
            others, holm([paired_p(_differences(table, loss, baseline), overlap, test) for loss in others]), strict=True
        )
    )
    twins = _twins(table)
    return [
        Row(
            loss=loss,
            condition=table.condition,
            rank=rank,
            metrics={metric.name: _interval(table, loss, metric, overlap, confidence) for metric in metrics},
            difference=(None if loss == baseline else _difference(table, loss, baseline, primary, overlap, confidence)),
            p_value=p_values.get(loss),
            seconds=float(np.mean([run.seconds for run in table.runs[loss].values()])),
            peak_bytes=max(run.peak_bytes for run in table.runs[loss].values()),
            runs=len(table.runs[loss]),
            failed=table.failed[loss],
            identical_to=twins[loss],
            note=_note(table, loss, baseline, twins[loss], test),
        )
        for loss, rank in ranks.items()
    ]


def _interval(table: _Table, loss: str, metric: Metric, overlap: float, confidence: float) -> Interval:
    values = np.array([_score(table.runs[loss].get(block), metric) for block in table.blocks])
    return mean_interval(values[~np.isnan(values)], overlap, confidence, metric.bounds)


def _difference(
    table: _Table, loss: str, baseline: str, primary: Metric, overlap: float, confidence: float
) -> Interval:
    """Paired, loss minus baseline. Its cut cannot move an end across 0, and so agrees with the t-test."""
    widest = primary.bounds[1] - primary.bounds[0]
    return mean_interval(_differences(table, loss, baseline), overlap, confidence, (-widest, widest))


def _twins(table: _Table) -> dict[str, tuple[str, ...]]:
    """For each loss the others with the same bits in every metric, and in the whole learning curve, of every run."""
    groups: dict[str, list[str]] = {}
    for loss, own in table.runs.items():
        if table.failed[loss] == 0:
            found = [(block, run.metrics, run.validation, run.curve) for block, run in sorted(own.items())]
            groups.setdefault(repr(found), []).append(loss)
    return {
        loss: tuple(sorted(other for group in groups.values() if loss in group for other in group if other != loss))
        for loss in table.runs
    }


def _note(table: _Table, loss: str, baseline: str, twins: tuple[str, ...], test: str) -> str:
    own, failed = table.runs[loss], table.failed[loss]
    notes = []
    if failed:
        reasons = dict.fromkeys(run.failed for run in own.values() if run.failed)
        notes.append(f"{failed} of {len(own)} runs failed" + (f" ({'; '.join(reasons)})" if reasons else ""))
    if twins and loss < twins[0]:  # said once for all of them; each row names its twins in identical_to
        notes.append(f"the same bits as {', '.join(twins)} in every run")
    if loss != baseline:
        differences = _differences(table, loss, baseline)
        if len(differences) < 2:
            pairs = "a single pair" if len(differences) else "no pair"
            notes.append(f"{pairs} of runs with the baseline, so no test")
        elif test == "t" and constant(differences):
            notes.append("the same difference to the baseline in every run, so p is of the sign-flip test")
    return "; ".join(notes)


def _standing(
    table: _Table, ranks: Mapping[str, int], primary: Metric, overlap: float, alpha: float, test: str
) -> Standing:
    losses = sorted(table.runs)
    complete = [i for i, block in enumerate(table.blocks) if all(block in table.runs[loss] for loss in losses)]
    places = block_ranks(goodness(np.stack([table.scores[loss][complete] for loss in losses]), primary))
    mean_ranks = {loss: float(np.mean(own)) for loss, own in zip(losses, places, strict=True)} if complete else {}
    enough = len(losses) >= 3 and len(complete) >= 3
    difference = critical_difference(len(losses), len(complete), alpha) if enough else None
    return Standing(
        condition=table.condition,
        best=_best(table, ranks, overlap, alpha, test),
        friedman_p=friedman_p(places) if enough else None,
        mean_ranks=mean_ranks,
        critical_difference=difference,
        cliques=() if difference is None else cliques(mean_ranks, difference),
        pairwise_p=_pairwise(table, losses, overlap, test),
        test=f"{TESTS[test]}, Holm-corrected",
    )


def _best(table: _Table, ranks: Mapping[str, int], overlap: float, alpha: float, test: str) -> tuple[str, ...]:
    """The first by rank, and those that cannot be told apart from it; nothing where every run failed."""
    first = next(iter(ranks))
    if np.all(np.isnan(table.scores[first])):
        return ()
    others = [loss for loss in ranks if loss != first and table.failed[loss] == table.failed[first]]
    corrected = holm([paired_p(_differences(table, loss, first), overlap, test) for loss in others])
    return (first, *(loss for loss, p in zip(others, corrected, strict=True) if p is None or p >= alpha))


def _pairwise(table: _Table, losses: Sequence[str], overlap: float, test: str) -> dict[str, dict[str, float]]:
    """The p-value of each pair, both ways round, Holm-corrected over all of them; what has no test is left out."""
    pairs = list(itertools.combinations(losses, 2))
    found: dict[str, dict[str, float]] = {loss: {} for loss in losses}
    corrected = holm([paired_p(_differences(table, loss, other), overlap, test) for loss, other in pairs])
    for (loss, other), p in zip(pairs, corrected, strict=True):
        if p is not None:
            found[loss][other] = found[other][loss] = p
    return found

"""What is wrong with a training, read from its log: spikes, divergence, plateaus, and terms out of balance.

Levels are medians, of a window before each value or of blocks of equal length; noise is the median absolute deviation
of the differences between neighbours. So single values move neither, and a steady fall is no noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from perdita.core.errors import InputError, nearest
from perdita.judge.log_file import Series

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

BLOCKS = 20  # of equal length, over a whole training
SPIKE = 8.0  # noises above the level before it
LEAST_RISE = 0.1  # of the level: what is less is neither a spike nor a divergence, however quiet the series
DIVERGED = 0.2  # a rise from the lowest level to the last one, as a share of the fall before it
STUCK = 0.01  # of the whole fall: blocks that bring less stand still
SURE = 3.0  # standard errors
LONG = 0.4  # of the training: a shorter standstill is none
FEWEST = 2 * BLOCKS  # values; a shorter series has no blocks to speak of
RANGES = ("__MIN", "__MAX")  # columns beside a smoothed one, in what Weights & Biases exports
UNEVEN = {"balance": 10.0, "loss": 100.0}  # ratio of the largest term to the smallest: gradient norms, and values


@dataclass(frozen=True)
class Finding:
    """Something to look at, from one step to another."""

    kind: str  # spike, divergence, plateau or imbalance
    column: str
    first_step: float
    last_step: float
    sentence: str
    figures: dict[str, float] = field(default_factory=dict)


def examine(log: Mapping[str, Series], columns: Sequence[str] | None = None) -> tuple[Finding, ...]:
    """Every finding in a log, by its first step.

    Args:
        log: column → series, as `perdita.judge.log_file.read_log` gives it.
        columns: the losses to look at; None takes every column with "loss" in its name. Terms are compared where their
            names share what stands before a slash: ``balance/…`` (gradient norms) or ``loss/…`` (values).

    Raises:
        InputError: an unknown column, or no loss among them.
    """
    if columns is None:
        columns = [name for name in log if "loss" in name.lower() and not name.endswith(RANGES)]
        if not columns:
            raise InputError(
                f"no column has 'loss' in its name; name it (--columns): there are {', '.join(log) or 'none'}"
            )
    for name in columns:
        if name not in log:
            raise InputError(f"the log has no column {name!r}{nearest(name, log)}")
    found = [finding for name in columns for finding in examine_loss(name, log[name])]
    for prefix, limit in UNEVEN.items():
        terms = {name: log[name] for name in log if name.startswith(f"{prefix}/")}
        found += imbalance(terms, limit)
    return tuple(sorted(found, key=lambda finding: (finding.first_step, finding.column)))


def too_short(log: Mapping[str, Series]) -> dict[str, int]:
    """The losses of a log with fewer values than spikes, plateaus and divergence can be seen in, and how many each has.

    Args:
        log: column → series.
    """
    counts = {name: int(np.isfinite(series.values).sum()) for name, series in log.items() if "loss" in name.lower()}
    return {name: count for name, count in counts.items() if count < FEWEST}


def examine_loss(name: str, series: Series) -> list[Finding]:
    """Divergence of one loss, its spikes and its plateaus."""
    finite = np.isfinite(series.values)
    found = list(not_finite(name, series))
    kept = Series(series.steps[finite], series.values[finite])
    if len(kept.values) >= FEWEST:
        risen = [*rise(name, kept)]
        found += [spike for spike in spikes(name, kept) if not risen or spike.last_step < risen[0].first_step]
        found += [*risen, *plateaus(name, kept)]
    return found


def not_finite(name: str, series: Series) -> Iterator[Finding]:
    """Runs of values that are NaN or infinite; to the end of the series they are a divergence, else a spike."""
    for first, last in runs(~np.isfinite(series.values)):
        forever = last == len(series.values) - 1
        start, end = float(series.steps[first]), float(series.steps[last])
        how = "and stays so to the end" if forever else f"and is finite again after step {end:g}"
        sentence = f"{name} is {series.values[first]:g} at step {start:g} {how}."
        yield Finding("divergence" if forever else "spike", name, start, end, sentence)


def spikes(name: str, series: Series) -> Iterator[Finding]:
    r"""Runs of values above median + SPIKE noise of the window before them that come down again.

    A window is a block long, but at least 10 and at most 200 values. While a spike lasts, the level before it stays the
    measure.
    """
    window = min(max(10, len(series.values) // BLOCKS), 200)
    high = np.zeros(len(series.values), dtype=bool)
    quiet = list(range(window))
    levels = np.full(len(series.values), np.nan)
    for place in range(window, len(series.values)):
        before = series.values[quiet[-window:]]
        level = float(np.median(before))
        levels[place] = level
        height = series.values[place] - level
        high[place] = height > LEAST_RISE * abs(level) and height > SPIKE * noise(before)
        if not high[place]:
            quiet.append(place)
    for first, last in runs(high):
        if last < len(series.values) - 1:
            peak, level = float(series.values[first : last + 1].max()), float(levels[first])
            start, end = float(series.steps[first]), float(series.steps[last])
            where = f"at step {start:g}" if first == last else f"from step {start:g} to {end:g}"
            sentence = f"{name} jumps from about {level:.4g} to {peak:.4g} {where}, and comes down again."
            yield Finding("spike", name, start, end, sentence, {"level": level, "peak": peak})


def rise(name: str, series: Series) -> Iterator[Finding]:
    """A last level far above the lowest one: more than the noise of a level, and than DIVERGED of the fall before."""
    levels, edges = blocks(series)
    lowest = int(levels.argmin())
    height = float(levels[-1] - levels[lowest])
    fall = float(levels[0] - levels[lowest])
    unsure = 2 * SURE * level_error(series)
    if lowest < BLOCKS - 1 and height > max(unsure, DIVERGED * fall, LEAST_RISE * abs(float(levels[lowest]))):
        start, end = float(series.steps[edges[lowest + 1]]), float(series.steps[-1])
        sentence = (
            f"{name} rises from its lowest level of about {levels[lowest]:.4g}, before step {start:g}, to "
            f"{levels[-1]:.4g} at the end."
        )
        figures = {"lowest": float(levels[lowest]), "last": float(levels[-1])}
        yield Finding("divergence", name, start, end, sentence, figures)


def plateaus(name: str, series: Series) -> Iterator[Finding]:
    """The longest stretch, of at least LONG of the training, that brings less than STUCK of the whole fall.

    What noise hides does not count against a stretch: SURE standard errors of the line through its levels, and twice
    that between any two of them.
    """
    levels, edges = blocks(series)
    error = level_error(series)
    least = STUCK * float(levels[0] - levels.min())

    def stands_still(stretch: Float[np.ndarray, "k"]) -> bool:
        k = len(stretch)
        place = np.arange(k) - (k - 1) / 2
        square = max(float(place @ place), 1.0)
        change = float(place @ stretch) / square * (k - 1)
        unsure = SURE * error * (k - 1) / math.sqrt(square)
        return abs(change) <= max(least, unsure) and np.ptp(stretch) <= max(least, 2 * SURE * error)

    pairs = ((i, j) for i in range(BLOCKS) for j in range(i, BLOCKS) if stands_still(levels[i : j + 1]))
    first, last = max(pairs, key=lambda pair: (pair[1] - pair[0], -pair[0]))
    share = (last - first + 1) / BLOCKS
    if share < LONG:
        return
    start, end = float(series.steps[edges[first]]), float(series.steps[edges[last + 1] - 1])
    level = float(np.median(levels[first : last + 1]))
    sentence = f"{name} stays at about {level:.4g} from step {start:g} to {end:g}, {share:.0%} of the training."
    if share == 1:
        sentence = f"{name} does not fall at all: it stays at about {level:.4g} from step {start:g} to {end:g}."
    yield Finding("plateau", name, start, end, sentence, {"level": level, "share": share})


def imbalance(terms: Mapping[str, Series], limit: float) -> list[Finding]:
    """The longest stretch in which the largest term is more than ``limit`` times the smallest.

    Args:
        terms: column → series; those with fewer than FEWEST finite values are left out.
        limit: of the ratio of the medians of their sizes in a block.
    """
    sizes = {}
    steps: Series | None = None
    for name, series in terms.items():
        finite = np.isfinite(series.values)
        if finite.sum() >= FEWEST:
            kept = Series(series.steps[finite], np.abs(series.values[finite]))
            steps = steps or kept
            sizes[name] = blocks(kept)
    if len(sizes) < 2 or steps is None:
        return []
    levels = np.stack([found for found, _ in sizes.values()])  # (terms, blocks)
    names = list(sizes)
    least = np.maximum(levels.min(axis=0), np.finfo(np.float64).tiny)
    ratio = levels.max(axis=0) / least
    stretches = runs(ratio > limit)
    if not stretches:
        return []
    first, last = max(stretches, key=lambda run: (run[1] - run[0], -run[0]))
    middle = np.median(levels[:, first : last + 1], axis=1)
    large, small = names[int(middle.argmax())], names[int(middle.argmin())]
    edges = sizes[names[0]][1]
    start, end = float(steps.steps[edges[first]]), float(steps.steps[edges[last + 1] - 1])
    times = float(middle.max() / max(middle.min(), np.finfo(np.float64).tiny))
    how = f"about {times:.3g} times {small}" if times < 1 / np.finfo(np.float64).eps else f"all there is beside {small}"
    sentence = f"{large} is {how} from step {start:g} to {end:g}; the smaller term has next to no say."
    return [Finding("imbalance", large, start, end, sentence, {"ratio": times})]


def noise(values: Float[np.ndarray, "n"]) -> float:
    """The spread of a series around its course: 1.4826 / sqrt(2) of the median absolute difference of neighbours."""
    differences = np.diff(values)
    if not len(differences):
        return 0.0
    return 1.4826 / math.sqrt(2) * float(np.median(np.abs(differences - np.median(differences))))


def level_error(series: Series) -> float:
    """The standard error of a block's median, of normal noise."""
    return noise(series.values) * math.sqrt(math.pi / 2 / (len(series.values) / BLOCKS))


def blocks(series: Series) -> tuple[Float[np.ndarray, "blocks"], list[int]]:
    """The median of each of BLOCKS blocks, and the places where they begin, with the end."""
    edges = [round(len(series.values) * block / BLOCKS) for block in range(BLOCKS + 1)]
    levels = [float(np.median(series.values[edges[block] : edges[block + 1]])) for block in range(BLOCKS)]
    return np.array(levels), edges


def runs(marked: Bool[np.ndarray, "n"]) -> list[tuple[int, int]]:
    """First and last place of each run of True."""
    padded = np.concatenate([[False], marked, [False]]).astype(np.int8)
    change = np.diff(padded)
    return list(zip(np.flatnonzero(change == 1).tolist(), (np.flatnonzero(change == -1) - 1).tolist(), strict=True))

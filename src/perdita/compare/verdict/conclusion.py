"""What a comparison found, in one plain sentence, and how its numbers are written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from perdita.compare.result import Row, Standing
from perdita.compare.spec import Metric


def conclude(
    rows: Sequence[Row], standings: Sequence[Standing], primary: Metric, baseline: str, dataset: str = ""
) -> str:
    """One sentence: which loss is best, whether that can be told from these runs, and where the baseline stands.

    Args:
        rows: of all conditions.
        standings: one for each condition.
        primary: the metric that ranks.
        baseline: the loss that the others were compared with.
        dataset: its name, if the sentence is to give it.
    """
    where = f"On {dataset}, " if dataset else ""
    by_condition = {
        standing.condition: [row for row in rows if row.condition == standing.condition] for standing in standings
    }
    judged = [standing for standing in standings if standing.best]
    if not judged:
        return f"{where}no loss has a result: every run failed."
    if len(judged) == 1:
        where += f"under {judged[0].condition}, " if len(standings) > 1 else ""
        found = _one(by_condition[judged[0].condition], judged[0], primary, baseline)
    else:
        found = _several(judged, by_condition, primary, baseline)
    lost = [standing.condition for standing in standings if not standing.best]
    if lost:
        found += f"; under {listed(lost)} every run failed"
    return f"{where}{found}{_failures([row for row in rows if row.condition not in lost])}."


def number(value: float, decimals: int | None = None) -> str:
    """A measured number as a reader wants it: three to four digits, or so many decimals; "—" for NaN."""
    if not math.isfinite(value):
        return "—"
    size = abs(value)
    if decimals is None:
        if size and (size < 1e-3 or size >= 1e6):
            return f"{value:.3g}"
        decimals = decimals_for(size)
    return f"{value:,.{decimals}f}"


def decimals_for(size: float) -> int:
    """How many decimals to show for numbers up to this size."""
    return 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0


def p_text(p: float | None) -> str:
    """A p-value in at most three digits; "—" where nothing was tested."""
    return "—" if p is None else "<0.001" if p < 1e-3 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """ "a", "a and b", "a, b and c", or "a, b and 4 more"."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _one(rows: Sequence[Row], standing: Standing, primary: Metric, baseline: str) -> str:
    first, *tied = standing.best
    row = next(row for row in rows if row.loss == first)
    others = [other for other in rows if other.loss != first]
    value = number(row.metrics[primary.name].mean)
    if not others:
        return f"{first} was compared with nothing; its {_title(primary)} is {value}"
    head = f"{_named(first, baseline)} has {_most(primary)} ({value})"
    if row.runs - row.failed < 2:
        return f"{head}, but a single run of each loss cannot tell which is better"
    if len(tied) == len(others):
        rest = f"the other loss, {tied[0]}" if len(tied) == 1 else f"any of the other {len(tied)} losses"
        return f"{head}, but it cannot be told apart from {rest}"
    if tied:
        inside = f"{_named(baseline, baseline)} is {'' if baseline in standing.best else 'not '}within this group"
        return f"{head}, but it cannot be told apart from {listed(tied)}" + ("" if first == baseline else f"; {inside}")
    apart = [other for other in others if other.failed <= row.failed]
    if not apart:
        return f"{head}, and no other loss came through as many of its runs"
    rest = f"the other loss, {apart[0].loss}" if len(apart) == 1 else f"every one of the other {len(apart)} losses"
    return f"{head} and can be told apart from {rest}" + _over_baseline(rows, row, primary, baseline)


def _over_baseline(rows: Sequence[Row], row: Row, primary: Metric, baseline: str) -> str:
    theirs = next(other for other in rows if other.loss == baseline)
    if row.loss == baseline or row.difference is None or theirs.failed > row.failed:
        return ""
    gap = row.difference.mean
    return f"; it is {number(abs(gap))} {'above' if gap > 0 else 'below'} {_named(baseline, baseline)}"


def _several(standings: Sequence[Standing], by_condition: dict[str, list[Row]], primary: Metric, baseline: str) -> str:
    """The sentence over conditions, which names them only where they disagree."""
    leaders: dict[str, list[str]] = {}
    for standing in standings:
        leaders.setdefault(standing.best[0], []).append(standing.condition)
    common = [loss for loss in standings[0].best if all(loss in standing.best for standing in standings)]
    single = all(
        row.runs - row.failed < 2
        for standing in standings
        for row in by_condition[standing.condition]
        if row.loss == standing.best[0]
    )
    if len(leaders) == 1:
        return _same_leader(standings, common, single, primary, baseline)
    by_leader = "; ".join(f"{loss} under {listed(names, 5)}" for loss, names in leaders.items())
    head = f"which loss has {_most(primary)} depends on the condition ({by_leader})"
    if single:
        return f"{head}, but a single run of each loss cannot tell which is better"
    if not common:
        return f"{head}, and no loss belongs to the best group under all of them"
    belong = "belongs" if len(common) == 1 else "belong"
    return f"{head}, but {listed(common)} {belong} to the best group under all of them{_member(standings, baseline)}"


def _same_leader(
    standings: Sequence[Standing], common: Sequence[str], single: bool, primary: Metric, baseline: str
) -> str:
    first = standings[0].best[0]
    places = "both" if len(standings) == 2 else f"all {len(standings)}"
    head = f"{_named(first, baseline)} has {_most(primary)} under {places} conditions"
    alone = [standing.condition for standing in standings if len(standing.best) == 1]
    if single:
        return f"{head}, but a single run of each loss cannot tell which is better"
    if len(alone) == len(standings):
        return f"{head}, and can be told apart from every other loss under each of them"
    member = "" if first == baseline else _member(standings, baseline)
    if alone:
        return f"{head}, but can be told apart from every other loss only under {listed(alone, 5)}{member}"
    if common[1:]:
        return f"{head}, but cannot be told apart from {listed(common[1:])} under any of them{member}"
    return f"{head}, but under each of them there are losses that cannot be told apart from it{member}"


def _member(standings: Sequence[Standing], baseline: str) -> str:
    inside = [standing.condition for standing in standings if baseline in standing.best]
    where = (
        "under none of them"
        if not inside
        else "under all of them"
        if len(inside) == len(standings)
        else f"under {listed(inside, 5)}"
    )
    return f"; {_named(baseline, baseline)} is in the best group {where}"


def _failures(rows: Sequence[Row]) -> str:
    losses = list(dict.fromkeys(row.loss for row in rows if row.failed))
    if not losses:
        return ""
    if len(losses) > 1:
        return f"; {listed(losses)} failed in some or all of their runs"
    failed = sum(row.failed for row in rows if row.loss == losses[0])
    return f"; {losses[0]} failed in {failed} of {sum(row.runs for row in rows if row.loss == losses[0])} runs"


def _named(loss: str, baseline: str) -> str:
    return f"the baseline {loss}" if loss == baseline else loss


def _most(primary: Metric) -> str:
    return f"the {'highest' if primary.higher_is_better else 'lowest'} {_title(primary)}"


def _title(primary: Metric) -> str:
    """Lower case for a word, as it is for a name such as RMSE."""
    word = primary.title
    return word[:1].lower() + word[1:] if word[1:2].islower() else word

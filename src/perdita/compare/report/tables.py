"""The tables: the summary of each condition, every number of a condition, and the heat map loss by condition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perdita.compare.report.writing import (
    DASH,
    breakable,
    count,
    decimals,
    duration,
    escape,
    finite,
    listing,
    memory,
    number,
    probability,
)

if TYPE_CHECKING:
    from perdita.compare.result import Comparison, Interval, Row, Standing
    from perdita.compare.spec import Metric


def glance(comparison: Comparison) -> str:
    """One row for each condition: the best loss, its number, its lead over the baseline, and who is level with it."""
    body = []
    for standing in comparison.standings:
        rows = {row.loss: row for row in comparison.rows if row.condition == standing.condition}
        if not standing.best or standing.best[0] not in rows:
            body.append(
                f'<tr><th scope="row">{escape(standing.condition)}</th><td colspan="4">no loss has a result</td></tr>'
            )
            continue
        best = rows[standing.best[0]]
        places = _places(comparison.primary, list(rows.values()))
        value = best.metrics.get(comparison.primary.name)
        if best.loss == comparison.baseline:
            against = "is the baseline"
        elif best.difference is None:
            against = DASH
        else:
            against = _interval(best.difference, _places_of_differences(list(rows.values())), sign=True)
            against += f' <span class="nowrap">p {probability(best.p_value)}</span>'
        level = listing([f"<b>{breakable(name)}</b>" for name in standing.best[1:]]) or "none"
        cells = [
            ("Best", f"<b>{breakable(best.loss)}</b>{_lost(best)}"),
            (comparison.primary.title, _interval(value, places)),
            ("Against the baseline", against),
            ("Cannot be told apart from it", level),
        ]
        tds = "".join(f'<td data-label="{escape(label)}">{text}</td>' for label, text in cells)
        body.append(f'<tr><th scope="row">{escape(standing.condition)}</th>{tds}</tr>')
    return f"""<div class="scroll"><table class="glance">
<caption class="hidden">The best loss of each condition</caption>
<thead><tr><th scope="col">Condition</th><th scope="col">Best</th>
<th scope="col">{escape(comparison.primary.title)}</th>
<th scope="col">Against the baseline</th><th scope="col">Cannot be told apart from it</th></tr></thead>
<tbody>{"".join(body)}</tbody></table></div>"""


def full(comparison: Comparison, standing: Standing, rows: Sequence[Row]) -> str:
    """Every number of a condition; each column's heading is a button that sorts by it."""
    metrics = [comparison.primary, *(m for m in comparison.metrics if m.name != comparison.primary.name)]
    places = {metric.name: _places(metric, rows) for metric in metrics}
    places["difference"] = _places_of_differences(rows)
    tops = {metric.name: _top(metric, rows) for metric in metrics}
    heads = [("Rank", "up"), ("Loss", "up"), *((m.title, "down" if m.higher_is_better else "up") for m in metrics)]
    heads += [("Difference", "down" if comparison.primary.higher_is_better else "up"), ("p (Holm)", "up")]
    heads += [("Time of a run", "up"), ("Peak memory", "up"), ("Failed", "up")]
    head = "".join(
        f'<th scope="col" aria-sort="{"none" if index else "ascending"}" class="{"name" if index == 1 else "figure"}">'
        f'<button type="button" data-first="{way}">{escape(title)}</button></th>'
        for index, (title, way) in enumerate(heads)
    )
    body = "".join(_full_row(comparison, standing, row, metrics, places, tops) for row in rows)
    label = f"All numbers, condition {escape(standing.condition)}"
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="full">
<caption class="hidden">{label}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"""


def _full_row(
    comparison: Comparison,
    standing: Standing,
    row: Row,
    metrics: Sequence[Metric],
    places: dict[str, int],
    tops: dict[str, float],
) -> str:
    tags = []
    if row.loss == comparison.baseline:
        tags.append('<span class="tag baseline">baseline</span>')
    if row.loss in standing.best:
        tags.append(
            '<span class="tag best">best group</span>'
            if row.loss != standing.best[0]
            else '<span class="tag best">best</span>'
        )
    if row.identical_to and not any(name in row.note for name in row.identical_to):
        tags.append(
            f'<span class="note">bit by bit the same as {listing([*map(breakable, row.identical_to)], 3)}</span>'
        )
    if row.note:
        tags.append(f'<span class="note">{escape(row.note)}</span>')
    cells = [
        _cell(row.rank, str(row.rank)),
        f'<th scope="row" data-value="{escape(row.loss)}">{breakable(row.loss)} {" ".join(tags)}</th>',
    ]
    for metric in metrics:
        interval = row.metrics.get(metric.name)
        mean = interval.mean if interval else math.nan
        text = _interval(interval, places[metric.name])
        cells.append(_cell(mean, f"<b>{text}</b>" if mean == tops[metric.name] else text))
    difference = row.difference
    cells += [
        _cell(difference.mean if difference else math.nan, _interval(difference, places["difference"], sign=True)),
        _cell(row.p_value, probability(row.p_value)),
        _cell(row.seconds, duration(row.seconds)),
        _cell(row.peak_bytes or math.nan, memory(row.peak_bytes)),
        _cell(row.failed, f"<b class='warn'>{row.failed} of {row.runs}</b>" if row.failed else "0"),
    ]
    marks = [name for name, holds in (("level", row.loss in standing.best), ("lost", row.failed > 0)) if holds]
    return f'<tr class="{" ".join(marks)}">{"".join(cells)}</tr>'


def heat_map(comparison: Comparison) -> str:
    """Loss by condition: the number is the primary metric, the colour its difference from the baseline's."""
    conditions = [standing.condition for standing in comparison.standings]
    rows = {(row.loss, row.condition): row for row in comparison.rows}
    order = list(dict.fromkeys(row.loss for row in comparison.rows))
    places = _places(comparison.primary, comparison.rows)
    found = sorted(
        abs(r.difference.mean)
        for r in comparison.rows
        if r.difference and finite(r.difference.mean) and r.difference.mean
    )
    reach = found[int(0.9 * (len(found) - 1))] if found else 1.0
    body = []
    for loss in order:
        mark = ' <span class="tag baseline">baseline</span>' if loss == comparison.baseline else ""
        cells = "".join(_heat_cell(comparison, rows.get((loss, condition)), reach, places) for condition in conditions)
        body.append(f'<tr><th scope="row">{breakable(loss)}{mark}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{escape(condition)}</th>' for condition in conditions)
    title = escape(comparison.primary.title)
    return f"""<p>{title} of each loss under each condition. The colour is its difference from the baseline in
the same condition.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Heat map, loss by condition"><table class="heat">
<caption class="hidden">{title} of each loss under each condition</caption>
<thead><tr><th scope="col">Loss</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>
<ul class="legend"><li><span class="swatch worse"></span>worse than the baseline</li>
<li><span class="swatch same"></span>equal</li><li><span class="swatch better"></span>better</li></ul>
<p class="key">Full colour at a difference of {number(reach, places)} or more. A star: the difference is significant
(p &lt; 0.05 after Holm’s correction).</p>"""


def _heat_cell(comparison: Comparison, row: Row | None, reach: float, places: int) -> str:
    value = row.metrics.get(comparison.primary.name) if row else None
    if row is None or value is None or not finite(value.mean):
        return f'<td class="none">{"failed" if row and row.failed else DASH}</td>'
    difference = row.difference.mean if row.difference and finite(row.difference.mean) else 0.0
    gain = difference if comparison.primary.higher_is_better else -difference
    share = min(1.0, abs(gain) / reach)
    kind = "better" if gain > 0 else "worse" if gain < 0 else "same"
    star = "*" if row.p_value is not None and row.p_value < 0.05 else ""
    note = (
        "the baseline"
        if row.loss == comparison.baseline
        else f"{number(difference, places + 1, sign=True)} against the baseline"
    )
    text = f"{number(value.mean, places)}{star}"
    return f'<td class="{kind}" style="--share:{100 * share:.0f}%" title="{note}">{text}</td>'


def _places(metric: Metric, rows: Sequence[Row]) -> int:
    return _places_of([row.metrics[metric.name] for row in rows if metric.name in row.metrics])


def _places_of_differences(rows: Sequence[Row]) -> int:
    return _places_of([row.difference for row in rows if row.difference is not None])


def _places_of(found: Sequence[Interval]) -> int:
    return decimals([interval.mean for interval in found], [interval.high - interval.low for interval in found])


def _top(metric: Metric, rows: Sequence[Row]) -> float:
    means = [row.metrics[metric.name].mean for row in rows if metric.name in row.metrics]
    known = [mean for mean in means if finite(mean)]
    return (max if metric.higher_is_better else min)(known, default=math.nan)


def _interval(interval: Interval | None, places: int, sign: bool = False) -> str:
    if interval is None or not finite(interval.mean):
        return DASH
    mean = number(interval.mean, places, sign)
    if not (finite(interval.low) and finite(interval.high)):
        return mean
    ends = f"{number(interval.low, places, sign)} to {number(interval.high, places, sign)}"
    return f'{mean} <span class="interval">{ends}</span>'


def _lost(row: Row) -> str:
    return f' <span class="note">({row.failed} of {row.runs} runs failed)</span>' if row.failed else ""


def _cell(value: float | None, text: str) -> str:
    key = f"{value:.9g}" if finite(value) else ""
    return f'<td class="figure" data-value="{key}">{text}</td>'


def runs_of(rows: Sequence[Row]) -> str:
    """How many runs each loss had."""
    least, most = min(row.runs for row in rows), max(row.runs for row in rows)
    return count(most, "run") if least == most else f"{least} to {most} runs"

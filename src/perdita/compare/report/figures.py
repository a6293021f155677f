"""The figures in which each loss has a row: the ranking with intervals, and the critical-difference diagram.

A figure is what Plotly takes, ``data`` and ``layout``, with colours as names of CSS variables, which the page fills in
for its light or dark theme; ``narrow`` holds what differs on a narrow screen, there the label stands above its row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from perdita.compare.report.writing import decimals, finite, number, plot_text, probability

if TYPE_CHECKING:
    from perdita.compare.result import Comparison, Row, Standing

Figure = dict[str, Any]
ROW = {"wide": 27, "narrow": 42}  # pixels for each loss


def robust_limits(values: Sequence[float], reach: float = 4.0) -> tuple[float, float]:
    """The range of the values, but no further than ``reach`` interquartile ranges from the middle half."""
    known = sorted(value for value in values if finite(value))
    if not known:
        return 0.0, 1.0
    low, high = known[0], known[-1]
    if len(known) >= 5:
        first, third = known[len(known) // 4], known[(3 * len(known)) // 4]
        spread = third - first
        if spread > 0:
            low, high = max(low, first - reach * spread), min(high, third + reach * spread)
    return low, high


def ranking(comparison: Comparison, standing: Standing, rows: Sequence[Row]) -> Figure:
    """The primary metric of each loss with its 95 % interval, best on top; numbers off the scale sit at its edge."""
    name = comparison.primary.name
    found = [row.metrics.get(name) for row in rows]
    means = [interval.mean if interval else math.nan for interval in found]
    ends = [
        (i.low if i and finite(i.low) else m, i.high if i and finite(i.high) else m)
        for i, m in zip(found, means, strict=True)
    ]
    places = decimals(means, [high - low for low, high in ends])
    low, high = robust_limits(means)
    near = [end for end, m in zip(ends, means, strict=True) if finite(m) and low <= m <= high]
    low, high = min([low, *(e[0] for e in near)]), max([high, *(e[1] for e in near)])
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    best = set(standing.best)

    def points(title: str, chosen: Sequence[int], symbol: str, color: str) -> dict[str, Any]:
        inside = [index for index in chosen if finite(means[index])]
        return {
            "type": "scatter", "mode": "markers", "name": title, "cliponaxis": False,
            "x": [min(max(means[index], low - pad), high + pad) for index in inside],
            "y": inside,
            "customdata": [_describe(comparison, rows[index], best, places) for index in inside],
            "hovertemplate": "%{customdata}<extra></extra>",
            "marker": {
                "size": 11, "color": color, "line": {"width": 2, "color": color},
                "symbol": [_symbol(means[i], low - pad, high + pad, symbol) for i in inside],
            },
            "error_x": {
                "type": "data", "symmetric": False, "thickness": 2, "width": 0, "color": color,
                "array": [ends[i][1] - means[i] if low - pad <= means[i] <= high + pad else 0.0 for i in inside],
                "arrayminus": [means[i] - ends[i][0] if low - pad <= means[i] <= high + pad else 0.0 for i in inside],
            },
        }  # fmt: skip

    own = [i for i, row in enumerate(rows) if row.loss == comparison.baseline]
    group = [i for i, row in enumerate(rows) if row.loss in best and i not in own]
    rest = [i for i, row in enumerate(rows) if row.loss not in best and i not in own]
    tied = comparison.baseline in best
    data = [
        points("level with the best", group, "circle", "var(--accent)"),
        points("behind the best", rest, "circle-open", "var(--muted)"),
        points("baseline", own, "diamond" if tied else "diamond-open", "var(--baseline)"),
    ]
    labels = [(row.loss, row.loss in best) for row in rows]
    figure = _rows_figure(data, labels, comparison.primary.title, [low - 1.6 * pad, high + 1.6 * pad])
    figure["layout"]["shapes"] = [
        {"type": "line", "x0": means[i], "x1": means[i], "y0": 0, "y1": 1, "yref": "paper", "layer": "below",
         "line": {"color": "var(--baseline)", "width": 1, "dash": "dot"}}
        for i in own if finite(means[i]) and low <= means[i] <= high
    ]  # fmt: skip
    values = [number(mean, places) if finite(mean) else "failed" for mean in means]
    figure["layout"]["annotations"] = _values(values, x=1.0, xanchor="left", xshift=10, yshift=0)
    figure["narrow"]["annotations"] += _values(values, x=1.0, xanchor="right", xshift=0, yshift=13)
    return figure


def critical_difference(standing: Standing) -> Figure | None:
    """Mean ranks on an axis, the critical difference as a ruler, a bar over each group that cannot be told apart."""
    critical = standing.critical_difference
    ranked = sorted((item for item in standing.mean_ranks.items() if finite(item[1])), key=lambda item: item[1])
    if len(ranked) < 3 or critical is None or not finite(critical):
        return None
    ranks = dict(ranked)
    spans = [
        (min(r), max(r), len(r)) for r in ([ranks[n] for n in c if n in ranks] for c in standing.cliques) if len(r) > 1
    ]
    levels = _pack(sorted(spans))
    head = -0.9 - 0.42 * (max(levels, default=-1) + 1)  # height of the axis; rows are at 0, 1, 2, …
    top, best = head - 2.3, set(standing.best)
    stems_x = [x for _, rank in ranked for x in (rank, rank, None)]
    stems_y = [y for index in range(len(ranked)) for y in (index, head, None)]
    data: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "x": stems_x, "y": stems_y, "hoverinfo": "skip",
         "line": {"color": "var(--stem)", "width": 1}},
    ]  # fmt: skip
    for (left, right, size), level in zip(sorted(spans), levels, strict=True):
        data.append({
            "type": "scatter", "mode": "lines", "x": [left - 0.06, right + 0.06], "y": [head + 0.5 + 0.42 * level] * 2,
            "line": {"color": "var(--ink)", "width": 4},
            "hovertemplate": f"{size} losses that cannot be told apart<extra></extra>",
        })  # fmt: skip
    data.append({
        "type": "scatter", "mode": "markers", "x": [rank for _, rank in ranked], "y": list(range(len(ranked))),
        "customdata": [f"<b>{plot_text(name, 60)}</b><br>mean rank {number(rank, 2)}" for name, rank in ranked],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {
            "size": 10, "color": ["var(--accent)" if name in best else "var(--muted)" for name, _ in ranked],
            "symbol": ["circle" if name in best else "circle-open" for name, _ in ranked],
            "line": {"width": 2, "color": ["var(--accent)" if name in best else "var(--muted)" for name, _ in ranked]},
        },
    })  # fmt: skip
    first, last = 1.0, max(float(len(ranks)), 1 + critical)
    data.append({
        "type": "scatter", "mode": "lines+markers", "x": [first, first + critical], "y": [head - 1.35] * 2,
        "line": {"color": "var(--accent)", "width": 2}, "hoverinfo": "skip",
        "marker": {"symbol": "line-ns", "size": 9, "line": {"width": 2, "color": "var(--accent)"}},
    })  # fmt: skip
    figure = _rows_figure(data, [(name, name in best) for name, _ in ranked], "", [first - 0.4, last + 0.4], top)
    figure["layout"]["xaxis"] |= {
        "side": "top",
        "showgrid": False,
        "ticks": "outside",
        "showline": True,
        "linecolor": "var(--ink)",
    }
    figure["layout"]["xaxis"] |= {"anchor": "free", "position": 1 - (head - top) / (len(ranked) - 0.4 - top)}
    figure["layout"]["xaxis"]["tickvals"] = (
        list(range(1, len(ranks) + 1)) if len(ranks) <= 12 else [1, *range(5, len(ranks) + 1, 5)]
    )
    values = [number(rank, 1) for _, rank in ranked]
    ruler = {
        "x": first, "y": head - 1.35, "xanchor": "left", "xshift": -4, "yshift": 14, "showarrow": False,
        "text": f"critical difference {critical:.2f}", "font": {"color": "var(--accent)", "size": 12},
    }  # fmt: skip
    figure["layout"]["annotations"] = [*_values(values, x=1.0, xanchor="left", xshift=10, yshift=0), ruler]
    figure["narrow"]["annotations"] += [*_values(values, x=1.0, xanchor="right", xshift=0, yshift=13), ruler]
    return figure


def _describe(comparison: Comparison, row: Row, best: set[str], places: int) -> str:
    interval = row.metrics[comparison.primary.name]
    lines = [
        f"<b>{plot_text(row.loss, 60)}</b>",
        f"{plot_text(comparison.primary.title)} {number(interval.mean, places)}"
        f" ({number(interval.low, places)} to {number(interval.high, places)})",
    ]
    if row.loss == comparison.baseline:
        lines.append("the baseline")
    elif row.difference is not None:
        lines.append(
            f"{number(row.difference.mean, places, sign=True)} against the baseline, p {probability(row.p_value)}"
        )
    lines.append("cannot be told apart from the best" if row.loss in best else "behind the best")
    return "<br>".join(lines)


def _rows_figure(
    data: list[dict[str, Any]], labels: Sequence[tuple[str, bool]], title: str, limits: list[float], top: float = -0.7
) -> Figure:
    def texts(width: int) -> list[str]:
        return [f"<b>{plot_text(name, width)}</b>" if strong else plot_text(name, width) for name, strong in labels]

    layout = {
        "margin": {"l": 10, "r": 66, "t": 10, "b": 48 if title else 12},
        "showlegend": False,
        "xaxis": {"title": {"text": plot_text(title)}, "range": limits, "zeroline": False, "fixedrange": True},
        "yaxis": {
            "tickvals": list(range(len(labels))), "ticktext": texts(38), "range": [len(labels) - 0.4, top],
            "showgrid": False, "zeroline": False, "showline": False, "ticks": "",
            "automargin": True, "ticklabelstandoff": 12, "fixedrange": True,
        },
    }  # fmt: skip
    narrow = {
        "margin.l": 8, "margin.r": 8, "yaxis.showticklabels": False, "yaxis.automargin": False,
        "annotations": _values(texts(36), x=0.0, xanchor="left", yshift=13, font={"size": 12, "color": "var(--ink)"}),
    }  # fmt: skip
    return {"data": data, "layout": layout, "narrow": narrow, "height": _height(len(labels), top)}


def _values(texts: Sequence[str], **place: Any) -> list[dict[str, Any]]:
    font = {"size": 12, "color": "var(--muted)"}
    shared = {"xref": "paper", "showarrow": False, "font": font, **place}
    return [{**shared, "y": index, "text": text} for index, text in enumerate(texts)]


def _symbol(mean: float, low: float, high: float, symbol: str) -> str:
    return "triangle-left" if mean < low else "triangle-right" if mean > high else symbol


def _height(rows: int, top: float) -> dict[str, int]:
    return {kind: int(pixels * (rows - 0.4 - top)) + 60 for kind, pixels in ROW.items()}


def _pack(spans: Sequence[tuple[float, float, int]]) -> list[int]:
    """A level for each bar such that no two on one level overlap."""
    ends: list[float] = []
    levels = []
    for left, right, _ in spans:
        level = next((index for index, end in enumerate(ends) if end + 0.25 < left), len(ends))
        ends[level : level + 1] = [right]
        levels.append(level)
    return levels

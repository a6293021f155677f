"""The figures in which each loss is a line: learning curves, reliability diagrams, and the losses themselves.

With many losses a figure shows a few in colour and the others in grey, or not at all; buttons beside it change which.
Each loss keeps its colour and dash through the whole report.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perdita.compare.report.figures import Figure, robust_limits
from perdita.compare.report.writing import finite, plot_text

if TYPE_CHECKING:
    from perdita.compare.report.shapes import LossCurve
    from perdita.compare.result import Comparison
    from perdita.compare.spec import Run

COLORS = 7
DASHES = ("solid", "dash", "dot", "dashdot")


def styles(comparison: Comparison, losses: Sequence[str]) -> dict[str, dict[str, str]]:
    """A colour and a dash for each loss: ink for the baseline, which comes first, the others in the order given."""
    others = [name for name in losses if name != comparison.baseline]
    found = {
        name: {"color": f"var(--series-{index % COLORS})", "dash": DASHES[index // COLORS % len(DASHES)]}
        for index, name in enumerate(others)
    }
    return {comparison.baseline: {"color": "var(--ink)", "dash": "solid"}} | found


def learning_curves(comparison: Comparison, condition: str, losses: Mapping[str, dict[str, str]]) -> Figure | None:
    """The primary metric on the validation part after each epoch: median over the runs, and band between quartiles."""
    data: list[dict[str, Any]] = []
    typical: list[float] = []
    for index, (name, style) in enumerate(losses.items()):
        curves = [run.curve for run in _runs(comparison, condition, name) if run.curve]
        if not curves:
            continue
        epochs = list(range(1, max(map(len, curves)) + 1))
        columns = [[c[e] for c in curves if e < len(c) and finite(c[e])] for e in range(len(epochs))]
        low, middle, high = zip(*map(_quartiles, columns), strict=True)
        if not any(map(finite, middle)):
            continue
        late = len(middle) // 2  # by then a band says how the runs differ, not how the training begins
        typical.extend([*middle[len(middle) // 10 :], *low[late:], *high[late:]])
        meta = {"loss": index}
        if len(curves) > 1:
            known = [e for e in range(len(epochs)) if columns[e]]
            data.append({
                "type": "scatter", "mode": "lines",
                "x": [epochs[e] for e in known] + [epochs[e] for e in reversed(known)],
                "y": [high[e] for e in known] + [low[e] for e in reversed(known)], "fill": "toself",
                "fillcolor": f"{style['color']} 0.12", "line": {"width": 0}, "hoverinfo": "skip",
                "meta": {**meta, "only": True},
            })  # fmt: skip
        data.append(line_of(name, style, epochs, middle, meta, "epoch %{x}: %{y:.4~g}"))
    if not data:
        return None
    low_end, high_end = robust_limits(typical, reach=6.0)
    pad = 0.05 * (high_end - low_end) or 0.05
    layout = layout_of("epoch", plot_text(comparison.primary.title) + ", validation")
    layout["yaxis"]["range"] = [low_end - pad, high_end + pad]
    return {"data": data, "layout": layout, "narrow": {}, "height": {"wide": 420, "narrow": 330}}


def reliability(comparison: Comparison, condition: str, losses: Mapping[str, dict[str, str]]) -> Figure | None:
    """How often a prediction is right, against how sure the model was; a point's size says how many there are."""
    diagonal = {
        "type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip",
        "line": {"color": "var(--muted)", "width": 1, "dash": "dot"},
    }  # fmt: skip
    data: list[dict[str, Any]] = [diagonal]
    for index, (name, style) in enumerate(losses.items()):
        bins = pooled_bins(_runs(comparison, condition, name))
        if not bins:
            continue
        line = line_of(name, style, [b[0] for b in bins], [b[1] for b in bins], {"loss": index, "only": True},
                     "sure %{x:.2f}, right %{y:.2f}<br>%{customdata:.1%} of predictions")  # fmt: skip
        sizes = [4 + 16 * math.sqrt(b[2]) for b in bins]
        data.append(line | {
            "mode": "lines+markers", "customdata": [b[2] for b in bins],
            "marker": {"size": sizes, "color": style["color"], "line": {"width": 1, "color": "var(--paper)"}},
        })  # fmt: skip
    if len(data) == 1:
        return None
    layout = layout_of("confidence of the prediction", "share of predictions that are right")
    layout["xaxis"] |= {"range": [0, 1.02], "constrain": "domain"}
    layout["yaxis"] |= {"range": [0, 1.02], "scaleanchor": "x", "constrain": "domain"}
    return {"data": data, "layout": layout, "narrow": {}, "height": {"wide": 520, "narrow": 360}}


def pooled_bins(runs: Iterable[Run]) -> list[tuple[float, float, float]]:
    """(confidence, accuracy, share) of each bin over all runs, weighted by share; empty bins are left out."""
    rows = [run.reliability for run in runs if run.reliability]
    if not rows:
        return []
    bins = max(map(len, rows))
    held: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for confidence, accuracy, share in (row for run in rows for row in run):
        if finite(confidence) and finite(accuracy) and finite(share) and share > 0:
            held[min(bins - 1, int(confidence * bins))].append((confidence, accuracy, share))
    pooled = []
    for _, members in sorted(held.items()):
        total = sum(share for *_, share in members)
        mean = [sum(member[axis] * member[2] for member in members) / total for axis in (0, 1)]
        pooled.append((mean[0], mean[1], total / len(rows)))
    return pooled


def loss_shapes(
    curves: Mapping[str, LossCurve], x: Sequence[float], task: str, losses: Mapping[str, dict[str, str]]
) -> Figure | None:
    """Value and slope of each loss, side by side, or one below the other on a narrow screen."""
    data: list[dict[str, Any]] = []
    drawn = [curve for curve in curves.values() if curve.value]
    if not drawn:
        return None
    for index, (name, style) in enumerate(losses.items()):
        curve = curves.get(name)
        if curve is None or not curve.value:
            continue
        for number, series in enumerate((curve.value, curve.slope)):
            suffix = "2" if number else ""
            line = line_of(
                name, style, x, series, {"loss": index}, ("loss" if not number else "slope") + " %{y:.4~g} at %{x:.2f}"
            )
            data.append(line | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
    along = {"regression": "prediction minus target", "embedding": "cosine of two items of a class"}.get(
        task, "logit of the true class"
    )
    layout = layout_of(along, "loss")
    layout["xaxis"]["domain"] = [0, 0.455]
    layout["xaxis2"] = {**layout["xaxis"], "domain": [0.545, 1], "anchor": "y2"}
    layout["yaxis2"] = {
        **layout["yaxis"],
        "title": {"text": "slope"},
        "anchor": "x2",
        "range": _limits([c.slope for c in drawn]),
    }
    layout["yaxis"]["range"] = _limits([c.value for c in drawn])
    narrow = {"xaxis.domain": [0, 1], "xaxis2.domain": [0, 1], "yaxis.domain": [0.57, 1], "yaxis2.domain": [0, 0.43]}
    return {"data": data, "layout": layout, "narrow": narrow, "height": {"wide": 390, "narrow": 620}}


def _limits(series: Sequence[Sequence[float]]) -> list[float]:
    """Such that most losses fill the height, and of many losses the steepest run out of it."""
    lows = sorted(min(filter(math.isfinite, values), default=0.0) for values in series)
    highs = sorted(max(filter(math.isfinite, values), default=0.0) for values in series)
    low, high = lows[0], highs[-1]
    if len(series) > 4:
        low = max(low, 2.2 * min(lows[len(lows) // 2], 0.0) - 0.3)
        high = min(high, 2.2 * max(highs[len(highs) // 2], 0.0) + 0.3)
    pad = 0.06 * (high - low) or 0.5
    return [low - pad, high + pad]


def line_of(
    name: str, style: dict[str, str], x: Sequence[float], y: Sequence[float], meta: dict[str, Any], hover: str
) -> dict[str, Any]:
    """A line in the style of its loss."""
    return {
        "type": "scatter", "mode": "lines", "name": plot_text(name, 60), "x": list(x), "y": list(y), "meta": meta,
        "line": {**style, "width": 2.2}, "hovertemplate": f"<b>{plot_text(name, 60)}</b><br>{hover}<extra></extra>",
    }  # fmt: skip


def layout_of(x: str, y: str) -> dict[str, Any]:
    """The layout of a figure with these titles at its axes."""
    return {
        "margin": {"l": 60, "r": 12, "t": 12, "b": 48},
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": {"title": {"text": x}, "zeroline": False},
        "yaxis": {"title": {"text": y}, "zeroline": False, "automargin": True},
    }


def _quartiles(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(np.quantile(values, (0.25, 0.5, 0.75)).tolist()) if values else (math.nan,) * 3


def _runs(comparison: Comparison, condition: str, name: str) -> list[Run]:
    return [run for run in comparison.runs if run.condition == condition and run.loss == name]

"""The course of the weights in compounds: a line for each term."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from perdita.compare.report.lines import DASHES, layout_of, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdita.compare.report.figures import Figure
    from perdita.compare.result import Comparison


def term_weights(comparison: Comparison, condition: str, losses: Mapping[str, dict[str, str]]) -> Figure | None:
    """Each term's weight in each epoch, mean of the runs: a colour for each compound, a dash for each of its terms."""
    data = []
    for index, (name, style) in enumerate(losses.items()):
        runs = [r.weights for r in comparison.runs if (r.condition, r.loss) == (condition, name) and r.weights]
        for place, term in enumerate(runs[0] if runs else ()):
            means = [fmean(values) for values in zip(*(weights[term] for weights in runs), strict=True)]
            look = {**style, "dash": DASHES[place % len(DASHES)]}
            epochs = list(range(1, len(means) + 1))
            data.append(
                line_of(f"{name}: {term}", look, epochs, means, {"loss": index}, "epoch %{x}: weight %{y:.4~g}")
            )
    if not data:
        return None
    layout = layout_of("epoch", "weight of the term")
    layout |= {"showlegend": True, "legend": {"orientation": "h", "y": -0.22}}
    return {"data": data, "layout": layout, "narrow": {"legend.y": -0.35}, "height": {"wide": 420, "narrow": 460}}

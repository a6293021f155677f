"""What the terms of compounds did to one another: their size, how hard each pulls, and where two pull apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from perdita.compare.report.lines import DASHES, layout_of, line_of
from perdita.compare.report.writing import DASH, breakable, escape, finite, number

if TYPE_CHECKING:
    from perdita.compare.report.figures import Figure
    from perdita.compare.result import Comparison

Course = list[float | None]  # a number for each epoch; None where no run has one
PANELS = (  # key in a run's balance, title of the axis, what the pointer says
    ("loss", "loss of the term", "loss %{y:.4~g}"),
    ("gradient_norm", "length of its gradient", "gradient of length %{y:.4~g}"),
    ("cosine", "cosine of two gradients", "cosine %{y:.3f}, apart in %{customdata:.0%} of the runs"),
)
DOMAINS = {
    "wide": ([0.0, 0.27], [0.365, 0.635], [0.73, 1.0]),
    "narrow": ([0.72, 1.0], [0.38, 0.64], [0.02, 0.3]),
}


def term_balance(comparison: Comparison, condition: str, losses: Mapping[str, dict[str, str]]) -> Figure | None:
    """Loss, gradient and agreement of each compound's terms, mean of the runs: a dash for each term, or each pair."""
    data: list[dict[str, Any]] = []
    lows: dict[str, float] = {}
    for index, (name, style) in enumerate(losses.items()):
        reports = reports_of(comparison, condition, name)
        for panel, (key, _, hover) in enumerate(PANELS):
            for place, label in enumerate(reports[0][key] if reports else ()):
                columns = columns_of(reports, key, label)
                known = [(epoch, column) for epoch, column in enumerate(columns, 1) if column]
                look, means = {**style, "dash": DASHES[place % len(DASHES)]}, [fmean(column) for _, column in known]
                epochs = [epoch for epoch, _ in known]
                line = line_of(f"{name}: {label}", look, epochs, means, {"loss": index}, f"epoch %{{x}}: {hover}")
                suffix = str(panel + 1) if panel else ""
                apart = [fmean(value < 0 for value in column) for _, column in known] if key == "cosine" else None
                line |= {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "customdata": apart, "showlegend": panel == 0}
                data.append(line)
                lows[key] = min(lows.get(key, 1.0), *means, 1.0)
    return {"data": data, **_layout(lows)} if data else None


def conflict_table(comparison: Comparison, condition: str, losses: Sequence[str]) -> str:
    """Each pair of terms: the cosine of their gradients at first and in the end, and how often it was negative."""
    body = []
    for name in losses:
        reports = reports_of(comparison, condition, name)
        pairs = reports[0]["cosine"] if reports else {}
        for place, pair in enumerate(pairs):
            columns = columns_of(reports, "cosine", pair)
            seen = [value for column in columns for value in column]
            means = [fmean(column) if column else None for column in (columns[0], columns[-1])]
            rate = f"{fmean(value < 0 for value in seen):.0%}" if seen else DASH
            head = f'<th scope="row" rowspan="{len(pairs)}">{breakable(name)}</th>' if place == 0 else ""
            cells = "".join(f"<td>{number(mean, 2)}</td>" for mean in means)
            body.append(f'<tr>{head}<th scope="row">{escape(pair)}</th>{cells}<td>{rate}</td></tr>')
    if not body:
        return ""
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="Agreement of terms"><table class="pairs">
<caption class="hidden">Cosine of the gradients of two terms, and how often they conflict</caption>
<thead><tr><th scope="col">Compound</th><th scope="col">Terms</th><th scope="col">Cosine, first epoch</th>
<th scope="col">Last epoch</th><th scope="col">In conflict</th></tr></thead>
<tbody>{"".join(body)}</tbody></table></div>"""


def reports_of(comparison: Comparison, condition: str, name: str) -> list[dict[str, Any]]:
    """What was recorded of a compound's runs, without those that failed."""
    runs = (run for run in comparison.runs if (run.condition, run.loss) == (condition, name))
    return [run.balance for run in runs if run.balance and not run.failed]


def columns_of(reports: Sequence[Mapping[str, Any]], key: str, label: str) -> list[list[float]]:
    """For each epoch the numbers that the runs have."""
    courses: list[Course] = [report[key].get(label, []) for report in reports]
    length = max(map(len, courses))
    return [[c[epoch] for c in courses if epoch < len(c) and finite(c[epoch])] for epoch in range(length)]  # type: ignore[misc]


def _layout(lows: Mapping[str, float]) -> Figure:
    """Three panels side by side, or one below the other on a narrow screen; sizes on a logarithmic axis."""
    layout = layout_of("epoch", PANELS[0][1])
    across, upright = dict(layout["xaxis"]), dict(layout["yaxis"])
    narrow: dict[str, Any] = {"legend.y": -0.07}
    for panel, (key, title, _) in enumerate(PANELS):
        suffix = str(panel + 1) if panel else ""
        layout[f"xaxis{suffix}"] = {**across, "domain": DOMAINS["wide"][panel], "anchor": f"y{suffix}"}
        axis = {**upright, "title": {"text": title}, "anchor": f"x{suffix}"}
        if key == "cosine":
            axis |= {
                "range": [min(-0.1, 1.1 * lows.get(key, 0.0)), 1.05],
                "zeroline": True,
                "zerolinecolor": "var(--muted)",
            }
        elif lows.get(key, 0.0) > 0:
            axis |= {"type": "log", "dtick": "D2", "exponentformat": "power"}
        layout[f"yaxis{suffix}"] = axis
        narrow |= {f"xaxis{suffix}.domain": [0, 1], f"yaxis{suffix}.domain": DOMAINS["narrow"][panel]}
    narrow |= {"xaxis.title.text": "", "xaxis2.title.text": ""}
    layout |= {"showlegend": True, "legend": {"orientation": "h", "y": -0.22}}
    return {"layout": layout, "narrow": narrow, "height": {"wide": 420, "narrow": 980}}

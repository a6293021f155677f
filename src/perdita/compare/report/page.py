"""The page: what was found, then how sure it is, then how it came about, then how to get it again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from perdita.compare.report import shapes, tables
from perdita.compare.report.balance import conflict_table, term_balance
from perdita.compare.report.figures import Figure, critical_difference, ranking
from perdita.compare.report.lines import learning_curves, loss_shapes, reliability, styles
from perdita.compare.report.prose import how_to_read, reproduce
from perdita.compare.report.weights import term_weights
from perdita.compare.report.writing import breakable, count, escape, probability, script_json
from perdita.compare.verdict.embedding_metrics import FOLLOWED
from perdita.core.errors import MissingExtraError

if TYPE_CHECKING:
    from perdita.compare.result import Comparison, Row, Standing

FOCUS = 5  # losses in colour at first


def render(comparison: Comparison) -> str:
    """The report as one HTML document.

    Args:
        comparison: what was found; facts that are missing leave out their part of the page.

    Returns:
        HTML with its style, its data and Plotly inside. Its content security policy allows these three scripts, by
        their hashes, and no other, and no request.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    conditions = [standing.condition for standing in comparison.standings]
    rows = {name: [row for row in comparison.rows if row.condition == name] for name in conditions}
    order = list(dict.fromkeys(row.loss for row in comparison.rows))
    look = styles(comparison, list(dict.fromkeys([*_focus(comparison, order), *order])))
    curves, x = _loss_curves(comparison, order)
    shape = loss_shapes(curves, x, comparison.task, look)
    figures: dict[str, list[Figure | None]] = {  # for each condition, in order
        "ranking": [ranking(comparison, standing, rows[standing.condition]) for standing in comparison.standings],
        "ranks": [critical_difference(standing) for standing in comparison.standings],
        "curves": [learning_curves(comparison, name, look) for name in conditions],
        "weights": [term_weights(comparison, name, look) for name in conditions],
        "balance": [term_balance(comparison, name, look) for name in conditions],
        "reliability": [reliability(comparison, name, look) for name in conditions],
        "shapes": [shape] * len(conditions),
    }
    shown = {name: any(found) for name, found in figures.items()}
    chips = _chips(order, look, comparison)
    sections = [
        ("ranking", "Ranking", _ranking(comparison)),
        ("numbers", "Numbers", _numbers(comparison, rows)),
        ("conditions", "Conditions", tables.heat_map(comparison) if len(conditions) > 1 else ""),
        ("ranks", "Mean ranks", _ranks(comparison) if shown["ranks"] else ""),
        ("curves", "Learning curves", _curves(comparison, chips) if shown["curves"] else ""),
        ("weights", "Weights of terms", _weights(chips) if shown["weights"] else ""),
        ("balance", "Balance of terms", _balance(comparison, order, chips) if shown["balance"] else ""),
        ("reliability", "Reliability", _reliability(chips) if shown["reliability"] else ""),
        ("shapes", "Loss shapes", _shapes(comparison, curves, chips) if shown["shapes"] else ""),
        ("reading", "How to read this", how_to_read(comparison)),
        ("reproduce", "Reproduce it", reproduce(comparison)),
    ]
    sections = [section for section in sections if section[2]]
    focus = [index for index, name in enumerate(look) if name in _focus(comparison, order)]
    data = script_json({"figures": figures, "focus": focus})
    return _document(comparison, sections, data)


def _document(comparison: Comparison, sections: list[tuple[str, str, str]], data: str) -> str:
    scripts = [_plotly(), _part("script.js")]
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
        f"script-src {' '.join(map(_hash, scripts))}"
    )
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in sections)
    parts = "".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>{body}</section>'
        for key, title, body in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Which loss for {escape(comparison.dataset)}? · perdita</title>
<style>{_part("style.css")}</style>
</head>
<body>
<a class="skip" href="#main">To the results</a>
<header>
<p class="eyebrow">perdita <span>which loss for {escape(comparison.dataset)}?</span></p>
<h1>{escape(comparison.conclusion)}</h1>
<p class="facts">{_facts_line(comparison)}</p>
{tables.glance(comparison)}
</header>
<nav aria-label="On this page"><ul>{links}</ul>{_switch(comparison)}</nav>
<main id="main">
<noscript><p class="key">The figures need JavaScript; every number is in the tables.</p></noscript>
{parts}
</main>
<script type="application/json" id="data">{data}</script>
<script>{scripts[0]}</script>
<script>{scripts[1]}</script>
</body>
</html>
"""


def _facts_line(comparison: Comparison) -> str:
    losses = len({row.loss for row in comparison.rows})
    parts = [f"<b>{escape(comparison.dataset)}</b>, {escape(comparison.task)}", count(losses, "loss")]
    if comparison.rows:
        parts.append(f"{tables.runs_of(comparison.rows)} each")
    if len(comparison.standings) > 1:
        parts.append(count(len(comparison.standings), "condition"))
    better = "higher" if comparison.primary.higher_is_better else "lower"
    held_out = "classes never trained on" if comparison.task == "embedding" else "held-out data"
    parts.append(f"judged by {escape(comparison.primary.title)} on {held_out}, {better} is better")
    parts.append(f"baseline <b>{escape(comparison.baseline)}</b>")
    return " · ".join(parts)


def _switch(comparison: Comparison) -> str:
    if len(comparison.standings) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" data-condition="{index}" aria-pressed="{"false" if index else "true"}">'
        f"{escape(standing.condition)}</button>"
        for index, standing in enumerate(comparison.standings)
    )
    label = "Condition shown in the figures and the table"
    return f'<div class="switch" role="group" aria-label="{label}"><span>Condition</span>{buttons}</div>'


def _ranking(comparison: Comparison) -> str:
    better = "further right" if comparison.primary.higher_is_better else "further left"
    baseline = escape(comparison.baseline)
    single = all(row.runs < 2 for row in comparison.rows)
    alone = (
        " <b>With one run there is no interval and no test: add seeds before you trust the order.</b>" if single else ""
    )
    return f"""<p>The mean of each loss over its runs, with its 95&nbsp;% interval; {better} is better.{alone}</p>
<ul class="legend"><li><span class="mark best"></span>the best group: what cannot be told apart from the best</li>
<li><span class="mark rest"></span>behind the best</li>
<li><span class="mark baseline"></span>the baseline, {baseline} (filled: level with the best);
the dotted line is its mean</li></ul>
{_plot("ranking", f"{escape(comparison.primary.title)} of each loss with its interval, as in the table below")}"""


def _numbers(comparison: Comparison, rows: Mapping[str, list[Row]]) -> str:
    found = "".join(
        _panel(index, standing, tables.full(comparison, standing, rows[standing.condition]), len(rows) > 1)
        for index, standing in enumerate(comparison.standings)
    )
    return f"""<p>Means with 95&nbsp;% intervals; the best of each column is bold. The difference is that of
{escape(comparison.primary.title)} from the baseline, run by run. A heading sorts its column.</p>{found}"""


def _panel(index: int, standing: Standing, body: str, several: bool) -> str:
    title = f"<h3>{escape(standing.condition)}</h3>" if several else ""
    return f'<div class="panel" data-panel="{index}"{" hidden" if index else ""}>{title}{body}</div>'


def _ranks(comparison: Comparison) -> str:
    tests = "".join(
        _panel(index, standing, f"<p>{_friedman(standing)}</p>", len(comparison.standings) > 1)
        for index, standing in enumerate(comparison.standings)
    )
    return f"""<p>In every run the losses are ranked; here are the mean ranks, the best first. Losses under a common bar
cannot be told apart: their mean ranks lie closer than the critical difference (Nemenyi’s test, 5&nbsp;%). The filled
dots are the group at the top of the ranking, which rests on the paired tests; these can see differences that ranks do
not.</p>{tests}
{_plot("ranks", "Critical-difference diagram: mean ranks, and bars over groups that cannot be told apart")}"""


def _friedman(standing: Standing) -> str:
    p = standing.friedman_p
    if p is None:
        return "There are too few losses or runs for Friedman’s test."
    found = f"(Friedman’s test, p {'' if p < 0.001 else '= '}{escape(probability(p))})"
    return f"Taken together, the losses {'differ' if p < 0.05 else 'show no difference'} {found}."


def _curves(comparison: Comparison, chips: str) -> str:
    part = (
        f"at most {FOLLOWED} rows of the validation part" if comparison.task == "embedding" else "the validation part"
    )
    return f"""<p>{escape(comparison.primary.title)} on {part} after each epoch: the median of the runs,
and a band that holds their middle half. Grey: the losses that are not chosen.</p>
<p class="key mouse">The first, steep epochs may run out of the figure: a double click shows all, dragging zooms in.</p>
{_plot("curves", "Learning curves: the primary metric on the validation part after each epoch", chips)}"""


def _weights(chips: str) -> str:
    return f"""<p>What each term of a compound weighs in its total, mean of the runs: fixed weights and schedules as
they were given, learned weights as they were found. A small weight may belong to a large loss.</p>
{_plot("weights", "Weight of each term of the compounds, in each epoch", chips)}"""


def _balance(comparison: Comparison, order: Sequence[str], chips: str) -> str:
    pairs = "".join(
        _panel(index, standing, conflict_table(comparison, standing.condition, order), len(comparison.standings) > 1)
        for index, standing in enumerate(comparison.standings)
    )
    return f"""<p>How large each term of a compound is, how hard it pulls, and whether two terms pull the same way: the
losses before any weight, the length of their gradients at the model’s outputs, and the cosine between these, at the
first batch of each epoch, mean of the runs. Two terms are in conflict where the cosine is below 0: there, what helps
the one harms the other.</p>
<p class="key">Dashes tell a compound’s terms apart; in the third panel its pairs of terms, in the table’s order.</p>
{_plot("balance", "Loss, gradient length and cosine of the terms of the compounds, in each epoch", chips)}{pairs}"""


def _reliability(chips: str) -> str:
    return f"""<p>A model that is 80&nbsp;% sure should be right in 80&nbsp;% of the cases: on the dotted line. Below it
the model is too sure of itself, above it too modest. Large points hold many predictions.</p>
{_plot("reliability", "Reliability diagram: accuracy against confidence of the chosen losses", chips)}"""


def _shapes(comparison: Comparison, curves: Mapping[str, shapes.LossCurve], chips: str) -> str:
    if comparison.task == "regression":
        moving = "for an error of a given size"
    elif comparison.task == "embedding":
        moving = "for two items of a class with a given cosine, beside an item of another class at right angles to both"
    else:
        moving = "as the logit of the true class grows while all others stay at 0"
    text = f"What each loss charges {moving}, and how hard it pulls there: its derivative."
    missing = "".join(f"<li><b>{escape(n)}</b>: {escape(c.reason)}</li>" for n, c in curves.items() if not c.value)
    left_out = f'<div class="key">Not drawn:<ul>{missing}</ul></div>' if missing else ""
    return f"<p>{text}</p>{_plot('shapes', 'Value and slope of each loss', chips)}{left_out}"


def _plot(name: str, label: str, chips: str = "") -> str:
    empty = '<p class="key empty" hidden>There is nothing to draw for this condition.</p>'
    return (
        f'{chips}<figure><div class="plot" data-figure="{name}" role="img" aria-label="{label}"></div>{empty}</figure>'
    )


def _chips(order: Sequence[str], look: Mapping[str, Mapping[str, str]], comparison: Comparison) -> str:
    patterns = {"solid": "none", "dash": "6 4", "dot": "2 3", "dashdot": "7 3 2 3"}
    chosen, many = _focus(comparison, order), len(order) > FOCUS
    buttons = "".join(
        f'<button type="button" class="chip" data-loss="{index}" aria-pressed="{str(name in chosen).lower()}">'
        f'<svg viewBox="0 0 24 4" width="24" height="4" aria-hidden="true"><path d="M0 2H24" stroke="{style["color"]}" '
        f'stroke-width="3" stroke-dasharray="{patterns[style["dash"]]}"/></svg><span>{breakable(name)}</span></button>'
        for index, (name, style) in enumerate(look.items())
    )
    more = '<button type="button" class="chip plain" data-more aria-expanded="false">choose from all {}</button>'
    both = '<button type="button" class="chip plain" data-all="{0}">{1}</button>'
    return (
        f'<div class="chips{"" if many else " open"}" role="group" aria-label="Losses in colour">{buttons}'
        f"{more.format(len(order)) if many else ''}{both.format('true', 'all')}{both.format('false', 'none')}</div>"
    )


def _focus(comparison: Comparison, order: Sequence[str]) -> list[str]:
    leaders = [standing.best[0] for standing in comparison.standings if standing.best]
    return list(dict.fromkeys([*leaders, comparison.baseline, *order]))[:FOCUS]


def _loss_curves(comparison: Comparison, order: list[str]) -> tuple[dict[str, shapes.LossCurve], list[float]]:
    configs = comparison.facts.get("losses")
    known: Mapping[str, Any] = configs if isinstance(configs, Mapping) else {}
    data = comparison.facts.get("data")
    classes = data.get("classes") if isinstance(data, Mapping) else None
    number = classes if isinstance(classes, int) else len(classes) if isinstance(classes, list | tuple | dict) else 0
    curves = {
        name: shapes.trace(known[name], comparison.task, number if number > 1 else 10)
        for name in order
        if name in known
    }
    return curves, shapes.axis(comparison.task).tolist()


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("plotly", "compare") from error
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("</script", "<\\/script")


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"

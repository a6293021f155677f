"""The two sections that are mostly words: how to read the report, and how to get it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perdita.compare.report.writing import escape, plain

if TYPE_CHECKING:
    from perdita.compare.result import Comparison

PARTS = {
    "settings": "Settings", "data": "Data", "versions": "Versions", "machine": "Machine", "date": "Date",
    "seeds": "Seeds", "folds": "Splits", "learning_rates": "Learning rates",
}  # fmt: skip

UNSEEN = """<dt>Classes never seen</dt>
<dd>Each part has classes of its own, and every item of the test part searches among the part’s other items by cosine.
Recall@1 is how often the nearest one is of its class. R-precision looks at as many of the nearest as its class has, and
MAP@R at their order too. NMI compares clusters with the classes. TAR at 1&nbsp;% FAR is the share of the pairs of one
class that are closer than all but 1&nbsp;% of the pairs of two classes.</dd>
"""


def how_to_read(comparison: Comparison) -> str:
    """The statistics in plain words."""
    tests = list(dict.fromkeys(standing.test for standing in comparison.standings if standing.test))
    test = " or ".join(escape(name) for name in tests)
    paired = f" The test is: {test}." if test else ""
    return f"""<dl class="reading">
{UNSEEN if comparison.task == "embedding" else ""}<dt>The comparison is paired</dt>
<dd>Every loss met the same splits of the data, started from the same weights and saw the same batches, run by run. So
two losses are compared within each run, where luck is shared, and not across runs.</dd>
<dt>Interval</dt>
<dd>Were the whole comparison repeated many times, about 95&nbsp;% of such intervals would hold the true mean. It is
cut where the metric ends, as an accuracy does at 0 and at 1, which does not change how often it holds. Two intervals
that overlap do <em>not</em> say that the losses are equal: look at the paired difference.</dd>
<dt>Difference and p</dt>
<dd>The difference is that of a loss from the baseline, run by run. The p-value says how often chance alone would give
so large a difference if there were none.{paired}</dd>
<dt>Holm’s correction</dt>
<dd>Who compares many losses finds a “winner” by luck. Holm’s method makes the p-values larger, so that the chance of
even one false discovery in a condition stays below 5&nbsp;%.</dd>
<dt>Cannot be told apart</dt>
<dd>The data do not show which of these losses is better. That is an answer, and a common one: take the simplest or
fastest of them, or add seeds or folds. It is no proof that they are equal.</dd>
<dt>Selection and verdict</dt>
<dd>What was chosen during training was chosen on the validation part. The numbers here are those of the test part,
which played no role before.</dd>
<dt>What this does not show</dt>
<dd>These numbers hold for this data, this model and these settings. Another model, a longer training or other
hyper-parameters of a loss can change the order.</dd>
</dl>"""


def reproduce(comparison: Comparison) -> str:
    """Command, versions, seeds, splits, settings, data, notes and configurations; what is missing is left out."""
    facts = comparison.facts
    parts = []
    if command := facts.get("command"):
        text = " ".join(map(str, command)) if isinstance(command, list | tuple) else str(command)
        parts.append(
            "<p>The same seeds and the same number of threads give the same numbers, bit by bit.</p>"
            f'<div class="command"><pre tabindex="0"><code>{escape(text)}</code></pre>'
            '<button type="button" data-copy>Copy</button></div>'
        )
    if notes := facts.get("notes"):
        items = notes if isinstance(notes, list | tuple) else [notes]
        parts.append(f"<h3>Notes</h3><ul>{''.join(f'<li>{escape(note)}</li>' for note in items)}</ul>")
    shown = {**facts, "folds": _splits(facts.get("folds"), comparison.task == "embedding")}
    cards = [
        f"<div><h3>{name}</h3>{_value(shown[key])}</div>" for key, name in PARTS.items() if _filled(shown.get(key))
    ]
    if cards:
        parts.append(f'<div class="cards">{"".join(cards)}</div>')
    losses = facts.get("losses")
    if isinstance(losses, Mapping) and losses:
        rows = "".join(
            f'<tr><th scope="row">{escape(label)}</th>'
            f"<td><code>{escape(json.dumps(config, default=str, ensure_ascii=False))}</code></td></tr>"
            for label, config in losses.items()
        )
        parts.append(f"""<details><summary>The losses as <code>perdita.build</code> takes them</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Configurations"><table>
<caption class="hidden">Configurations</caption>
<thead><tr><th scope="col">Loss</th><th scope="col">Configuration</th></tr></thead>
<tbody>{rows}</tbody></table></div></details>""")
    return "".join(parts)


def _splits(folds: Any, of_classes: bool) -> Any:
    if not isinstance(folds, int):
        return folds
    drawn = "hold-out classes" if of_classes else "a hold-out part"
    over = " over the classes" if of_classes else ""
    return f"{folds}-fold cross-validation{over}" if folds else f"{drawn}, drawn anew by each seed"


def _filled(value: Any) -> bool:
    return value is not None and value != {} and value != [] and value != ()


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        items = f"<dl>{''.join(f'<dt>{escape(key)}</dt><dd>{_value(item)}</dd>' for key, item in value.items())}</dl>"
        return items if len(value) <= 20 else f"<details><summary>{len(value)} entries</summary>{items}</details>"
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value):
        if (
            len(value) > 2
            and all(type(item) is int for item in value)
            and list(value) == list(range(value[0], value[-1] + 1))
        ):
            return f"{value[0]} to {value[-1]}"
        texts = [plain(item) for item in value]
        text = ", ".join(texts)
        return (
            escape(text)
            if len(texts) <= 12
            else f"<details><summary>{len(texts)} values</summary>{escape(text)}</details>"
        )
    if isinstance(value, list | tuple):
        return f"<ul>{''.join(f'<li>{_value(item)}</li>' for item in value)}</ul>"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return escape(f"{value:g}" if isinstance(value, float) else value)

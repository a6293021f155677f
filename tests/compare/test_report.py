"""report.html: what it says, that no string from data becomes markup, that a browser shows it without complaint."""

from __future__ import annotations

import json
import math
import os
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from perdita.compare.report import render, write_report
from perdita.compare.report.balance import conflict_table, term_balance
from perdita.compare.report.figures import critical_difference, ranking, robust_limits
from perdita.compare.report.lines import learning_curves, pooled_bins
from perdita.compare.result import Comparison, Interval, Row, Standing
from perdita.compare.spec import Metric, Run
from tests.browser import needs_chromium

ACCURACY = Metric("accuracy", True, "Accuracy")
LOG_LOSS = Metric("log_loss", False, "Log-loss")
RMSE = Metric("rmse", False, "RMSE")
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>document.title='taken'</script>",
    "a\u2028b & \"q\" 'r' %{x} <b>$x$</b>",
]
NAMES = [
    "cross_entropy", "squentropy", "focal(gamma=2.0)", "focal(gamma=5.0)", "generalized_cross_entropy(q=0.7)",
    "poly_1(epsilon=1.0)", "symmetric_cross_entropy(alpha=0.1, beta=1.0)", "mean_absolute_error", "multi_margin", "nll",
    "logit_normalized_cross_entropy(temperature=0.04)", "cross_entropy(label_smoothing=0.1)", "bi_tempered",
    "taylor_cross_entropy(order=2)", "active_passive(a very long name that a user gave it)",
    "brier", "spherical", "asymmetric", "equalized_focal", "cross_entropy_twin",
]  # fmt: skip


CONFIGS = {
    "multiclass": [
        {"loss": "cross_entropy"}, {"loss": "squentropy"}, {"loss": "focal", "gamma": 2.0},
        {"loss": "focal", "gamma": 5.0}, {"loss": "generalized_cross_entropy"}, {"loss": "multi_margin"},
    ],
    "regression": [{"loss": "mse"}, {"loss": "huber"}, {"loss": "l1"}],
}  # fmt: skip


def fake(names, seeds, conditions, task="multiclass", failed="", twin="", dataset="digits") -> Comparison:
    """A comparison with numbers from seeded noise around a quality of each loss that its name fixes. The loss named
    ``failed`` diverges in every second run, and in all of the third condition; ``twin`` repeats the baseline."""
    primary = RMSE if task == "regression" else ACCURACY
    rows, runs, standings = [], [], []
    for place, condition in enumerate(conditions):
        scores = {name: _scores(names[0] if name == twin else name, place, seeds, task) for name in names}
        if failed:
            scores[failed][:: 1 if place == 2 else 2] = math.nan
        for name in names:
            runs += [_run(name, condition, seed, scores[name][seed], primary) for seed in range(seeds)]
        found = {name: _interval(values) for name, values in scores.items()}
        order = sorted(names, key=lambda name: _badness(found[name].mean, primary))
        best = tuple(n for n in order if abs(found[n].mean - found[order[0]].mean) < 0.004)
        for rank, name in enumerate(order, 1):
            gap = None if name == names[0] else _interval(scores[name] - scores[names[0]])
            rows.append(Row(
                name, condition, rank, {primary.name: found[name], "log_loss": Interval(0.2 + rank / 100, 0.19, 0.45)},
                gap, None if gap is None or seeds < 2 else float(np.exp(-400 * abs(gap.mean))), 0.4 + rank / 10,
                120_000_000, seeds, int(np.isnan(scores[name]).sum()), (names[0],) if name == twin else (),
                "diverged at a learning rate of 0.003" if name == failed else "",
            ))  # fmt: skip
        ranks = {name: 1.5 + 0.85 * place for place, name in enumerate(order)} if len(names) > 2 and seeds > 2 else {}
        cliques = tuple(tuple(order[start : start + 8]) for start in range(0, len(order) - 7, 3)) if ranks else ()
        low, critical = (1e-9, 6.6) if ranks else (None, None)
        standings.append(Standing(condition, best, low, ranks, critical, cliques, {}, "Wilcoxon signed-rank test"))
    conclusion = f"On {dataset}, {standings[0].best[0]} has the best {primary.title}."
    facts = {
        "command": f"perdita compare {dataset} --seeds {seeds} --losses all --stress {','.join(conditions)}",
        "versions": {"perdita": "0.1.0", "torch": "2.13.0", "python": "3.11.9"}, "seeds": list(range(seeds)),
        "folds": "hold-out, 60/20/20, drawn anew by each seed", "notes": ["one column was constant and was left out"],
        "settings": {"model": "mlp", "epochs": 40, "batch size": 64, "learning rate": 0.003, "hidden": [128]},
        "data": {"rows": 1797, "columns": 64, "classes": 10, "class sizes": {"0": 178, "1": 182}},
        "losses": {name: CONFIGS[task][index % len(CONFIGS[task])] for index, name in enumerate(names)},
    }  # fmt: skip
    results = tuple(rows), tuple(standings), tuple(runs)
    return Comparison(dataset, task, primary, (primary, LOG_LOSS), names[0], *results, conclusion, facts)


def _scores(name, place, seeds, task) -> np.ndarray:
    rng = np.random.default_rng([zlib.crc32(name.encode()), place])
    quality = rng.uniform()
    if task == "regression":
        return 54 + 4 * quality + rng.normal(0, 1.5, seeds)
    return 0.962 - 0.12 * place + 0.02 * quality + rng.normal(0, 0.006, seeds)


def _run(name, condition, seed, score, primary) -> Run:
    rng, steps = np.random.default_rng([zlib.crc32(name.encode()), seed]), np.arange(1, 41)
    reach, noise = (-0.5, 0.004) if primary.higher_is_better else (40.0, 0.3)
    curve = score + reach * np.exp(-steps / 6) + rng.normal(0, noise, 40)
    middles, bend = np.arange(0.05, 1, 0.1), rng.uniform(0.7, 1.3)
    bins = [[c, c**bend, 0.02 + 0.8 * (c > 0.9)] for c in middles.tolist()] if primary.higher_is_better else []
    metrics = {primary.name: score, "log_loss": 0.3}
    return Run(name, condition, 0, seed, metrics, metrics, [] if math.isnan(score) else curve.tolist(), [], bins)


def _interval(values) -> Interval:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if known.size else math.nan
    half = 2.26 * float(known.std(ddof=1)) / math.sqrt(known.size) if known.size > 1 else math.nan
    return Interval(mean, mean - half, mean + half)


def _badness(mean, primary) -> tuple[bool, float]:
    return math.isnan(mean), -mean if primary.higher_is_better else mean


def large() -> Comparison:
    return fake(NAMES, 10, ["clean", "noise=0.3", "imbalance=50"], failed="bi_tempered", twin="cross_entropy_twin")


def small() -> Comparison:
    return fake(["mse", "huber(delta=1.0)"], 1, ["clean"], task="regression", dataset="diabetes")


def hostile() -> Comparison:
    comparison = fake([*HOSTILE, "cross_entropy"], 4, ["clean", HOSTILE[0]], dataset=HOSTILE[1])
    facts = {
        **comparison.facts,
        "data": {"classes": HOSTILE, HOSTILE[0]: {HOSTILE[1]: HOSTILE}},
        "notes": HOSTILE,
        "command": HOSTILE[1],
    }
    rows = tuple(replace(row, identical_to=(HOSTILE[0],), note=HOSTILE[1]) for row in comparison.rows)
    title = Metric("accuracy", True, HOSTILE[0])
    return replace(comparison, facts=facts, rows=rows, primary=title, metrics=(title, LOG_LOSS), task=HOSTILE[0])


class Page(HTMLParser):
    """Elements, attributes and text of a page as a browser's parser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data) -> None:
        if not self.tags or self.tags[-1] not in ("script", "style"):
            self.text += data


def data_of(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL).group(1))


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {"large": render(large()), "small": render(small()), "hostile": render(hostile())}


def test_the_page_says_what_was_found(pages):
    comparison, page = large(), Page(pages["large"])
    assert comparison.conclusion in page.text
    for name in NAMES:
        assert name in page.text
    for phrase in (
        "of 10",
        "bit by bit the same as cross_entropy",
        "Wilcoxon signed-rank test",
        "0 to 9",
        comparison.facts["command"],
        "p < 0.001",
    ):
        assert phrase in page.text, phrase
    rows = {row.loss: row for row in comparison.rows if row.condition == "clean"}
    assert f"{rows['squentropy'].metrics['accuracy'].mean:.4f}" in page.text


def test_the_page_needs_no_network_and_holds_plotly_once(pages):
    for text in pages.values():
        assert text.count("* plotly.js v") == 1
        page = Page(text)
        assert not {"link", "iframe", "img", "object"} & set(page.tags)
        assert not [
            value for key, value in page.attributes if key in ("src", "href") and not (value or "").startswith("#")
        ]
        assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "drop", ["command", "versions", "seeds", "folds", "settings", "data", "notes", "losses", "all"]
)
def test_missing_facts_leave_out_their_part(drop):
    comparison = small()
    facts = {} if drop == "all" else {key: value for key, value in comparison.facts.items() if key != drop}
    text = render(replace(comparison, facts=facts))
    assert comparison.conclusion in Page(text).text
    assert (data_of(text)["figures"]["shapes"][0] is None) == (drop in ("losses", "all"))


def test_nothing_from_data_becomes_markup(pages):
    page, harmless = Page(pages["hostile"]), Page(render(fake(["w", "x", "y", "cross_entropy"], 4, ["clean", "noise"])))
    assert page.tags.count("script") == harmless.tags.count("script") == 3
    assert "img" not in page.tags
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert HOSTILE[0] in page.text
    assert HOSTILE[1] in page.text
    assert "<img src=x" not in pages["hostile"]
    assert "\u2028" not in pages["hostile"]


def test_a_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write_report(small(), tmp_path / "new" / "report.html")
    before = path.read_bytes()
    assert before.decode().endswith("</html>\n")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report(large(), path)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_the_ranking_marks_best_baseline_and_what_is_off_the_scale():
    comparison = large()
    standing = comparison.standings[0]
    rows = [row for row in comparison.rows if row.condition == "clean"]
    worst = replace(rows[-1], metrics={**rows[-1].metrics, "accuracy": Interval(0.1, 0.05, 0.15)})
    best, rest, baseline = ranking(comparison, standing, [*rows[:-1], worst])["data"]
    assert len(best["y"]) + len(rest["y"]) + len(baseline["y"]) == len(NAMES)
    assert {rows[index].loss for index in best["y"]} | {comparison.baseline} >= set(standing.best)
    assert [rows[index].loss for index in baseline["y"]] == [comparison.baseline]
    assert rest["marker"]["symbol"][-1] == "triangle-left"
    assert min(rest["x"]) > 0.9
    assert robust_limits([1.0, 2.0, math.nan]) == (1.0, 2.0)


def test_the_critical_difference_diagram_spans_its_cliques_and_ruler():
    standing = large().standings[0]
    _, *bars, points, ruler = critical_difference(standing)["data"]
    assert points["x"] == sorted(standing.mean_ranks.values())
    assert ruler["x"][1] - ruler["x"][0] == pytest.approx(standing.critical_difference)
    spans = sorted(
        (min(r), max(r)) for r in ([standing.mean_ranks[name] for name in clique] for clique in standing.cliques)
    )
    np.testing.assert_allclose([(bar["x"][0] + 0.06, bar["x"][1] - 0.06) for bar in bars], spans)
    assert critical_difference(small().standings[0]) is None


def test_curves_are_medians_and_bins_are_pooled_by_share():
    comparison = fake(["a", "b", "c"], 5, ["clean"])
    figure = learning_curves(comparison, "clean", {"a": {"color": "var(--ink)", "dash": "solid"}})
    expected = np.median([run.curve for run in comparison.runs if run.loss == "a"], axis=0)
    np.testing.assert_allclose(figure["data"][1]["y"], expected)
    band, (low, high) = figure["data"][0]["y"], figure["layout"]["yaxis"]["range"]
    late = len(band) // 4  # the upper edge from left to right, then the lower one from right to left
    assert all(low <= edge <= high for edge in [*band[late : 3 * late]])
    first = replace(comparison.runs[0], reliability=[[0.25, 0.0, 0.5], [0.75, 1.0, 0.5]])
    second = replace(first, reliability=[[math.nan, math.nan, 0.0], [0.95, 0.5, 1.0]])
    (low, high) = pooled_bins([first, second])
    assert low == pytest.approx((0.25, 0.0, 0.25))
    assert high == pytest.approx(((0.75 * 0.5 + 0.95) / 1.5, 1.0 / 1.5, 0.75))


def balance(cosines, norms):
    return {
        "loss": {"x": [2.0] * len(norms), "y": [0.5] * len(norms)},
        "gradient_norm": {"x": norms, "y": [1.0] * len(norms)},
        "cosine": {"x, y": cosines},
    }


def test_balance_of_terms_is_the_mean_of_the_runs_that_know_it():
    comparison = fake(["a", "<b>"], 3, ["clean"])
    reports = [balance([0.5, -0.5, None], [1.0, 3.0, None]), balance([-0.1, -0.3, None], [3.0, 5.0, None])]
    ours = iter([*reports, balance([-1.0] * 3, [9.0] * 3)])
    runs = [replace(run, balance=next(ours)) if run.loss == "<b>" else run for run in comparison.runs]
    runs[-1] = replace(runs[-1], failed="term 'x' is nan at step 7")  # it counts nothing
    comparison = replace(comparison, runs=tuple(runs))
    look = {"a": {"color": "var(--ink)", "dash": "solid"}, "<b>": {"color": "var(--series-0)", "dash": "solid"}}
    figure = term_balance(comparison, "clean", look)
    lines = {(line["name"], line["yaxis"]): line for line in figure["data"]}
    assert {axis for _, axis in lines} == {"y", "y2", "y3"}
    assert lines["&lt;b&gt;: x", "y2"]["y"] == [2.0, 4.0]
    assert lines["&lt;b&gt;: x, y", "y3"]["y"] == pytest.approx([0.2, -0.4])
    assert lines["&lt;b&gt;: x, y", "y3"]["customdata"] == [0.5, 1.0]  # share of the runs in conflict
    assert figure["layout"]["yaxis2"]["type"] == "log"
    table = conflict_table(comparison, "clean", list(look))
    assert re.findall(r"<td>(.*?)</td>", table) == ["0.20", "–", "75%"]
    assert "<b>" not in table
    page = render(comparison)
    assert '<section id="balance"' in page
    assert len(data_of(page)["figures"]["balance"][0]["data"]) == len(figure["data"])
    assert term_balance(fake(["a", "b"], 2, ["clean"]), "clean", look) is None
    assert conflict_table(fake(["a", "b"], 2, ["clean"]), "clean", ["a", "b"]) == ""


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("which", ["large", "small", "hostile"])
def test_a_browser_draws_every_figure_and_runs_nothing_else(which, pages, tmp_path, browser):
    path = tmp_path / "report.html"
    path.write_text(pages[which], encoding="utf-8")
    browser.open(path.as_uri())
    shown = browser.evaluate("document.documentElement.outerHTML")
    page = Page(shown)
    drawn = sum(key == "class" and "js-plotly-plot" in (value or "") for key, value in page.attributes)
    figures = sum(any(found) for found in data_of(pages[which])["figures"].values())
    assert drawn == figures >= 2
    assert browser.complaints == []
    assert not re.search(r"&(quot|amp|lt|#)", page.text)  # escaped once, not twice
    assert "img" not in page.tags
    assert page.tags.count("script") == 3
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    assert browser.evaluate("document.title").startswith("Which loss for")


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("which", ["large", "small", "hostile"])
def test_a_telephone_shows_it_without_scrolling_sideways(which, dark, pages, tmp_path, browser):
    path = tmp_path / "report.html"
    path.write_text(pages[which], encoding="utf-8")
    browser.open(path.as_uri(), width=400, dark=dark)
    assert browser.overflow() == (0, [])
    widths = browser.evaluate("[...document.querySelectorAll('.main-svg')].map((one) => one.clientWidth)")
    assert widths
    assert max(widths) <= 400
    assert browser.complaints == []

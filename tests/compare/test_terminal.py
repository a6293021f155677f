import io
import math
import re
import sys

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from perdita.compare import terminal
from perdita.compare.result import Comparison
from perdita.compare.spec import Metric, Run
from perdita.compare.terminal import clean, progress, show
from perdita.compare.verdict.conclusion import conclude
from perdita.compare.verdict.statistics import analyse

METRICS = (
    Metric("accuracy", True, "Accuracy"), Metric("balanced_accuracy", True, "Balanced accuracy"),
    Metric("macro_f1", True, "Macro-F1"), Metric("log_loss", False, "Log-loss"), Metric("ece", False, "ECE"),
)  # fmt: skip
LOSSES = ("cross_entropy", "focal", "generalized_cross_entropy", "squentropy", "logit_normalized_cross_entropy")


def _comparison(losses=LOSSES, seeds=6, conditions=("clean", "noise=0.3"), failing=(), **changes):
    rng = np.random.default_rng(0)
    runs = []
    for condition in conditions:
        for place, loss in enumerate(losses):
            for seed in range(seeds):
                values = [0.97 - 0.02 * place + rng.normal(0, 0.004) for _ in METRICS]
                failed = "the training diverged: its outputs are not finite" if loss in failing else ""
                found = {m.name: math.nan if failed else v for m, v in zip(METRICS, values, strict=True)}
                runs.append(
                    Run(loss, condition, 0, seed, found, found, seconds=0.31, sizes=(60, 20, 20), failed=failed)
                )
    primary = METRICS[0]
    rows, standings = analyse(runs, primary=primary, metrics=METRICS, baseline=losses[0], folds=0)
    given = {
        "dataset": "digits", "task": "multiclass", "primary": primary, "metrics": METRICS, "baseline": losses[0],
        "rows": rows, "standings": standings, "runs": tuple(runs), "report_path": "perdita-runs/digits/report.html",
    }  # fmt: skip
    given["conclusion"] = conclude(rows, standings, primary, losses[0], changes.get("dataset", "digits"))
    return Comparison(**{**given, **changes})


def _shown(comparison, width, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    show(comparison, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_line_fits(width):
    text = _shown(_comparison(failing=("squentropy",)), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text
    for loss in LOSSES:
        assert loss in text  # whole, not cut or folded


def test_columns_give_way_in_order():
    headers = {width: _shown(_comparison(), width) for width in (60, 80, 120, 200)}
    shown = {w: [m.title for m in METRICS[1:] if m.title in text] for w, text in headers.items()}
    assert shown[60] == shown[80] == []
    assert 0 < len(shown[120]) < 4
    assert len(shown[200]) == 4
    for text in headers.values():
        assert re.search(r"loss +Accuracy", text)
    assert "− baseline" in headers[80]
    assert "s/run" in headers[120]


def test_what_the_table_says():
    comparison = _comparison(conditions=("clean",))
    text = _shown(comparison, 120)
    assert "digits, multiclass, clean: 6 runs of each loss" in text
    first = next(line for line in text.splitlines() if "cross_entropy" in line and "1*" in line)
    assert re.search(r"1\* +cross_entropy +0\.9\d\d \(0\.9\d\d to 0\.9\d\d\) +baseline", first)
    focal = comparison.rows[1]
    second = next(line for line in text.splitlines() if " focal " in line)
    assert focal.loss == "focal"
    assert re.search(rf"2 +focal +{focal.metrics['accuracy'].mean:.3f} \(", second)
    assert f"−{-focal.difference.mean:.3f} ± " in second
    assert "0.31" in second
    assert comparison.conclusion in " ".join(text.split())
    assert "Report: perdita-runs/digits/report.html" in text
    assert "Nadeau" in text
    assert "noise" not in text


def test_one_table_for_each_condition():
    text = _shown(_comparison(), 80)
    assert text.count("Accuracy") == 2
    assert "multiclass, clean:" in text
    assert "multiclass, noise=0.3:" in text


def test_failures_and_single_runs():
    text = _shown(_comparison(seeds=1, failing=("focal",)), 80)
    assert "one run of each loss" in text
    assert "nan" not in text.lower()
    assert "focal: 1 of 1 runs failed (the training diverged" in " ".join(text.split())
    assert "—" in next(line for line in text.splitlines() if " focal " in line)


def test_colours_and_marks_only_on_a_terminal():
    text = _shown(_comparison(), 100, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in text


def test_strings_from_data_are_text_and_nothing_else():
    nasty = ("ce", "[red]bold[/red]", "[/nothing]", ":smile:", "\x1b[31mred\x07", "[link=https://x.example]x[/link]")
    comparison = _comparison(nasty, dataset="[bold]d[/bold]\x1b]0;title\x07", report_path="out/[bold]/report.html")
    text = _shown(comparison, 120)
    assert "\x1b" not in text
    assert "\x07" not in text
    for name in ("[red]bold[/red]", "[/nothing]", ":smile:", "�[31mred�", "[link=https://x.example]x[/link]"):
        assert name in text
    assert "[bold]d[/bold]" in text
    assert "out/[bold]/report.html" in text


def test_a_long_name_folds_and_a_long_path_stays_whole():
    long = "loss_" * 30
    path = "folder/" * 30 + "report.html"
    text = _shown(_comparison(("ce", long), report_path=path), 80)
    assert f"Report: {path}" in text
    table = [line for line in text.splitlines() if "loss_" in line and "Report" not in line]
    assert max(map(cell_len, table)) <= 80


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_file_that_is_not_utf8(encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(_comparison(("ce", "损失"), conditions=("clean",)), Console(file=file, width=80))
    file.seek(0)
    text = file.read()
    assert re.search(r"ce +.*0\.9\d\d \(0\.9\d\d to 0\.9", text)
    assert "??" in text
    assert re.search(r" -0\.02\d \+- ", text)


def test_clean():
    assert clean("a\x1b[0m\nb\tc é 損") == "a�[0m�b�c é 損"


def test_progress_is_silent_for_a_short_run_without_a_terminal(capsys):
    with progress(3) as bar:
        for _ in range(3):
            bar.advance()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_progress_without_a_terminal_speaks_now_and_then(capsys):
    now = iter([0.0, 10.0, 40.0, 50.0, 80.0, 120.0])
    bar = terminal._Lines(5, "training", sys.stderr, clock=lambda: next(now))
    for _ in range(5):
        bar.advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["training: 2 of 5, about 60 s left", "training: 4 of 5, about 20 s left"]


def test_progress_on_a_terminal_is_a_bar_with_the_time_left():
    console = Console(
        file=io.StringIO(), width=100, force_terminal=True, force_interactive=True, _environ={"TERM": "xterm"}
    )
    with progress(4, console=console) as bar:
        bar.advance(2, "noise=0.3 [bold]")
        bar.advance()
    text = console.file.getvalue()
    assert "\x1b[" in text
    assert "3/4" in text
    assert "noise=0.3 [bold]" in text
    assert "left" in text


def test_progress_on_a_dumb_console_is_plain():
    console = Console(file=io.StringIO(), width=80)
    with progress(2, console=console) as bar:
        bar.advance()
        bar.advance()
    assert console.file.getvalue() == ""

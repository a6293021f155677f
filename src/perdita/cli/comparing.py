"""``perdita compare``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from perdita.cli.output import Json, open_console, print_json


def compare(
    source: Annotated[
        str,
        typer.Argument(
            help="digits, wine, breast_cancer, iris (classes), diabetes, linnerud (numbers); a CSV, TSV, Parquet or "
            "NPZ file; a folder with a sub-folder of images for each class; or hf:name of a Hugging Face data set."
        ),
    ],
    target: Annotated[str | None, typer.Option(help="Column to predict, or several with commas.")] = None,
    task: Annotated[
        str | None, typer.Option(help="multiclass, binary, regression; ordinal, embedding (never inferred).")
    ] = None,
    losses: Annotated[
        str | None, typer.Option(help="Names and patterns, as focal,poly*; all, the default; or a YAML/JSON file.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Loss that the others are compared with: cross_entropy, mse, contrastive by task."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Repetitions, each with its own split and initial weights.")] = 10,
    folds: Annotated[int, typer.Option(help="Cross-validation folds; 0 draws a hold-out split for each seed.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training part; 40.")] = None,
    model: Annotated[str, typer.Option(help="mlp, cnn, gru, or module:factory.")] = "mlp",
    stress: Annotated[
        str, typer.Option(help="Conditions, as clean,noise=0.3,imbalance=50,outliers=0.1,few=10.")
    ] = "clean",
    tune: Annotated[int, typer.Option(help="Configurations that each loss may try first.")] = 0,
    metric: Annotated[
        str | None,
        typer.Option(
            help="What ranks the losses, as accuracy, balanced_accuracy, log_loss, brier, ece, auc, rmse, mae, r2 or "
            "map_at_r."
        ),
    ] = None,
    test: Annotated[str, typer.Option(help="Of the paired differences: t (corrected), wilcoxon or permutation.")] = "t",
    batch_size: Annotated[int | None, typer.Option(help="Rows in a batch; 64.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The same for every loss; 0.003.")] = None,
    dimension: Annotated[int | None, typer.Option(help="Of the embeddings, in the task embedding; 32.")] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one for each core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Take what an earlier run has finished.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of the report and tables; perdita-runs/NAME.")] = None,
    as_json: Json = False,
) -> None:
    """Train every loss on your data under the same conditions, and say which can be told apart."""
    from perdita.compare.execute import fork_early
    from perdita.compare.run import compare as run
    from perdita.compare.terminal import progress, show

    console = open_console()
    comparison = run(
        model, source, losses, target=target, task=task, baseline=baseline, seeds=seeds, folds=folds, epochs=epochs,
        batch_size=batch_size, learning_rate=learning_rate, dimension=dimension, stress=stress, tune=tune,
        metric=metric, test=test, workers=workers, executor=fork_early, resume=resume, out=out,
        progress=None if as_json else progress, command=shlex.join(["perdita", *sys.argv[1:]]),
    )  # fmt: skip
    if as_json:
        print_json(comparison.to_json())
    else:
        show(comparison, console)

"""Embeddings compared on classes that were never trained on: real runs, their store, report, arms and errors."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import perdita
from perdita.compare.arms import fits, resolve
from perdita.compare.data.splits import splits
from perdita.compare.data.table import load
from perdita.compare.run import compare
from perdita.compare.spec import DataSpec, Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.unit import criteria_of_seeds
from perdita.core import card, cards
from tests.interpreter import python

LOSSES = "contrastive,multi_similarity,arc_face,proxy_anchor"
QUICK = {"data": "digits", "task": "embedding", "losses": LOSSES, "seeds": 2, "epochs": 2, "workers": 1}


def measured(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("loss", "condition", "fold", "seed", "metric")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory):
    return compare(out=tmp_path_factory.mktemp("embedding"), stress="clean,noise=0.3", **QUICK)


def test_losses_are_ranked_by_what_they_retrieve(found) -> None:
    assert (found.task, found.primary.name, found.baseline) == ("embedding", "map_at_r", "contrastive")
    assert [metric.name for metric in found.metrics][:2] == ["map_at_r", "recall_at_1"]
    for condition in ("clean", "noise=0.3"):
        rows = [row for row in found.rows if row.condition == condition]
        assert {row.loss for row in rows} == set(LOSSES.split(","))
        means = [row.metrics["map_at_r"].mean for row in rows]
        assert means == sorted(means, reverse=True)
        assert all(row.failed == 0 and row.peak_bytes > 0 for row in rows)
    assert "MAP@R" in found.conclusion


def test_training_helps_on_classes_never_seen(found) -> None:
    """Chance is a third of three classes; what a few steps on five other classes have learnt is far above it."""
    clean = [run for run in found.runs if run.condition == "clean"]
    assert min(run.metrics["recall_at_1"] for run in clean) > 0.7
    assert all(len(run.curve) == 2 and np.isfinite(run.curve).all() for run in clean)
    assert all(run.train_curve[1] < run.train_curve[0] for run in clean)


def test_class_vectors_start_anew_with_each_seed_and_alike_for_losses_that_draw_alike() -> None:
    specs = resolve("arc_face,cos_face", "embedding", sizes={"classes": 5, "dimension": 8})
    arc, cos = (
        [dict(own.named_parameters()) for own in criteria_of_seeds(s, "embedding", [3, 4], 1, 1)] for s in specs
    )
    for own in (arc, cos):
        assert all(not torch.equal(first, own[1][name]) for name, first in own[0].items())
    for ours, theirs in zip(arc, cos, strict=True):
        assert all(torch.equal(*pair) for pair in zip(ours.values(), theirs.values(), strict=True))
    again = criteria_of_seeds(specs[0], "embedding", [4], 1, 1)[0]
    assert all(torch.equal(value, arc[1][name]) for name, value in again.named_parameters())


def test_a_model_trains_with_the_class_vectors_of_its_seed() -> None:
    """Each seed's numbers are those of that seed alone, whether models are stacked or trained in turn."""
    spec = resolve("arc_face", "embedding", sizes={"classes": 3, "dimension": 2})[0]
    generator = torch.Generator().manual_seed(0)
    folds = [Fold(torch.randn(12, 4, generator=generator), torch.arange(12) % 3) for _ in range(2)]
    seeds, training = [5, 6], Training(epochs=2, batch_size=6)

    def trained(places: list[int], stacked: bool) -> torch.Tensor:
        own = [seeds[place] for place in places]
        criteria = {"": criteria_of_seeds(spec, "embedding", own, 4, 2)}
        given = [folds[place] for place in places]
        return train_together(criteria, lambda: nn.Linear(4, 2), given, training, own, stacked=stacked).curve

    whole = trained([0, 1], stacked=True)
    alone = torch.cat([trained([place], stacked=True) for place in (0, 1)], 1)
    torch.testing.assert_close(whole, alone)
    torch.testing.assert_close(whole, trained([0, 1], stacked=False))


def test_the_sizes_of_a_run_are_those_of_its_classes(found) -> None:
    table = load(DataSpec("digits", task="embedding"))
    for run in found.runs:
        parts = splits(table, seed=run.seed)
        assert list(run.sizes) == [len(part) for part in parts]
        train, validation, test = (set(table.target[part].tolist()) for part in parts)
        assert not train & validation
        assert not test & (train | validation)
    assert len({run.sizes for run in found.runs}) == 2  # of two seeds


def test_the_report_has_the_figures_that_make_sense(found) -> None:
    page = found.report_path.read_text()
    sections = re.findall(r'<section id="([a-z]+)"', page)
    assert sections == ["ranking", "numbers", "conditions", "ranks", "curves", "shapes", "reading", "reproduce"][
        : len(sections)
    ] or sections == ["ranking", "numbers", "conditions", "curves", "shapes", "reading", "reproduce"]
    assert "classes never trained on" in page
    assert "cosine of two items of a class" in page
    assert "5 to train on, 2 to validate on and 3 to test on" in page
    assert "5 classes and 12 items of each" in page
    figures = json.loads(re.search(r'id="data">(.*?)</script>', page, flags=re.DOTALL)[1])["figures"]
    assert {trace["name"] for trace in figures["shapes"][0]["data"]} == {"contrastive", "multi_similarity"}
    assert not any(figures["reliability"])


def test_the_same_call_takes_all_from_the_store_and_what_is_lost_is_run_again(tmp_path: Path) -> None:
    options = {**QUICK, "folds": 2, "losses": "contrastive,arc_face", "out": tmp_path}
    first = compare(**options)
    asked: list[int] = []

    def progress(total: int):
        asked.append(total)
        raise AssertionError("nothing was left to run")

    again = compare(progress=progress, **options)
    assert asked == []
    assert measured(again.frame).equals(measured(first.frame))
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        keys = [key for (key,) in connection.execute("select key from outcomes order by key")]
        connection.execute("delete from outcomes where key = ?", keys[:1])
    resumed = compare(**options)
    assert measured(resumed.frame).equals(measured(first.frame))
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        assert [key for (key,) in connection.execute("select key from outcomes order by key")] == keys
    fresh = compare(**options, resume=False)
    assert measured(fresh.frame).equals(measured(first.frame))


def test_the_command_prints_json(tmp_path: Path) -> None:
    options = ["--task", "embedding", "--losses", "triplet,cos_face", "--seeds", "2", "--epochs", "1", "--json"]
    command = ["-m", "perdita", "compare", "digits", *options, "--dimension", "8", "--workers", "1"]
    done = python(*command, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["task"] == "embedding"
    assert {row["loss"] for row in shown["rows"]} == {"contrastive", "triplet", "cos_face"}
    assert set(shown["rows"][0]["metrics"]) == {"map_at_r", "recall_at_1", "r_precision", "nmi", "tar_at_far_1"}


def test_few_classes_end_the_command_with_one_line(tmp_path: Path) -> None:
    done = python("-m", "perdita", "compare", "iris", "--task", "embedding", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "needs at least 6 classes" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_loss_that_fits_trains_and_no_card_is_named(tmp_path: Path) -> None:
    result = compare(**{**QUICK, "losses": "all", "epochs": 1, "batch_size": 24, "out": tmp_path})
    fitting = {c.name for c in cards() if fits(c, "embedding")}
    assert {row.loss for row in result.rows} == fitting
    assert len(fitting) > 20
    assert [row.loss for row in result.rows if row.failed] == []
    others = {"info_nce", "cosine_embedding", "triplet_margin", "center", "hinge_embedding", "cross_entropy"}
    assert not fitting & others


def test_few_and_imbalance_tuning_and_folds(tmp_path: Path) -> None:
    options = {**QUICK, "losses": "contrastive,arc_face", "out": tmp_path}
    result = compare(**{**options, "stress": "few=5,imbalance=10,outliers=0.1", "folds": 2})
    assert {(run.condition, run.fold) for run in result.runs} == {
        (condition, fold) for condition in ("few=5", "imbalance=10", "outliers=0.1") for fold in range(2)
    }
    assert all(row.failed == 0 for row in result.rows)
    tuned = compare(**{**options, "tune": 2})
    assert set(tuned.facts["learning_rates"]) == {"contrastive", "arc_face"}
    assert tuned.facts["losses"]["arc_face"]["classes"] == 5


def test_files_and_columns_that_are_constant_in_some_classes(tmp_path: Path) -> None:
    digits = load_digits()
    frame = pl.DataFrame(digits.data, schema=[f"p{index}" for index in range(64)])
    frame.with_columns(pl.Series("digit", digits.target).cast(pl.String)).write_csv(tmp_path / "digits.csv")
    named = {"losses": "contrastive,norm_face", "seeds": 3, "epochs": 1, "out": tmp_path}
    result = compare(**{**QUICK, **named, "data": str(tmp_path / "digits.csv"), "target": "digit"})
    assert all(row.failed == 0 for row in result.rows)
    np.savez(tmp_path / "digits.npz", x=digits.images, y=digits.target)
    result = compare(**{**QUICK, **named, "data": str(tmp_path / "digits.npz"), "model": "cnn"})
    assert all(row.failed == 0 for row in result.rows)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    digits = load_digits()
    for index in range(120):
        folder = tmp_path / "pictures" / f"digit {digits.target[index]}"
        folder.mkdir(parents=True, exist_ok=True)
        image.fromarray((digits.images[index] * 15).astype("uint8")).save(folder / f"{index}.png")
    result = compare(**{**QUICK, "data": str(tmp_path / "pictures"), "losses": "contrastive", "out": tmp_path / "out"})
    assert result.rows[0].failed == 0


class Normed(nn.Module):
    """A model that the engine trains alone: batch norm keeps a state."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, outputs)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.body(features)


def test_the_users_own_model_gives_embeddings_of_the_dimension(tmp_path: Path) -> None:
    made: list[int] = []

    def factory(shape: tuple[int, ...], outputs: int) -> nn.Module:
        made.append(outputs)
        return Normed(shape, outputs)

    result = compare(factory, out=tmp_path, dimension=12, **{**QUICK, "losses": "contrastive,arc_face"})
    assert set(made) == {12}
    assert all(row.failed == 0 for row in result.rows)


SIZES = {"classes": 5, "dimension": 32}


def test_arms_get_the_sizes_that_they_ask_for(tmp_path: Path) -> None:
    (arc,) = resolve("arc_face", "embedding", sizes=SIZES)
    assert arc.label == "arc_face"
    assert arc.build().class_vectors.shape == (5, 32)
    (own,) = resolve([{"loss": "arc_face", "margin": 0.2}], "embedding", sizes=SIZES)
    assert own.label == "arc_face(margin=0.2)"
    terms = {"terms": {"pairs": "contrastive", "angles": {"criterion": "cos_face", "weight": 0.1}}}
    whole = {"sum": [{"name": "norm", "weight": 1.0, "criterion": {"loss": "norm_face"}}]}
    both = resolve({"both": terms, "whole": whole}, "embedding", sizes=SIZES)
    assert [spec.label for spec in both] == ["both", "whole"]
    result = compare(**{**QUICK, "losses": {"both": terms, "whole": whole}, "out": tmp_path})
    assert all(row.failed == 0 for row in result.rows)


def test_what_fits_is_read_from_the_card() -> None:
    assert fits(card("learned_boundary_margin"), "embedding")
    assert not fits(card("contrastive"), "multiclass")
    assert not fits(card("proto_triplet"), "embedding")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"losses": "cross_entropy"}, "cross_entropy is a loss for the task multiclass"),
        ({"losses": "info_nce"}, "info_nce asks for first, second; a comparison has embeddings"),
        ({"losses": [perdita.ArcFace(classes=9, dimension=32)]}, "arc_face has classes=9, but this comparison has 5"),
        ({"data": "wine"}, "needs at least 6 classes"),
        ({"folds": 6}, "from 2 to 5 folds fit"),
        ({"batch_size": 3}, "batch_size must be at least 4"),
        ({"dimension": 0}, "dimension must be > 0"),
        ({"task": "multiclass", "dimension": 8, "losses": "focal"}, "dimension is of embeddings"),
        ({"stress": "few=1"}, "few must be at least 2"),
        ({"metric": "accuracy"}, "the task embedding has map_at_r"),
        ({"data": "linnerud"}, "3 columns, which is a regression, not embedding"),
    ],
)
def test_bad_options_are_named(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(perdita.InputError, match=message):
        compare(**{**QUICK, "out": tmp_path, **options})

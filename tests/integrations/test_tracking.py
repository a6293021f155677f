"""A comparison that was logged is read back from TensorBoard's event files and from MLflow's database."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import perdita
from perdita.integrations.tracking import courses, figures, log_mlflow, log_tensorboard

EPOCHS = 3


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    return perdita.compare(
        "mlp", "iris", ["cross_entropy", {"loss": "focal", "gamma": 3.0}, "squentropy"], seeds=2, epochs=EPOCHS,
        stress="clean,noise=0.3", workers=1, out=tmp_path_factory.mktemp("comparison"),
    )  # fmt: skip


def test_curves_are_means_over_the_runs(comparison):
    row = comparison.rows[0]
    runs = [run for run in comparison.runs if (run.loss, run.condition) == (row.loss, row.condition)]
    found = courses(comparison, row)
    assert found["training_loss"] == [
        pytest.approx((runs[0].train_curve[e] + runs[1].train_curve[e]) / 2) for e in range(EPOCHS)
    ]
    assert len(found["validation_accuracy"]) == EPOCHS


def test_tensorboard_reads_it_back(comparison, tmp_path):
    folder = log_tensorboard(comparison, tmp_path / "board")
    rows = {(row.condition, row.loss): row for row in comparison.rows}
    assert len(rows) == 6
    for (condition, loss), row in rows.items():
        events = EventAccumulator(str(folder / condition / loss)).Reload()
        scalars = {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        expected = {f"result/{name}": [value] for name, value in figures(row).items()}
        expected |= {f"course/{name}": values for name, values in courses(comparison, row).items()}
        assert scalars.keys() == expected.keys()
        assert all(scalars[tag] == pytest.approx(values, rel=1e-6) for tag, values in expected.items())
    texts = EventAccumulator(str(folder)).Reload()
    assert "conclusion/text_summary" in texts.Tags()["tensors"]
    shown = texts.Tensors("conclusion/text_summary")[0].tensor_proto.string_val[0].decode()
    assert shown == comparison.conclusion


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")  # SQLAlchemy's, of MLflow's own code
def test_mlflow_reads_it_back(comparison, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MLflow keeps artefacts in the working folder
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    parent = log_mlflow(comparison, experiment="losses", tracking_uri=address)
    client = MlflowClient(tracking_uri=address)
    run = client.get_run(parent)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.note.content"] == comparison.conclusion
    assert run.data.params["dataset"] == comparison.dataset
    assert run.data.params["epochs"] == str(EPOCHS)
    assert {entry.path for entry in client.list_artifacts(parent)} == {"report.html", "runs.parquet"}
    report = Path(client.download_artifacts(parent, "report.html", str(tmp_path)))
    assert report.read_bytes() == comparison.report_path.read_bytes()
    place = client.get_experiment_by_name("losses").experiment_id
    children = client.search_runs([place], f"tags.`mlflow.parentRunId` = '{parent}'")
    found = {(child.data.params["condition"], child.data.params["label"]): child for child in children}
    assert len(found) == 6
    for row in comparison.rows:
        child = found[row.condition, row.loss]
        kept = {name: value for name, value in child.data.metrics.items() if not name.startswith("course/")}
        assert kept == pytest.approx(figures(row))
        for name, values in courses(comparison, row).items():
            history = sorted(client.get_metric_history(child.info.run_id, f"course/{name}"), key=lambda m: m.step)
            assert [metric.value for metric in history] == pytest.approx(values)
    assert '"gamma": 3.0' in found["clean", "focal(gamma=3.0)"].data.params["configuration"]
    again = log_mlflow(comparison, experiment="losses", tracking_uri=address)
    assert again != parent
    assert len(client.search_runs([place])) == 14

"""Every source of data, the inference of the task, and what is said of both."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from perdita.compare.data.table import load, save_arrays
from perdita.compare.spec import DataSpec
from perdita.core.errors import InputError, MissingExtraError

BUNDLED = {
    "digits": (1797, "multiclass", 10),
    "wine": (178, "multiclass", 3),
    "breast_cancer": (569, "binary", 2),
    "diabetes": (442, "regression", 1),
    "iris": (150, "multiclass", 3),
    "linnerud": (20, "regression", 3),
}


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return DataSpec(str(path), "y")


@pytest.fixture(scope="module")
def wine():
    bunch = datasets.load_wine()
    names = pl.Series("y", bunch.target_names[bunch.target].astype(str))
    return pl.DataFrame(bunch.data, schema=bunch.feature_names).with_columns(names)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets(name):
    table = load(DataSpec(name))
    rows, task, outputs = BUNDLED[name]
    assert (table.rows, table.task, table.outputs) == (rows, task, outputs)
    assert len(table.fingerprint) == 16
    assert table.fingerprint == load(DataSpec(name)).fingerprint
    assert table.why_task.startswith(f"Task {task}")
    assert table.summary()["rows"] == rows


def test_digits_are_images_of_their_class():
    table = load(DataSpec("digits"))
    assert table.features.shape == (1797, 8, 8)
    assert table.feature_names == ()
    assert table.class_names == tuple("0123456789")
    np.testing.assert_array_equal(table.target, datasets.load_digits().target)


def test_class_names_are_sorted_and_the_target_follows_them():
    table, bunch = load(DataSpec("breast_cancer")), datasets.load_breast_cancer()
    assert table.class_names == ("benign", "malignant")
    np.testing.assert_array_equal(np.array(table.class_names)[table.target], bunch.target_names[bunch.target])


def test_a_feature_of_a_bundled_set_can_be_the_target():
    table = load(DataSpec("iris", "petal width (cm)"))
    assert table.task == "regression"
    assert "target" in table.feature_names
    np.testing.assert_array_equal(table.target, datasets.load_iris().data[:, 3])
    assert load(DataSpec("linnerud", "Weight")).target.ndim == 1


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_files_hold_the_same_table(wine, tmp_path, ending):
    path = tmp_path / f"wine.{ending}"
    if ending == "parquet":
        wine.write_parquet(path)
    else:
        wine.write_csv(path, separator="," if ending == "csv" else "\t")
    table, bundled = load(DataSpec(str(path), "y")), load(DataSpec("wine"))
    assert table.fingerprint == bundled.fingerprint
    assert table.name == path.name
    np.testing.assert_array_equal(table.target, bundled.target)


def test_semicolons_and_a_byte_order_mark(wine, tmp_path):
    path = tmp_path / "wine.csv"
    path.write_bytes(b"\xef\xbb\xbf" + wine.select("y", pl.all().exclude("y")).write_csv(separator=";").encode())
    assert load(DataSpec(str(path), "y")).fingerprint == load(DataSpec("wine")).fingerprint


def test_several_targets_of_a_file(tmp_path):
    bunch = datasets.load_linnerud()
    columns = [*bunch.feature_names, *bunch.target_names]
    pl.DataFrame(np.hstack([bunch.data, bunch.target]), schema=columns).write_csv(tmp_path / "gym.csv")
    table = load(DataSpec(str(tmp_path / "gym.csv"), "Weight,Waist,Pulse"))
    np.testing.assert_array_equal(table.target, bunch.target)
    assert table.feature_names == tuple(bunch.feature_names)


@pytest.mark.parametrize(("features", "target"), [("x", "y"), ("X", "y"), ("features", "target")])
def test_npz_names(tmp_path, features, target):
    bunch = datasets.load_digits()
    np.savez(tmp_path / "a.npz", **{features: bunch.images, target: bunch.target})
    table = load(DataSpec(str(tmp_path / "a.npz")))
    assert table.fingerprint == load(DataSpec("digits")).fingerprint


def test_npz_with_channels_last_and_a_named_target(tmp_path):
    images = np.arange(4 * 5 * 6 * 3, dtype=np.uint8).reshape(4, 5, 6, 3)
    np.savez(tmp_path / "a.npz", x=images, kind=np.array(["a", "b", "a", "b"]))
    table = load(DataSpec(str(tmp_path / "a.npz"), "kind"))
    np.testing.assert_array_equal(table.features, images.transpose(0, 3, 1, 2))
    assert table.class_names == ("a", "b")
    assert "channels" in table.notes[0]


def test_arrays_in_memory_are_kept_as_a_file(tmp_path):
    bunch = datasets.load_diabetes()
    table = load(DataSpec(str(save_arrays(tmp_path / "new", bunch.data, list(bunch.target)))))
    np.testing.assert_array_equal(table.target, bunch.target)
    np.testing.assert_array_equal(table.features, bunch.data)
    assert table.feature_names[:2] == ("x0", "x1")
    with pytest.raises(InputError, match="array of numbers"):
        save_arrays(tmp_path, [["red"], ["blue"]], [0, 1])


def test_folder_of_pictures(tmp_path):
    from PIL import Image

    bunch = datasets.load_digits()
    for row in range(20):
        folder = tmp_path / "pictures" / f"digit{bunch.target[row]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(bunch.images[row].astype(np.uint8)).save(folder / f"{row:02}.png")
    table = load(DataSpec(str(tmp_path / "pictures")))
    order = np.argsort(bunch.target[:20], kind="stable")
    np.testing.assert_array_equal(table.features, bunch.images[order].astype(np.uint8))
    np.testing.assert_array_equal(table.target, bunch.target[order])
    Image.new("RGB", (90, 50), "red").save(tmp_path / "pictures" / "digit0" / "99.png")
    mixed = load(DataSpec(str(tmp_path / "pictures")))
    assert mixed.features.shape == (21, 3, 32, 32)
    assert any("resized" in note for note in mixed.notes)


def test_hub_rows_by_class_name(monkeypatch, wine):
    bunch = datasets.load_wine()
    columns = {
        **{name: bunch.data[:, i].tolist() for i, name in enumerate(bunch.feature_names)},
        "label": bunch.target.tolist(),
    }
    labels = SimpleNamespace(names=list(bunch.target_names))

    class Stored(dict):
        column_names = tuple(columns)

        @property
        def features(self):
            return dict.fromkeys(bunch.feature_names) | {"label": labels}

    library = ModuleType("datasets")
    asked = []
    library.load_dataset = lambda *args, **options: asked.append((args, options)) or Stored(columns)
    monkeypatch.setitem(sys.modules, "datasets", library)
    table = load(DataSpec("hf:someone/wine:red"))
    assert asked == [(("someone/wine", "red"), {"split": "train"})]
    assert table.class_names == ("class_0", "class_1", "class_2")
    np.testing.assert_array_equal(table.target, bunch.target)
    np.testing.assert_array_equal(table.features.to_numpy(), bunch.data)

    def unreachable(*args, **options):
        raise ConnectionError("no route\nmore")

    library.load_dataset = unreachable
    with pytest.raises(InputError, match=r"^hf:someone/wine cannot be loaded: no route$"):
        load(DataSpec("hf:someone/wine"))


@pytest.mark.parametrize(("library", "source", "extra"), [("datasets", "hf:any", "hf"), ("PIL", "pictures", "compare")])
def test_missing_libraries_name_their_extra(monkeypatch, tmp_path, library, source, extra):
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    (tmp_path / "pictures" / "a" / "1.png").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"perdita\[{extra}\]"):
        load(DataSpec(source))


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        (["b", "a", "b", "a"], "binary", ("a", "b")),
        (["true", "false", "true", "false"], "binary", ("False", "True")),
        (["3", "1", "2", "1", "2", "3"], "multiclass", ("1", "2", "3")),
        (["0.0", "1.0", "1.0", "0.0"], "binary", ("0", "1")),
        (["0.5", "1.0", "1.0", "0.5"], "regression", ()),
        (["1", "2", "3", "3", "2"], "regression", ()),  # 1 occurs once
        ([str(i // 2) for i in range(40)], "multiclass", tuple(map(str, range(20)))),
        ([str(i // 2) for i in range(42)], "regression", ()),  # 21 values
    ],
)
def test_task_inference(tmp_path, values, task, names):
    rows = "".join(f"{(7 * i) % 11}.5,{value}\n" for i, value in enumerate(values))
    table = load(write(tmp_path / "a.csv", "x,y\n" + rows))
    assert (table.task, table.class_names) == (task, names)


def test_task_can_be_asked_for(tmp_path):
    spec = write(tmp_path / "a.csv", "x,y\n1,0\n2,1\n3,0\n4,1\n")
    asked = {task: load(DataSpec(spec.source, "y", task)) for task in ("binary", "multiclass", "regression")}
    assert {task: table.task for task, table in asked.items()} == {task: task for task in asked}
    assert asked["regression"].target.dtype == np.float64
    assert asked["multiclass"].outputs == asked["binary"].outputs == 2
    assert len({table.fingerprint for table in asked.values()}) == 3


def test_what_cannot_help_is_left_out_and_said(tmp_path):
    lines = [
        f"{i},name {i},same,{'' if i % 3 else 'NA'},{i % 7},{'inf' if i == 5 else i / 3},{i % 2}" for i in range(50)
    ]
    table = load(write(tmp_path / "a.csv", "id,who,constant,nothing,seven,third,y\n" + "\n".join(lines)))
    assert table.feature_names == ("seven", "third")
    notes = " ".join(table.notes)
    for said in (
        "the row's number: 'id'",
        "text that differs in most rows: 'who'",
        "constant: 'constant', 'nothing'",
        "1 infinite",
    ):
        assert said in notes


def test_a_class_of_one_row_is_said(tmp_path):
    table = load(write(tmp_path / "a.csv", "x,y\n1,a\n2,a\n3,b\n4,a\n"))
    assert table.notes == ("Classes with a single row, always in the training part: b.",)


def test_content_decides_the_fingerprint(wine, tmp_path):
    wine.write_parquet(tmp_path / "a.parquet")
    before = load(DataSpec(str(tmp_path / "a.parquet"), "y")).fingerprint
    wine.with_columns(pl.col("alcohol").sort()).write_parquet(tmp_path / "a.parquet")
    assert load(DataSpec(str(tmp_path / "a.parquet"), "y")).fingerprint != before

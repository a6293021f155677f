"""Bad input: one clear line that says what came and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets

from perdita.compare.data.table import load
from perdita.compare.spec import DataSpec
from perdita.core.errors import InputError


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return DataSpec(str(path), "y")


def refused(spec):
    with pytest.raises(InputError) as caught:
        load(spec)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def wine(tmp_path):
    """The path of a CSV file of real rows, its classes named in column y."""
    bunch = datasets.load_wine()
    rows = zip(bunch.data, bunch.target_names[bunch.target], strict=True)
    lines = [",".join([*bunch.feature_names, "y"]), *(",".join([*map(str, row), name]) for row, name in rows)]
    return write(tmp_path / "a.csv", "\n".join(lines)).source


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.csv is empty"),
        ("x,y\n", "has no rows"),
        ("x,x,y\n1,2,3\n", "more than one column named 'x'"),
        ("x,yy\n1,2\n", "no column 'y'; did you mean 'yy'?"),
        ("x,target\n1,2\n", "no column 'y'; its columns are x, target"),
        ("y\n1\n2\n", "no column to learn from"),
        ("x,y\n1,2,3\n", "cannot be read as CSV"),
        (b"\xff\xfex,y\n1,2\n", "cannot be read as CSV"),
        ("x,y\n1,red\n2,red\n", "one class only, 'red'"),
        ("x,y\n1,1.5\n2,1.5\n", "1.5 in every row"),
        ("x,y\n1,1.5\n2,\n3,NaN\n", "missing, NaN or infinite in 2 rows, first in data row 2"),
        ("x,y\n1,1.5\n2,2.5\n3,-inf\n", "in 1 row, first in data row 3"),
        ("x,y\n1,a\n2,\n3,a\n", "first in data row 2"),
        ("x,y\n1,1.5\n2,many\n3,2.5\n", "must be numbers, but data row 2 has 'many'"),
        ("x,y\n1,a\n2,b\n3,c\n", "3 different values in 3 rows, which are no classes"),
        ("x,y\n1,2024-01-01\n2,2024-01-02\n", "not Date"),
    ],
)
def test_bad_csv(tmp_path, text, said):
    assert said in refused(write(tmp_path / "a.csv", text))


def test_a_task_that_the_target_does_not_fit(wine):
    assert "data row 1 has 'class_0'" in refused(DataSpec(wine, "y", "regression"))
    assert "binary needs two classes, but target 'y' has 3" in refused(DataSpec(wine, "y", "binary"))
    assert "did you mean 'regression'" in refused(DataSpec(wine, "y", "regresion"))
    assert "3 columns, which is a regression, not binary" in refused(DataSpec("linnerud", None, "binary"))
    assert "no classes; for a quantity the task is regression" in refused(DataSpec(wine, "alcohol", "multiclass"))


def test_a_file_without_a_target_lists_its_columns(wine):
    assert "needs --target, the column to predict; its columns are alcohol, malic_acid" in refused(DataSpec(wine))


def test_pictures(tmp_path):
    assert "has no pictures" in refused(DataSpec(str(tmp_path)))
    (tmp_path / "digit0").mkdir()
    (tmp_path / "digit0" / "98.png").write_text("no picture")
    assert "98.png cannot be read as a picture" in refused(DataSpec(str(tmp_path)))


@pytest.mark.parametrize("ending", ["parquet", "npz"])
@pytest.mark.parametrize("content", [b"junk", b"PK\x03\x04 no archive", b"PAR1 cut"])
def test_broken_binary_files(tmp_path, ending, content):
    assert f"cannot be read as {ending.upper()}" in refused(write(tmp_path / f"a.{ending}", content))


def test_bad_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.eye(3), y=np.array([1, "a", None], dtype=object))
    assert "it holds Python objects" in refused(DataSpec(str(path)))
    np.savez(path, x=np.eye(3), answer=np.arange(3))
    assert "needs --target, the array to predict; it holds x (3, 3), answer (3,)" in refused(DataSpec(str(path)))
    assert "no array 'answr'; did you mean 'answer'?" in refused(DataSpec(str(path), "answr"))
    np.savez(path, x=np.eye(3), y=np.arange(2))
    assert "3 rows of features but 2 of the target" in refused(DataSpec(str(path)))
    np.savez(path, z=np.eye(3), y=np.arange(3))
    assert "needs an array of features" in refused(DataSpec(str(path)))
    np.savez(path, x=np.zeros((6, 0)), y=np.arange(6) % 2)
    assert "must have shape" in refused(DataSpec(str(path)))


def test_no_such_source(tmp_path):
    (tmp_path / "wines.csv").write_text("x,y\n1,2\n")
    assert "wines.csv" in refused(DataSpec(str(tmp_path / "wine.csv"), "y"))
    assert "did you mean 'digits'" in refused(DataSpec("digts"))
    assert "embedded are digits, wine" in refused(DataSpec("zzz"))
    assert "no such file" in refused(DataSpec("/nowhere/at/all.csv"))
    (tmp_path / "a.xlsx").write_text("x")
    assert "files that end in .xlsx are not supported" in refused(DataSpec(str(tmp_path / "a.xlsx")))

"""Logs as loggers, boards and spreadsheets write them, and files that are none."""

from __future__ import annotations

import pytest

from perdita.core.errors import InputError
from perdita.judge.log_file import read_log


def read(folder, content, **given):
    path = folder / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {name: (own.steps.tolist(), own.values.tolist()) for name, own in read_log(path, **given).items()}


WRITTEN = {
    "TensorBoard": (
        "Wall time,Step,Value\n1.5,10,2\n2.5,20,1\n", {"Wall time": ([10, 20], [1.5, 2.5]), "Value": ([10, 20], [2, 1])}
    ),
    "spreadsheet": ("\ufeffstep;loss\r\n1;0,5\r\n2;0,25\r\n", {"loss": ([1, 2], [0.5, 0.25])}),
    "tabs": ("loss\tepoch\n3\t1\n2\t2\n", {"loss": ([1, 2], [3, 2])}),
    "text between": ("step,note,loss\n1,start,3\n2,,\n3,,nan\n", {"loss": ([1, 3], [3, float("nan")])}),
    "killed while it wrote": ("step,loss\n1,3\n2,2\n3", {"loss": ([1, 2], [3, 2])}),
    "blank lines": ("step,loss\n1,3\n\n2,2\n\n", {"loss": ([1, 2], [3, 2])}),
    "out of order": ("step,loss\n3,1\n1,3\n2,2\n2,4\n", {"loss": ([1, 2, 2, 3], [3, 2, 4, 1])}),
    "a step that is lost": ("step,loss\n1,3\nnan,9\n,9\n2,2\n", {"loss": ([1, 2], [3, 2])}),
    "no steps": ("loss\n3\n2\n", {"loss": ([0, 1], [3, 2])}),
}  # fmt: skip


@pytest.mark.parametrize("which", WRITTEN)
def test_a_log_is_read_whoever_wrote_it(which, tmp_path):
    text, expected = WRITTEN[which]
    assert str(read(tmp_path, text)) == str({name: tuple(map(floats, own)) for name, own in expected.items()})


def floats(values):
    return [float(value) for value in values]


REFUSED = {
    "": "must have a line of names and lines of numbers",
    "step,loss\n": "must have a line of names and lines of numbers",
    "step,loss\n1,2\n3\n4,5\n": "line 3 has 1 cells, but there are 2 names",
    "step,loss\n1,2,3\n": "line 2 has 3 cells",
    "step,loss,loss\n1,2,3\n": "two columns called 'loss'; rename one of them",
    "step,loss\n1,tensor(0.5)\n": r"no column of numbers beside its steps: loss has 'tensor\(0.5\)'",
    "step\n1\n": "no column of numbers beside its steps: there is none at all",
    b"\xff\xfes\x00": "no CSV file: it is no text in UTF-8",
}


@pytest.mark.parametrize("content", REFUSED, ids=repr)
def test_a_file_that_is_no_log_is_refused_in_words(content, tmp_path):
    with pytest.raises(InputError, match=REFUSED[content]):
        read(tmp_path, content)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder; name the CSV file"):
        read_log(tmp_path)

"""``perdita check``: any loss from the command line, its exit code, and a training's log."""

import csv
import json
import math
import random
from xml.etree import ElementTree

from perdita.cli.checking import FORMS
from perdita.testing import forms

MINE = """
import torch
import perdita

@perdita.loss(task="regression")
def registered(prediction: Float[Tensor, "n"], target: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    '''Squared error.'''
    return (prediction - target).square()

def careless(logits, target):
    odds = logits.exp()
    return -(odds / odds.sum(1, keepdim=True))[torch.arange(len(target)), target].log().mean()

class Scaled(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
    def forward(self, logits, target):
        return self.factor * torch.nn.functional.cross_entropy(logits, target)

def draw(generator, n, dtype):
    return {"prediction": torch.ones(n, dtype=dtype), "target": torch.zeros(n, dtype=dtype)}
"""


def test_losses_of_every_kind(run):
    (run.folder / "mine.py").write_text("from __future__ import annotations\n" + MINE)
    torchs, squared, careless, own, scaled, drawn = run.each(
        ["check", "torch.nn:CrossEntropyLoss", "--json"],
        ["check", "squentropy", "--checks", "gradcheck,reductions"],
        ["check", "mine:careless", "--checks", "gradcheck,extreme_inputs,config", "--junit", "found.xml"],
        ["check", "mine:registered", "--checks", "gradcheck,rejects_missing"],
        ["check", "mine:Scaled", "--arguments", '{"factor": 2.0}', "--task", "multiclass", "--checks", "gradcheck"],
        ["check", "mine:registered", "--sampler", "mine:draw", "--checks", "gradcheck", "--json"],
    )
    assert torchs[::2] == (1, "")
    found = json.loads(torchs[1])
    failed = [one["check"] for one in found["findings"] if one["verdict"] == "fail"]
    assert failed == ["long_batch", "empty", "all_masked"]
    assert found["traits"]["proper"] is True
    assert found["price"]["peer_kept_bytes"] > 0
    assert squared[::2] == own[::2] == scaled[::2] == drawn[::2] == (0, "")
    assert "2 checks, 0 failed, 0 not applicable" in squared[1]
    assert "regression: prediction" in own[1]
    assert "no perdita loss; taken as multiclass" in scaled[1]
    assert careless[::2] == (1, "")
    for part in ("extreme_inputs fails", "input: input=[[10000.0, 10000.0]], target=[0]", "do: Use log_softmax",
                 "3 checks, 1 failed, 1 not applicable"):  # fmt: skip
        assert part in careless[1]
    assert ElementTree.parse(run.folder / "found.xml").getroot().get("failures") == "1"


def test_bad_input_is_one_line_and_exit_code_2(run):
    bad = {
        ("check",): "give a loss, or --training",
        ("check", "focal", "--training", "log.csv"): "give a loss, or --training",
        ("check", "focl"): "unknown loss 'focl'; did you mean 'focal'",
        ("check", "torch.nn:CrossEntropyLos"): "did you mean 'CrossEntropyLoss'",
        ("check", "no_such:loss"): "no_such cannot be imported",
        ("check", ":loss"): "give a loss as module:name, not ':loss'",
        ("check", "torch.nn:"): "give a loss as module:name, not 'torch.nn:'",
        (
            "check",
            "torch.nn.MSELoss",
        ): "no loss of perdita is called 'torch.nn.MSELoss'; one of a module of yours, or of a",
        ("check", "broken:loss"): "broken cannot be imported: SyntaxError: invalid syntax (broken.py, line 1)",
        ("check", "raises:loss"): "raises cannot be imported: ZeroDivisionError: division by zero (raises.py:2)",
        ("check", "raises.py:loss"): "raises.py is a file; name its module, as raises:loss",
        ("check", "./raises.py:loss"): "./raises.py is a file; name its module, as raises:loss",
        (
            "check",
            "torch.nn:MSELoss",
            "--sampler",
            "torch:zeros",
        ): "must be a function of (generator, n, dtype) that gives",
        ("check", "focal", "--task", "binary"): "task is of a loss that is not perdita's; focal takes its own",
        ("check", "focal", "--arguments", '{"gama": 1}'): "focal has no argument 'gama'; did you mean 'gamma'",
        ("check", "focal", "--checks", "gradcheck", "--junit", "no/such.xml"): "no/such.xml: No such file or directory",
        ("check", "torch.nn:NLLLoss", "--task", "multclass"): "did you mean 'multiclass'",
        ("check", "torch.nn:NLLLoss", "--arguments", "{"): "arguments must be JSON",
        ("check", "torch.nn:NLLLoss", "--arguments", "[1]"): "arguments must be a JSON object",
        ("check", "focal", "--checks", "gradchek"): "unknown check 'gradchek'; did you mean 'gradcheck'",
        ("check", "torch.nn:Linear"): 'give its arguments: {"in_features": …, "out_features": …}',
        ("check", "--training", "missing.csv"): "no such file: missing.csv",
        ("check", "--training", "."): ". is a folder; name the CSV file of the log",
        ("check", "--training", "log.csv", "--junit", "x.xml"): "--junit is of a loss, and not of a log",
        ("check", "focal", "--step", "epoch"): "--step is of a log: give --training",
    }
    (run.folder / "broken.py").write_text("def x(:\n")
    (run.folder / "raises.py").write_text("\n1 / 0\n")
    for (command, message), (code, out, err) in zip(bad.items(), run.each(*bad), strict=True):
        assert (code, out) == (2, ""), command
        assert err.count("\n") == 1
        assert message in err, command


def test_the_help_names_every_form_of_input():
    assert FORMS.replace(" or ", ", ").split(", ") == list(forms.FORMS)


def _log(path, spoiled):
    noise = random.Random(0)
    with path.open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["step", "train_loss"])
        for step in range(400):
            lines.writerow([step, math.exp(-step / 100) + 0.01 * noise.random() + 9.0 * (spoiled and step == 200)])


def test_the_log_of_a_training(run):
    _log(run.folder / "spiked.csv", spoiled=True)
    _log(run.folder / "calm.csv", spoiled=False)
    (run.folder / "brief.csv").write_text("step,loss\n1,2\n2,1\n")
    spiked, as_json, calm, none, brief = run.each(
        ["check", "--training", "spiked.csv"],
        ["check", "--training", "spiked.csv", "--json", "--step", "step", "--columns", "train_loss"],
        ["check", "--training", "calm.csv"],
        ["check", "--training", "calm.csv", "--json"],
        ["check", "--training", "brief.csv"],
    )
    assert spiked[::2] == as_json[::2] == (1, "")
    assert "train_loss jumps from about" in " ".join(spiked[1].split())
    (finding,) = json.loads(as_json[1])
    assert (finding["kind"], finding["first_step"], finding["last_step"]) == ("spike", 200.0, 200.0)
    assert calm == (0, "nothing found in calm.csv\n", "")
    assert none == (0, "[]\n", "")
    assert brief[::2] == (0, "")
    first, second = brief[1].splitlines()
    assert first == "nothing found in brief.csv"
    assert second == "loss has 2 values; in fewer than 40 only NaN and infinite ones are looked for"

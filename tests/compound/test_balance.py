"""The balance report, configurations of compounds, and schedules by themselves."""

import json

import pytest
import torch

import perdita
from perdita.compound import BalanceRecorder, Compound, Cosine, Stepwise, Term, WarmUp, build, gramian
from perdita.compound.schedules import build_schedule, schedule_config
from perdita.core import InputError


def opposed(steps=6, every=2):
    """Two terms that pull one number to 1 and to -1: they conflict while it is between them."""
    place = torch.nn.Parameter(torch.tensor([2.0]))
    compound = Compound(up=Term(perdita.Mse(), batch="up"), down=Term(perdita.Mse(), batch="down", weight=0.5))
    optimizer = torch.optim.SGD([place], lr=0.4)
    recorder = BalanceRecorder(list(compound.terms), every=every)
    batch = {"up": torch.tensor([1.0]), "down": torch.tensor([-1.0])}
    places = []
    for _ in range(steps):
        scored = compound.score(place, batch)
        gram = gramian(scored.losses, [place]) if recorder.due(compound.position) else None
        places.append(place.item())
        optimizer.zero_grad()
        scored.total.backward()
        optimizer.step()
        recorder(compound.step(scored), gram)
    return recorder.report(), places


def test_the_report_holds_what_happened():
    report, places = opposed(every=1)
    assert report["steps"] == [1, 2, 3, 4, 5, 6]
    assert report["loss"]["up"] == pytest.approx([(x - 1) ** 2 for x in places], rel=1e-5)
    assert report["weight"] == {"up": [1.0] * 6, "down": [0.5] * 6}
    assert report["gradient_norm"]["down"] == pytest.approx([2 * abs(x + 1) for x in places], rel=1e-5)
    pull = [(abs(x - 1), 0.5 * abs(x + 1)) for x in places]
    assert report["gradient_share"]["up"] == pytest.approx([up / (up + down) for up, down in pull], rel=1e-5)
    signs = [1.0 if abs(x) > 1 else -1.0 for x in places]
    assert report["cosine"] == {"up, down": pytest.approx(signs, rel=1e-5)}
    assert 0 < signs.count(-1.0) < 6
    assert report["conflict_rate"] == {"up, down": signs.count(-1.0) / 6}


def test_only_due_steps_are_recorded_and_all_is_plain():
    report, places = opposed(every=2)
    assert report["steps"] == [1, 3, 5]
    assert report["loss"]["up"] == pytest.approx([(x - 1) ** 2 for x in places[::2]], rel=1e-5)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_without_gradients_there_are_none():
    x = torch.zeros(3)
    compound = Compound(a=perdita.Mse(), b=perdita.L1())
    recorder = BalanceRecorder(["a", "b"])
    recorder(compound.step(compound.score(x, x)))
    recorder(compound.step(compound.score(x, x, absent=["b"])))
    report = recorder.report()
    assert report["loss"] == {"a": [0.0, 0.0], "b": [0.0, None]}
    assert report["gradient_norm"]["a"] == [None, None]
    assert report["conflict_rate"] == {"a, b": None}
    with pytest.raises(InputError, match="2 terms"):
        recorder(compound.step(compound.score(x, x)), torch.eye(3))
    with pytest.raises(InputError, match="every at least 1"):
        BalanceRecorder(["a"], every=0)


YAML = """
overlap:
  terms:
    square: squentropy
    ce: {loss: cross_entropy, label_smoothing: 0.1}
    soft:
      criterion: {sum: [{name: focal, criterion: focal}, {name: ce, weight: 0.5, criterion: cross_entropy}]}
      weight: 0.5
      schedule: {shape: warm_up, until: 0.25}
  weights: {method: igb_v1}
scenes:
  terms:
    kind: {criterion: cross_entropy, outputs: kind, batch: {target: kind, mask: known}}
    depth: {criterion: l1, outputs: depth, batch: depth}
    size: {criterion: mse, outputs: size, batch: size}
  weights: {method: uncertainty, kinds: {size: laplace}}
"""


def test_a_file_of_compounds():
    import yaml

    configs = yaml.safe_load(YAML)
    overlap = build(configs["overlap"], steps=40, steps_per_epoch=10)
    assert (overlap.steps, overlap.weighting.options["steps_per_epoch"]) == (40, 10)
    assert overlap.scales.tolist() == [1.0, 1.0, 0.0]
    scored = overlap.score(torch.randn(5, 3), torch.randint(3, (5,)))
    assert list(scored.parts) == ["square", "ce", "soft", "soft.focal", "soft.ce"]
    again = build(json.loads(json.dumps(overlap.to_config())))
    assert again.to_config() == overlap.to_config()
    scenes = build(configs["scenes"])
    assert scenes.weighting.options["kinds"] == ["classification", "laplace", "laplace"]
    assert isinstance(build("focal"), perdita.Focal)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"terms": {"a": "focal"}, "weigths": "equal"}, "a compound has no 'weigths'; did you mean 'weights'"),
        ({"terms": {"a": {"criterion": "focal", "output": "x"}}}, "a term has no 'output'; did you mean 'outputs'"),
        ({"terms": {"a": {"weight": 2}}}, "a term must have a criterion, but has weight"),
        ({"terms": {"a": "fokal"}}, "unknown loss 'fokal'; did you mean 'focal'"),
        ({"terms": {"a": 3}}, "a term must be a name or a mapping, not 3"),
        ({"terms": ["focal"]}, "terms must map names to terms"),
        ({"terms": {"a": "focal"}, "weights": {"method": "igb_v1"}}, "either base_losses or steps_per_epoch"),
        ({"terms": {"a": "focal"}, "weights": {"method": "dynamic_average"}}, "dynamic_average: .*steps_per_epoch"),
    ],
)
def test_configurations_that_are_wrong(config, message):
    with pytest.raises(InputError, match=message):
        build(config)


@pytest.mark.parametrize("schedule", [WarmUp(0.2, 0.1), Cosine(0.5, 2.0), Stepwise({0.5: 0.1, 0.2: 3.0})])
def test_schedules_round_trip(schedule):
    config = json.loads(json.dumps(schedule_config(schedule)))
    assert build_schedule(config) == schedule


def test_a_function_is_a_schedule_without_a_name():
    assert build_schedule(abs) is abs
    with pytest.raises(InputError, match="no name in a configuration"):
        schedule_config(abs)
    with pytest.raises(InputError, match="shares of the training"):
        Stepwise({1.5: 0.0})

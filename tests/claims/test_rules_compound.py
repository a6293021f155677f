"""The rules of the claims about weights among losses, and the settings that they share."""

import pytest
import torch

import perdita
from perdita.claims import scenes
from perdita.claims.compound import igb, uncertainty_weighting
from perdita.claims.harness import Evidence
from perdita.claims.multitask import Apart, digit_network, digit_tasks, fit, fit_together, stacked, started
from perdita.compare.spec import Training
from perdita.compound import Compound, Term, UncertaintyWeighting
from perdita.compound.weighting import build_weighting


def evidence(effect, n, **details):
    return Evidence(effect, (effect - 0.01, effect + 0.01), 0.5, 0.5 + effect, n, details)


@pytest.mark.parametrize(
    ("effect", "found", "change", "n", "verdict"),
    [
        (-0.1, 5, 0.02, 5, "holds"),
        (0.0, 5, -0.02, 5, "holds"),
        (-0.1, 5, -0.021, 5, "inconclusive"),
        (-0.1, 4, 0.0, 5, "inconclusive"),
        (-0.1, 2, 0.0, 5, "does not hold"),
        (0.001, 5, 0.0, 5, "does not hold"),
        (float("nan"), 5, 0.0, 5, "inconclusive"),
        (0.1, 0, 0.0, 4, "inconclusive"),
    ],
)
def test_the_rule_of_uncertainty_weighting(effect, found, change, n, verdict):
    assert uncertainty_weighting.verdict(evidence(effect, n, found=found, change=change)) == verdict


@pytest.mark.parametrize(
    ("effect", "error", "n", "verdict"),
    [
        (0.1, 0.01, 5, "holds"),
        (-0.01, 0.01, 5, "holds"),
        (-0.015, 0.01, 5, "inconclusive"),
        (-0.021, 0.01, 5, "does not hold"),
        (0.1, 0.01, 4, "inconclusive"),
        (float("nan"), 0.01, 5, "inconclusive"),
    ],
)
def test_the_rule_of_igb(effect, error, n, verdict):
    assert igb.verdict(evidence(effect, n, standard_error=error)) == verdict


def test_scenes_are_what_they_say():
    shown = scenes.render(200, noise=0.0, generator=torch.Generator().manual_seed(0))
    assert shown.image.shape == (200, 3, 24, 24)
    assert ((shown.image >= 0) & (shown.image <= 1)).all()
    assert set(shown.kind.unique().tolist()) == set(range(len(scenes.CLASSES)))
    ground = shown.kind == 0
    recedes = shown.depth.masked_fill(~ground, torch.nan).nanmean((0, 2)).diff()
    assert (recedes < 0).all()  # from the upper edge down it comes nearer
    levels = torch.linspace(0, 1, 25)[:-1] + 1 / 48
    bare = (scenes.FAR - (scenes.FAR - scenes.NEAR) * levels).view(1, -1, 1).expand_as(shown.depth)
    torch.testing.assert_close(shown.depth[ground], bare[ground])
    assert (shown.depth[~ground] < bare[~ground]).all()  # an object is seen only before the ground
    again = scenes.render(200, noise=0.0, generator=torch.Generator().manual_seed(0))
    assert torch.equal(shown.image, again.image)


def test_the_tasks_of_digits():
    tasks = digit_tasks(0)
    assert (len(tasks.train["x"]), len(tasks.test["x"])) == (600, 400)
    image = tasks.train["x"][0].view(8, 8)
    assert tasks.train["intensity"][0].item() == pytest.approx(30 * image.mean().item(), rel=1e-5)
    assert tasks.train["contrast"][0].item() == pytest.approx((image[:4].mean() - image[4:].mean()).item(), abs=1e-6)
    assert not torch.equal(tasks.train["kind"], digit_tasks(1).train["kind"])


def test_seeds_that_learn_together_learn_as_each_alone():
    training = Training(epochs=2, batch_size=100, optimizer="adam", learning_rate=3e-3, weight_decay=0.0)
    seeds, kinds = [3, 7], ["classification", "regression", "regression"]
    tasks = [digit_tasks(seed).train for seed in seeds]
    together = [started(digit_network, seed, "cpu") for seed in seeds]
    error = uncertainty_weighting.squared_error(2.0)
    terms = {"kind": uncertainty_weighting._cross_entropy, "intensity": error, "contrast": error}
    weighting = UncertaintyWeighting(6, kinds=[kind for kind in kinds for _ in seeds])
    fit_together(together, terms, weighting, stacked(tasks, "cpu"), training, seeds)
    for place, (seed, data) in enumerate(zip(seeds, tasks, strict=True)):
        alone = started(digit_network, seed, "cpu")
        squared = {name: Term(_Scaled(perdita.Mse(), 4.0), name, name) for name in ("intensity", "contrast")}
        entropy = {"kind": Term(perdita.CrossEntropy(), "kind", "kind")}
        compound = Compound(entropy | squared, weights=UncertaintyWeighting(3, kinds=kinds))
        fit(alone, compound, data, training, seed)
        for name, value in together[place].state_dict().items():
            torch.testing.assert_close(value, alone.state_dict()[name], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(
            weighting.log_vars.view(3, 2)[:, place], compound.weighting.log_vars, rtol=1e-3, atol=1e-4
        )


def test_weightings_kept_apart_see_their_own_seed_alone():
    training = Training(epochs=3, batch_size=300, optimizer="adam", learning_rate=3e-3, weight_decay=0.0)
    seeds, tasks = [3, 7], {seed: digit_tasks(seed) for seed in (3, 7)}
    names = ("kind", "intensity", "contrast")
    for options in ({"method": "igb_v1", "steps_per_epoch": 2, "base_epoch": 0}, {"method": "random", "seed": 5}):
        apart = Apart([build_weighting(terms=3, **options) for _ in seeds])
        models = [started(digit_network, seed, "cpu") for seed in seeds]
        data = stacked([tasks[seed].train for seed in seeds], "cpu")
        fit_together(models, {name: igb.LOSSES[name] for name in names}, apart, data, training, seeds)
        for place, seed in enumerate(seeds):
            alone = started(digit_network, seed, "cpu")
            criteria = {"kind": perdita.CrossEntropy(), "intensity": perdita.Mse(), "contrast": perdita.Mse()}
            compound = Compound({name: Term(criteria[name], name, name) for name in names}, weights=options)
            fit(alone, compound, tasks[seed].train, training, seed)
            for name, value in models[place].state_dict().items():
                torch.testing.assert_close(value, alone.state_dict()[name], rtol=1e-3, atol=1e-4)
            assert apart.each[place].steps == compound.weighting.steps == 6


class _Scaled(torch.nn.Module):
    def __init__(self, criterion, weight):
        super().__init__()
        self.criterion, self.weight = criterion, weight

    def forward(self, outputs, target):
        return self.weight * self.criterion(outputs, target)

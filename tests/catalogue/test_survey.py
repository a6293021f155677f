"""The survey's checklist: what it names exists, and does what the item says where a number can show it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import perdita
from perdita.catalogue.survey import KINDS, SURVEY, checklist, resolve

SERVED = sorted({name for item in SURVEY for name in item.served})


@pytest.mark.parametrize("name", SERVED)
def test_what_serves_an_item_exists(name: str) -> None:
    assert callable(resolve(name))


def test_a_name_that_serves_nothing_is_seen() -> None:
    with pytest.raises(perdita.InputError, match="squentropie"):
        resolve("squentropie")
    with pytest.raises(AttributeError):
        resolve("sklearn.metrics.no_such_score")
    with pytest.raises(ImportError):
        resolve("no_such_library.metric")


def test_items_are_whole_and_stand_once() -> None:
    keys = [(item.task, item.kind, item.name) for item in SURVEY]
    assert len(set(keys)) == len(keys)
    assert all(item.served and item.kind in KINDS for item in SURVEY)
    tasks = {item.task for item in SURVEY}
    assert (
        {item.task for item in checklist(kind="loss")}
        == {item.task for item in checklist(kind="metric")} | {"metric learning"}
        == tasks
    )


def test_every_loss_that_needs_no_trained_model_is_served_by_a_loss() -> None:
    """A metric may be another library's; a loss is the catalogue's."""
    elsewhere = {item.name for item in checklist(kind="loss") if any("." in name for name in item.served)}
    assert elsewhere == set()


def test_what_a_paper_row_shows() -> None:
    assert perdita.core.catalogue.components()["survey_checklist"] == "loss-metric-survey"


CONVEX = ("mse", "l1", "huber", "log_cosh", "binary_hinge", "binary_cross_entropy")


@pytest.mark.parametrize("name", CONVEX)
def test_the_survey_calls_them_convex_and_so_do_their_cards(name: str) -> None:
    assert perdita.card(name).traits.convex


def test_rates_that_are_one_minus_another() -> None:
    """False discovery is one minus precision, and the false positive rate is on the curve of two thresholds."""
    truth, said = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    assert 1 - resolve("sklearn.metrics.precision_score")(truth, said) == pytest.approx(1 / 3)
    assert resolve("sklearn.metrics.roc_curve")(truth, said)[0][1] == pytest.approx(1 / 2)
    assert 1 - resolve("torchmetrics.Specificity")(task="binary")(torch.tensor(said), torch.tensor(truth)) == 0.5


def test_adversarial_losses_are_cross_entropy_with_constant_targets() -> None:
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    loss = resolve("binary_cross_entropy")
    discriminator = loss(real, torch.ones(1)) + loss(fake, torch.zeros(1))
    assert discriminator.item() == pytest.approx(-(real.sigmoid().log() + (1 - fake.sigmoid()).log()).item())
    assert loss(fake, torch.ones(1)).item() == pytest.approx(-fake.sigmoid().log().item())  # non-saturating

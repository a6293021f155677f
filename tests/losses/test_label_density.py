"""Densities against SciPy's, and the shapes of importance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde

from perdita import InputError
from perdita.losses.imbalance import label_density as density_module
from perdita.losses.imbalance.label_density import SHAPES, density_importance, label_density

TARGET = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64).exp()


@pytest.mark.parametrize("bandwidth", [0.07, 0.5, 1.5])
def test_the_density_is_that_of_scipy(bandwidth):
    expected = gaussian_kde(TARGET.numpy(), bw_method=bandwidth)(TARGET.numpy())
    np.testing.assert_allclose(label_density(TARGET, bandwidth=bandwidth).numpy(), expected, rtol=1e-10)


def test_the_grid_agrees_with_all_pairs(monkeypatch):
    expected = label_density(TARGET, bandwidth=0.2)
    monkeypatch.setattr(density_module, "EXACT", 10)
    torch.testing.assert_close(label_density(TARGET, bandwidth=0.2), expected, rtol=2e-4, atol=1e-6)


def test_the_tail_is_flat():
    plain, found = label_density(TARGET), label_density(TARGET, tail_threshold=3.0)
    tail = TARGET >= 3.0
    assert (found[tail] == plain[tail].min()).all()
    assert torch.equal(found[~tail], plain[~tail])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_importance_falls_with_density_and_has_a_mean_of_one(shape, alpha):
    density = label_density(TARGET, bandwidth=0.3)
    weights = density_importance(density, shape=shape, alpha=alpha)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights[density.argsort()].diff() <= 1e-12).all()


def test_the_involution_undoes_itself():
    x = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    for alpha in (0.6, 1.0, 2.0):
        once = (1 - x**alpha) ** (1 / alpha)
        density = torch.cat([x, torch.tensor([1 - 1e-3 + 0.0], dtype=torch.float64)])  # largest + 0.001 is 1
        weights = density_importance(density, alpha=alpha)
        torch.testing.assert_close(weights[:-1] / weights[0], once / once[0])
        torch.testing.assert_close((1 - once**alpha) ** (1 / alpha), x)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="two different"):
        label_density(torch.ones(3))
    with pytest.raises(InputError, match="two different"):
        label_density(torch.ones(1))
    for given in (torch.arange(5), torch.rand(5, 2)):
        with pytest.raises(InputError, match=r"shape \(n,\)"):
            label_density(given)
    with pytest.raises(InputError, match="bandwidth"):
        label_density(TARGET, bandwidth=0.0)
    with pytest.raises(InputError, match="shape"):
        density_importance(TARGET, shape="square")
    with pytest.raises(InputError, match="alpha"):
        density_importance(TARGET, alpha=0.0)

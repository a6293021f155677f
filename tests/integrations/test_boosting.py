"""Losses as objectives of the real libraries: on their own objectives' losses they grow the same trees."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
import torch
import xgboost

import perdita
from perdita.core import InputError
from perdita.integrations.boosting import first_and_second, lightgbm_objective, objective, xgboost_objective

LIGHT = {"verbosity": -1, "num_threads": 1, "num_leaves": 7, "learning_rate": 0.3, "deterministic": True}
EXTREME = {"nthread": 1, "max_depth": 3, "eta": 0.3, "base_score": 0.0, "tree_method": "hist"}
ROUNDS = 15


def rows(classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, targets (classes, or numbers for 0 classes) and weights."""
    rng = np.random.default_rng(classes)
    X = rng.normal(size=(400, 5))
    score = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=400)
    y = np.digitize(score, np.quantile(score, np.arange(1, classes) / classes)) if classes else score
    return X, y.astype(float), rng.uniform(0.5, 2.0, 400)


SAME = {  # loss, classes, LightGBM's objective, XGBoost's
    "logistic": ("binary_cross_entropy", 2, {"objective": "binary"}, {"objective": "binary:logistic"}),
    "softmax of one logit": ("cross_entropy", 2, {"objective": "binary"}, {"objective": "binary:logistic"}),
    "square": (0.5 * perdita.Mse(), 0, {"objective": "regression"}, {"objective": "reg:squarederror"}),
    "softmax": (
        "cross_entropy", 3, {"objective": "multiclass", "num_class": 3}, {"objective": "multi:softprob", "num_class": 3}
    ),
}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", SAME)
def test_lightgbm_grows_its_own_trees(case, weighted):
    loss, classes, own, _ = SAME[case]
    X, y, weight = rows(classes)
    several = {key: value for key, value in own.items() if key == "num_class"}

    def grow(**chosen):
        data = lightgbm.Dataset(X, y, weight=weight if weighted else None)
        return lightgbm.train({**LIGHT, "boost_from_average": False, **several, **chosen}, data, ROUNDS)

    builtin, ours = grow(**own), grow(objective=lightgbm_objective(loss))
    expected = builtin.predict(X, raw_score=True)
    assert np.abs(expected).max() > 0.5
    assert np.allclose(ours.predict(X, raw_score=True), expected, atol=1e-4)
    trees = [booster.trees_to_dataframe()[["split_feature", "threshold"]] for booster in (builtin, ours)]
    assert (trees[0]["split_feature"].fillna("") == trees[1]["split_feature"].fillna("")).all()
    assert np.allclose(trees[0]["threshold"], trees[1]["threshold"], equal_nan=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", SAME)
def test_xgboost_grows_its_own_trees(case, weighted):
    loss, classes, _, own = SAME[case]
    X, y, weight = rows(classes)
    data = xgboost.DMatrix(X, y, weight=weight if weighted else None)
    several = {key: value for key, value in own.items() if key == "num_class"}
    start = {"base_score": 0.5} if own["objective"] == "binary:logistic" else {}  # a probability there: margin 0
    builtin = xgboost.train({**EXTREME, **own, **start}, data, ROUNDS)
    ours = xgboost.train({**EXTREME, **several}, data, ROUNDS, obj=xgboost_objective(loss))
    expected = builtin.predict(data, output_margin=True)
    assert np.abs(expected).max() > 0.5
    assert np.allclose(ours.predict(data, output_margin=True), expected, atol=1e-4)
    trees = [booster.trees_to_dataframe() for booster in (builtin, ours)]
    assert (trees[0]["Feature"] == trees[1]["Feature"]).all()
    assert np.allclose(trees[0]["Split"], trees[1]["Split"], equal_nan=True)


def test_other_curvature_gives_other_trees():
    """What the factors are for: without XGBoost's own one, its softmax trees do not come out."""
    X, y, _ = rows(3)
    data = xgboost.DMatrix(X, y)
    params = {**EXTREME, "num_class": 3}
    own, plain = (
        xgboost.train(params, data, ROUNDS, obj=xgboost_objective("cross_entropy", hessian_factor=factor))
        for factor in (2.0, 1.0)
    )
    assert not np.allclose(own.predict(data, output_margin=True), plain.predict(data, output_margin=True), atol=1e-2)


@pytest.mark.parametrize("name", ["focal", "squentropy", "generalized_cross_entropy", "log_cosh", "binary_focal"])
def test_derivatives_are_those_of_the_loss(name):
    """Against central differences of the per-row values, row by row."""
    several = perdita.card(name).task == "multiclass"
    rng = np.random.default_rng(0)
    z = rng.normal(size=(6, 3)) if several else rng.normal(size=6)
    y = rng.integers(0, 3 if several else 2, 6).astype(float)
    gradient, hessian = objective(name, floor=1e-300)(y, z, None)
    function = getattr(perdita.functional, name)
    target = torch.tensor(y).long() if several else torch.tensor(y)

    def values(at: np.ndarray) -> np.ndarray:
        return function(torch.tensor(at), target, reduction="none").numpy()

    for k in range(z.shape[1] if several else 1):
        step = np.zeros_like(z)
        step[(..., k) if several else ...] = 1e-4
        column = (slice(None), k) if several else slice(None)
        assert np.allclose(gradient[column], (values(z + step) - values(z - step)) / 2e-4, atol=1e-6)
        second = (values(z + step) - 2 * values(z) + values(z - step)) / 1e-8
        assert np.allclose(hessian[column], np.maximum(second, 0), atol=1e-5)


def test_the_diagonal_is_that_of_the_whole_hessian():
    z = torch.randn(4, 3, dtype=torch.float64)

    def total(given):
        return perdita.functional.focal(given, torch.tensor([0, 1, 2, 0]), reduction="sum")

    whole = torch.autograd.functional.hessian(total, z).reshape(12, 12)
    gradient, diagonal = first_and_second(total, z)
    assert torch.allclose(diagonal.flatten(), whole.diagonal())
    assert torch.allclose(gradient, torch.func.grad(total)(z))


def test_the_estimators_of_both_take_it():
    X, y, weight = rows(3)
    light = lightgbm.LGBMClassifier(objective=objective("focal"), n_estimators=20, n_jobs=1, verbosity=-1)
    light.fit(X, y.astype(int), sample_weight=weight)
    assert (light.predict(X, raw_score=True).argmax(1) == y).mean() > 0.9
    X, y, weight = rows(0)
    robust = xgboost.XGBRegressor(objective=objective("log_cosh"), n_estimators=40, n_jobs=1, base_score=0.0)
    assert robust.fit(X, y, sample_weight=weight).score(X, y) > 0.8


def test_losses_without_curvature_step_along_the_gradient():
    X, y, _ = rows(0)
    loss = {"loss": "quantile", "level": 0.9}
    data = xgboost.DMatrix(X, y)
    with pytest.raises(InputError, match=r"no curvature anywhere; pass floor=1\.0"):
        xgboost_objective(loss)(np.zeros(400), data)
    model = xgboost.train(EXTREME, data, 100, obj=xgboost_objective(loss, floor=1.0))
    assert 0.8 < (y <= model.predict(data)).mean() < 0.97


def test_a_falling_curvature_is_lifted_to_the_floor():
    _, hessian = objective("tukey", floor=0.25)(np.zeros(3), np.array([0.0, 3.0, 50.0]), np.array([1.0, 2.0, 3.0]))
    assert hessian[0] > 0.25
    assert hessian[1:].tolist() == [0.5, 0.75]


def test_what_cannot_be_boosted_is_refused():
    with pytest.raises(InputError, match="mixes the rows"):
        objective("soft_ece")
    with pytest.raises(InputError, match="mixes the rows"):
        lightgbm_objective(perdita.CrossEntropy() + perdita.SoftEce())
    with pytest.raises(InputError, match="crps_gaussian needs mean"):
        xgboost_objective("crps_gaussian")
    with pytest.raises(InputError, match="above zero"):
        objective("mse", floor=0.0)
    with pytest.raises(InputError, match=r"target must hold"):
        objective("cross_entropy")(np.array([0.0, 3.0]), np.zeros((2, 3)), None)

"""The estimators are scikit-learn's: its own checks pass, and the loss, the weights and the seed do what they say."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import perdita
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.core import InputError
from perdita.integrations.scikit_learn import PerditaClassifier, PerditaRegressor

NOT_RUN = {"check_array_api_input"}  # scikit-learn runs it only where SciPy's array API is switched on


@pytest.mark.filterwarnings("ignore:Estimator's parameters:UserWarning")
@pytest.mark.parametrize(
    "estimator",
    [PerditaClassifier(), PerditaClassifier("focal", hidden=(8, 8)), PerditaRegressor(), PerditaRegressor("huber")],
    ids=str,
)
def test_every_check_of_scikit_learn_passes(estimator):
    found = check_estimator(estimator, on_fail="raise", on_skip=None)
    assert len(found) > 50
    assert {entry["check_name"] for entry in found if entry["status"] != "passed"} <= NOT_RUN


def test_it_learns_and_fits_into_searches():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), PerditaClassifier("squentropy", epochs=200, random_state=0))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9
    search = GridSearchCV(model, {"perditaclassifier__loss": ["cross_entropy", {"loss": "focal", "gamma": 3.0}]}, cv=2)
    assert search.fit(X, y).best_score_ > 0.9


def test_it_is_the_engine_of_comparisons():
    """The same network, from the same seed, as the engine itself trains."""
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    model = PerditaClassifier("focal", hidden=(8,), epochs=5, random_state=7).fit(X, y)
    seed = int(np.random.RandomState(7).randint(np.iinfo(np.int32).max))
    fold = Fold(torch.tensor(X), torch.tensor(y), {"all": torch.tensor(X)})
    training = Training(epochs=5)
    trained = train_together({"focal": perdita.Focal()}, lambda: mlp((4,), 3, (8,)), [fold], training, [seed])
    expected = trained.outputs["all"][0, 0]
    assert torch.allclose(torch.tensor(model.decision_function(X)).float(), expected, atol=1e-5)
    assert model.loss_curve_ == pytest.approx(trained.curve[0, 0].tolist())
    assert np.allclose(model.predict_proba(X), expected.softmax(1), atol=1e-5)


def test_binary_losses_on_one_logit():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    names = np.array(["benign", "malignant"])[1 - y]
    for loss in ("binary_cross_entropy", "binary_hinge", perdita.BinaryFocal() + 0.5 * perdita.BinaryCrossEntropy()):
        model = PerditaClassifier(loss, hidden=(8,), random_state=0).fit(X, names)
        assert model.score(X, names) > 0.95
        logit = model.decision_function(X)
        assert logit.shape == (len(X),)
        assert np.allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logit)))


def test_the_regression_loss_is_the_one_asked_for():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    share = {}
    for level in (0.1, 0.9):
        loss = {"loss": "quantile", "level": level}
        model = PerditaRegressor(loss, hidden=(16,), random_state=0).fit(X, y)
        share[level] = float((y <= model.predict(X)).mean())
    assert share[0.1] < 0.25
    assert share[0.9] > 0.75


def test_several_targets():
    X = np.random.default_rng(0).normal(size=(200, 3))
    y = np.stack([X[:, 0], 100 * X[:, 1] - X[:, 2]], axis=1)
    model = PerditaRegressor(epochs=100, random_state=0).fit(X, y, sample_weight=np.ones(200))
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, y) > 0.95


def test_weights_count_as_copies_in_small_batches_too():
    """Rows of weight zero change no gradient; doubled weights change nothing."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 4)), rng.integers(0, 3, 120)
    model = PerditaClassifier(batch_size=32, hidden=(8,), random_state=0)
    ones = model.fit(X, y, np.ones(120)).predict_proba(X)
    assert np.allclose(ones, clone(model).fit(X, y).predict_proba(X))
    assert np.allclose(ones, clone(model).fit(X, y, np.full(120, 2.0)).predict_proba(X), atol=1e-6)
    wrong = np.where(np.arange(120) < 20, (y + 1) % 3, y)
    weight = (np.arange(120) >= 20).astype(float)
    first, second = (clone(model).fit(X, target, weight).predict_proba(X) for target in (y, wrong))
    assert np.allclose(first, second)
    assert not np.allclose(first, ones, atol=1e-3)


def test_the_random_state_decides():
    X, y = load_iris(return_X_y=True)
    model = PerditaClassifier(hidden=(8,), epochs=3, random_state=1)
    before = torch.random.get_rng_state()
    first = model.fit(X, y).predict_proba(X)
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(first, clone(model).fit(X, y).predict_proba(X))
    assert not np.array_equal(first, model.set_params(random_state=2).fit(X, y).predict_proba(X))
    held = model.predict_proba(X)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), held)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (PerditaClassifier("focul"), "unknown loss 'focul'; did you mean"),
        (PerditaClassifier("mse"), "does not fit the task multiclass"),
        (PerditaClassifier("focal*"), "unknown loss"),
        (PerditaClassifier("taylor_softmax"), "its probabilities are not the softmax"),
        (PerditaClassifier(epochs=0), "epochs must be an integer >= 1, not 0"),
        (PerditaClassifier(batch_size=2.5), "batch_size must be an integer"),
        (PerditaClassifier(learning_rate=1e30), "diverged"),
        (PerditaRegressor("cross_entropy"), "does not fit the task regression"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(estimator, message):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(InputError, match=message):
        estimator.fit(X, y)


def test_bad_rows_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(InputError, match="one class only"):
        PerditaClassifier().fit(X, np.zeros(150, dtype=int))
    with pytest.raises(ValueError, match=r"non-zero|zero for every row"):  # newer releases look themselves
        PerditaClassifier().fit(X, y, np.zeros(150))
    with pytest.raises(ValueError, match="Negative values"):
        PerditaClassifier().fit(X, y, -np.ones(150))

"""scikit-learn estimators that train a small network with any loss, by the engine that comparisons train with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from perdita.compare.arms import BASELINES, Linked, criterion, resolve
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.core import InputError, MissingExtraError
from perdita.integrations.criteria import as_criterion, parts_of

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError("scikit-learn", "compare") from error

if TYPE_CHECKING:
    from jaxtyping import Float

LEAST_SCALE = 1e-12  # a smaller spread of a regression's targets is none


class Weighted(nn.Module):
    r"""A linked criterion whose last column of targets is each row's weight.

    .. math:: \frac{1}{n \bar w} \sum_{i=1}^n w_i \ell_i

    over a batch of n rows, with the mean weight of all training rows: unbiased for every batch.
    """

    def __init__(self, linked: Linked, mean_weight: float) -> None:
        super().__init__()
        self.linked = linked
        self.mean_weight = mean_weight

    def forward(self, outputs: Float[Tensor, "n k"], target: Float[Tensor, "n t"]) -> Float[Tensor, ""]:
        """The scalar loss."""
        wanted = target[:, 0] if target.shape[1] == 2 else target[:, :-1]
        seen = self.linked.link(outputs, wanted)
        weight, normalizer = target[:, -1], len(target) * self.mean_weight
        total: Tensor = self.linked.criterion(*seen, weight=weight, normalizer=normalizer)
        return total


class _Network(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: the parameters, and one call of the training engine."""

    def __init__(
        self,
        loss: str | Mapping[str, Any] | nn.Module | None = None,
        *,
        hidden: Sequence[int] = (128,),
        epochs: int = Training.epochs,
        batch_size: int | None = Training.batch_size,
        optimizer: str = Training.optimizer,
        learning_rate: float = Training.learning_rate,
        weight_decay: float = Training.weight_decay,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.loss = loss
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.random_state = random_state

    def _train(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None, task: str, k: int) -> None:
        """Fit the network: target is (n,) classes, or (n, t) numbers."""
        chosen = as_criterion(BASELINES[task] if self.loss is None else self.loss)
        for part in parts_of(chosen):
            if part.card.link != "softmax":
                raise InputError(
                    f"{part.card.name}: its probabilities are not the softmax of outputs: {part.card.link}"
                )
        (spec,) = resolve([chosen], task, k if task == "regression" else 1)
        training = replace(
            Training(),
            epochs=_positive("epochs", self.epochs),
            batch_size=None if self.batch_size is None else _positive("batch_size", self.batch_size),
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        linked: nn.Module = criterion(spec, task)
        given, wanted = torch.tensor(features), torch.tensor(target)
        if weight is not None:
            column = torch.tensor(weight, dtype=torch.float64).unsqueeze(1)
            wanted = torch.cat([wanted.double().reshape(len(target), -1), column], dim=1).to(given.dtype)
            linked = Weighted(linked, float(weight.mean()))
        made: list[nn.Module] = []

        def make() -> nn.Module:
            made.append(mlp(tuple(features.shape[1:]), k, tuple(self.hidden)).to(given.dtype))
            return made[-1]

        trained = train_together({"loss": linked}, make, [Fold(given, wanted)], training, [seed])
        state = {name: tensor[0, 0] for name, tensor in trained.states.items()}
        if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
            raise InputError("the training diverged; scale the features, or lower learning_rate")
        made[0].load_state_dict(state)
        self.network_ = made[0]
        self.loss_curve_ = trained.curve[0, 0].tolist()
        self.n_iter_ = training.epochs

    def _outputs(self, X: Any) -> Float[np.ndarray, "n k"]:
        check_is_fitted(self)
        features = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        dtype = next(self.network_.parameters()).dtype
        with torch.no_grad():
            return self.network_(torch.tensor(features, dtype=dtype)).double().numpy()

    def _weights(self, sample_weight: Any, features: np.ndarray) -> np.ndarray | None:
        if sample_weight is None:
            return None
        weight: np.ndarray = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
        if not weight.any():
            raise InputError("sample_weight is zero for every row: there is nothing to learn")
        return weight


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name} must be an integer >= 1, not {value!r}")
    return int(value)


class PerditaClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A fully connected network trained with a loss of the catalogue, as a scikit-learn classifier.

    The network has one output for each class and trains in the features' precision (float64 or float32). Features are
    taken as they are: put a scaler before it.

    Args:
        loss: a name, a configuration such as {"loss": "focal", "gamma": 3.0}, or a criterion; of one that reads logits
            and labels, and whose probabilities are the softmax (of two classes: the sigmoid of the difference). None is
            cross_entropy.
        hidden: widths of the hidden layers.
        epochs: passes over the rows, under a cosine schedule.
        batch_size: rows in a step; None takes all.
        optimizer: adamw, adam or sgd.
        learning_rate, weight_decay: of the optimiser.
        random_state: fixes initial weights and the order of the batches.

    Returns:
        After ``fit(X, y, sample_weight=None)``: ``classes_``, ``network_`` (a torch module), ``loss_curve_``.

    Raises:
        InputError: an unknown loss or one for another task, one class only, weights of zero, a training that diverged.

    Example:
        >>> from perdita.integrations.scikit_learn import PerditaClassifier
        >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], ["low", "low", "high", "high"]
        >>> PerditaClassifier("focal", random_state=0).fit(X, y).predict([[-3.0], [3.0]]).tolist()
        ['low', 'high']
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PerditaClassifier:
        """Train on features (n, f), labels (n,) and weights (n,)."""
        features, labels = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(labels)
        weight = self._weights(sample_weight, features)
        self.classes_, target = np.unique(labels, return_inverse=True)
        if len(np.unique(target if weight is None else target[weight > 0])) < 2:
            raise InputError("y holds one class only: a classifier needs two classes with a weight above zero")
        task = "binary" if len(self.classes_) == 2 else "multiclass"
        self._train(features, target, weight, task, len(self.classes_))
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, "n *c"]:
        """The logits (n, c); of two classes the second one's minus the first one's (n,)."""
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n c"]:
        """Probability of each class: the softmax of the logits, which is calibrated as far as the loss is proper."""
        probabilities: np.ndarray = torch.as_tensor(self._outputs(X)).softmax(1).numpy()
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class."""
        place = self._outputs(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[place]
        return labels


class PerditaRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A fully connected network trained with a loss of the catalogue, as a scikit-learn regressor.

    There may be several targets. They are standardised for the training, by the weighted mean and spread of the
    training rows, so that a loss's scale (huber's delta, say) is in spreads of the target. Features are taken as they
    are: put a scaler before it.

    Args:
        loss: a name, a configuration such as {"loss": "quantile", "level": 0.9}, or a criterion; of a regression. None
            is mse.
        hidden: widths of the hidden layers.
        epochs: passes over the rows, under a cosine schedule.
        batch_size: rows in a step; None takes all.
        optimizer: adamw, adam or sgd.
        learning_rate, weight_decay: of the optimiser.
        random_state: fixes initial weights and the order of the batches.

    Returns:
        After ``fit(X, y, sample_weight=None)``: ``network_`` (a torch module), ``loss_curve_``.

    Raises:
        InputError: an unknown loss or one for another task, weights of zero, a training that diverged.

    Example:
        >>> from perdita.integrations.scikit_learn import PerditaRegressor
        >>> X = np.linspace(-1, 1, 64).reshape(-1, 1)
        >>> model = PerditaRegressor("huber", epochs=200, random_state=0).fit(X, 3 * X[:, 0] + 1)
        >>> bool(abs(model.predict([[0.5]])[0] - 2.5) < 0.1)
        True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PerditaRegressor:
        """Train on features (n, f), numbers (n,) or (n, t), and weights (n,)."""
        features, target = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True)
        weight = self._weights(sample_weight, features)
        target = target.astype(features.dtype, copy=False)
        self.mean_ = np.average(target, axis=0, weights=weight)
        spread = np.sqrt(np.average(np.square(target - self.mean_), axis=0, weights=weight))
        self.scale_ = np.where(spread > LEAST_SCALE * (1 + np.abs(self.mean_)), spread, 1.0)
        numbers = ((target - self.mean_) / self.scale_).astype(features.dtype, copy=False)
        self._train(features, numbers, weight, "regression", 1 if target.ndim == 1 else target.shape[1])
        self._single = target.ndim == 1
        return self

    def predict(self, X: Any) -> Float[np.ndarray, "n *t"]:
        """The numbers predicted, in the targets' units."""
        outputs = self._outputs(X)
        numbers: np.ndarray = (outputs[:, 0] if self._single else outputs) * self.scale_ + self.mean_
        return numbers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

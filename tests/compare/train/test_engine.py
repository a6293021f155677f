"""The stacked engine trains exactly the models that a plain loop trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import perdita
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import cnn, gru, mlp

SHORT = Training(epochs=3, batch_size=16, learning_rate=1e-2)


def make_folds(seeds: list[int], rows: int = 50, features: tuple[int, ...] = (6,), classes: int = 3) -> list[Fold]:
    folds = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(100 + seed)
        x = torch.randn(rows, *features, generator=generator)
        y = torch.randint(0, classes, (rows,), generator=generator)
        folds.append(Fold(x, y, {"test": torch.randn(11, *features, generator=generator)}))
    return folds


def plain(criterion: nn.Module, model: nn.Module, fold: Fold, training: Training, seed: int) -> torch.Tensor:
    """One training as anybody writes it."""
    if training.optimizer == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            model.parameters(), training.learning_rate, training.momentum, nesterov=training.nesterov
        )
    else:
        optimizer = torch.optim.AdamW(model.parameters(), training.learning_rate, weight_decay=training.weight_decay)
    batch = training.batch_size or len(fold.features)
    steps = -(-len(fold.features) // batch) * training.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.Generator().manual_seed(seed)
    for _ in range(training.epochs):
        for chosen in torch.randperm(len(fold.features), generator=order).split(batch):
            optimizer.zero_grad()
            criterion(model(fold.features[chosen]), fold.target[chosen]).backward()
            optimizer.step()
            if training.schedule == "cosine":
                schedule.step()
    return model(fold.parts["test"]).detach()


@pytest.mark.parametrize(
    "training",
    [
        SHORT,
        Training(
            epochs=3,
            batch_size=None,
            optimizer="sgd",
            momentum=0.9,
            nesterov=True,
            schedule="constant",
            weight_decay=0.0,
        ),
    ],
    ids=["adamw", "sgd-full-batch"],
)
def test_every_model_of_the_stack_equals_its_plain_training(training: Training) -> None:
    seeds = [3, 8]
    criteria = {
        "ce": perdita.CrossEntropy(),
        "sq": perdita.Squentropy(square_weight=0.5),
        "torch": nn.CrossEntropyLoss(),
    }
    folds = make_folds(seeds)
    trained = train_together(criteria, lambda: mlp((6,), 3, (8,)), folds, training, seeds)
    assert trained.outputs["test"].shape == (3, 2, 11, 3)
    for a, criterion in enumerate(criteria.values()):
        for s, (seed, fold) in enumerate(zip(seeds, folds, strict=True)):
            torch.manual_seed(seed)
            expected = plain(criterion, mlp((6,), 3, (8,)), fold, training, seed)
            torch.testing.assert_close(trained.outputs["test"][a, s], expected, rtol=1e-3, atol=1e-5)


def test_neighbours_do_not_change_a_model() -> None:
    seeds = [0, 1]
    folds = make_folds(seeds)

    class Exploding(nn.Module):
        def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return (logits * 1e30).square().sum() * torch.inf

    alone = train_together({"ce": perdita.CrossEntropy()}, lambda: mlp((6,), 3, (8,)), folds, SHORT, seeds)
    beside = train_together(
        {"bad": Exploding(), "ce": perdita.CrossEntropy()}, lambda: mlp((6,), 3, (8,)), folds, SHORT, seeds
    )
    assert not beside.outputs["test"][0].isfinite().all()
    torch.testing.assert_close(beside.outputs["test"][1], alone.outputs["test"][0])


def test_same_seed_same_bits() -> None:
    folds = make_folds([0, 1])
    criteria = {"ce": perdita.CrossEntropy(), "sq": perdita.Squentropy()}
    first, second = (train_together(criteria, lambda: mlp((6,), 3), folds, SHORT, [0, 1]) for _ in range(2))
    assert torch.equal(first.outputs["test"], second.outputs["test"])
    assert torch.equal(first.curve, second.curve)


def test_one_by_one_equals_stacked() -> None:
    folds = make_folds([0, 1])
    criteria = {"ce": perdita.CrossEntropy(), "sq": perdita.Squentropy()}
    stacked = train_together(criteria, lambda: mlp((6,), 3), folds, SHORT, [0, 1])
    single = train_together(criteria, lambda: mlp((6,), 3), folds, SHORT, [0, 1], stacked=False)
    torch.testing.assert_close(single.outputs["test"], stacked.outputs["test"], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(single.curve, stacked.curve, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("make", "features"), [(cnn, (8, 8)), (cnn, (2, 8, 8)), (gru, (5, 4)), (gru, (6,))])
def test_stock_models_stack(make, features: tuple[int, ...]) -> None:
    folds = make_folds([0, 1], features=features)
    trained = train_together({"ce": perdita.CrossEntropy()}, lambda: make(features, 3, (8,)), folds, SHORT, [0, 1])
    single = train_together(
        {"ce": perdita.CrossEntropy()}, lambda: make(features, 3, (8,)), folds, SHORT, [0, 1], stacked=False
    )
    torch.testing.assert_close(trained.outputs["test"], single.outputs["test"], rtol=1e-3, atol=1e-4)


def test_models_with_batch_norm_and_dropout_train_one_by_one() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))

    folds = make_folds([0, 1])
    run = [
        train_together({"ce": perdita.CrossEntropy()}, make, folds, SHORT, [0, 1], stacked=False).outputs["test"]
        for _ in range(2)
    ]
    assert run[0].isfinite().all()
    assert torch.equal(run[0], run[1])


def test_each_arm_may_have_its_own_learning_rate() -> None:
    folds = make_folds([0, 1])
    rates = [1e-3, 3e-2]
    criteria = {"slow": perdita.CrossEntropy(), "fast": perdita.CrossEntropy()}
    together = train_together(criteria, lambda: mlp((6,), 3), folds, SHORT, [0, 1], learning_rates=rates)
    for a, rate in enumerate(rates):
        alone = train_together(
            {"ce": perdita.CrossEntropy()}, lambda: mlp((6,), 3), folds, SHORT, [0, 1], learning_rates=[rate]
        )
        torch.testing.assert_close(together.outputs["test"][a], alone.outputs["test"][0], rtol=2e-3, atol=1e-4)


def test_a_criterion_with_parameters_learns_them_for_each_seed() -> None:
    class Tempered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_temperature = nn.Parameter(torch.zeros(()))

        def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(logits * self.log_temperature.exp(), target)

    folds = make_folds([0, 1])
    tempered = train_together({"t": Tempered()}, lambda: mlp((6,), 3), folds, SHORT, [0, 1])
    fixed = train_together({"t": perdita.CrossEntropy()}, lambda: mlp((6,), 3), folds, SHORT, [0, 1])
    assert tempered.outputs["test"].isfinite().all()
    assert not torch.allclose(tempered.outputs["test"], fixed.outputs["test"])


def test_folds_of_different_sizes_are_refused() -> None:
    folds = [*make_folds([0]), *make_folds([1], rows=40)]
    with pytest.raises(perdita.InputError, match="one size"):
        train_together({"ce": perdita.CrossEntropy()}, lambda: mlp((6,), 3), folds, SHORT, [0, 1])

"""Loss spikes: found in a series, and guarded against in a loop."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from perdita.core import InputError
from perdita.training.spikes import SpikeGuard, loss_spikes, stop_at_spikes

NAN = math.nan


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], []),
        ([3.0, 2.0, 2.4, 2.6, 1.0, 1.6], [0, 0, 0, 1, 0, 1]),
        ([NAN, 9.0, 9.4], [1, 0, 0]),
        ([3.0, math.inf, 3.2, NAN, -math.inf, 3.0], [0, 1, 0, 1, 1, 0]),
        ([2.0, 2.5], [0, 0]),
    ],
)
def test_spikes_of_a_series(losses, expected):
    assert loss_spikes(losses).tolist() == [bool(one) for one in expected]
    guard = SpikeGuard()
    assert [guard.sees_spike(loss) for loss in losses] == [bool(one) for one in expected]
    assert guard.spikes == sum(expected)


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="delta"):
        loss_spikes([1.0], delta=0.0)
    with pytest.raises(InputError, match="losses must have shape"):
        loss_spikes(torch.zeros(2, 2))
    for name, value in (("delta", -1.0), ("patience", 0), ("every", 0)):
        with pytest.raises(InputError, match=name):
            SpikeGuard(**{name: value})
    with pytest.raises(InputError, match="snapshot"):
        SpikeGuard().rewind()


def train(guard, model, optimizer, targets):
    """Fit a weight to the targets, one step each; the weight after each step."""
    course = []
    for target in targets:
        loss = (model.weight - target).square().sum()
        if not guard.sees_spike(loss):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        course.append(model.weight.item())
    return course


def fitted(**options):
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    return SpikeGuard(model=model, optimizer=optimizer, **options), model, optimizer


def test_a_spiking_batch_changes_nothing():
    calm = train(*fitted(every=2), [0.5] * 6)
    spiked = train(*fitted(every=2), [0.5] * 3 + [1e6, NAN] + [0.5] * 3)
    assert spiked[:3] + spiked[5:] == calm
    assert spiked[2] == spiked[3] == spiked[4]


def test_spikes_in_a_row_take_the_model_and_its_optimiser_back():
    guard, model, optimizer = fitted(every=4, patience=2)
    calm = train(guard, model, optimizer, [0.5] * 6)  # snapshots before steps 1 and 5
    assert guard.rewinds == 0
    with torch.no_grad():
        model.weight.fill_(1e4)  # what a bad step did
    again = train(guard, model, optimizer, [0.5] * 4)
    assert guard.rewinds == 1
    assert again[0] == 1e4
    assert again[1] == calm[3]  # as it was before step 5
    assert again[2:] == calm[4:6]


def test_a_guard_goes_on_from_its_state():
    first, second = SpikeGuard(), SpikeGuard()
    for loss in (3.0, 2.0, 2.9):
        first.sees_spike(loss)
    second.load_state_dict(first.state_dict())
    assert second.sees_spike(2.6)
    assert (second.spikes, second.in_a_row, second.lowest) == (2, 2, 2.0)


class Doubling(nn.Module):
    """A model whose loss doubles with every call."""

    def __init__(self):
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.ones(1)), 0

    def forward(self, x):
        self.calls += 1
        return {"loss": self.weight.square().sum() * 2.0**self.calls}


def test_a_trainer_stops_at_a_spike(tmp_path):
    seen = []
    callback = stop_at_spikes(SpikeGuard(delta=3.0), on_spike=lambda step, loss: seen.append(step))
    options = TrainingArguments(
        tmp_path, max_steps=20, logging_steps=1, learning_rate=1e-9, report_to=[], disable_tqdm=True,
        save_strategy="no", per_device_train_batch_size=1, use_cpu=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(Doubling(), options, train_dataset=[{"x": torch.ones(1)}] * 20, callbacks=[callback])
    trainer.train()
    assert seen == [3]  # losses 2, 4, 8
    assert trainer.state.global_step == 3

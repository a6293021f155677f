"""The callback in a real fit: what it logs is what the parts, their gradients and the held-out rows say."""

from __future__ import annotations

import math

import lightning.pytorch as lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import perdita
from perdita.compare.verdict.metrics import evaluate
from perdita.compound import Compound, Term
from perdita.core import InputError
from perdita.integrations.lightning import LossMonitor, named_parts, pull

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),  # Lightning's, about speed
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated.*:FutureWarning"),  # torch's, of Lightning's own code
]


class Tiny(lightning.LightningModule):
    def __init__(self, criterion, classes=3):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Linear(4, classes)
        self.criterion = criterion
        self.first = None

    def step(self, batch):
        features, target = batch
        outputs = self.network(features)
        return self.criterion(outputs if outputs.shape[1] > 1 else outputs[:, 0], target)

    def training_step(self, batch, _):
        if self.first is None:
            self.first = ({k: v.clone() for k, v in self.network.state_dict().items()}, batch)
        return self.step(batch)

    def validation_step(self, batch, _):
        self.log("val_loss", self.step(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.network.parameters(), lr=0.1)


def fit(module, folder, monitor, target, epochs=1):
    features = torch.randn(40, 4)
    training = DataLoader(TensorDataset(features[:24], target[:24]), batch_size=24)
    held_out = DataLoader(TensorDataset(features[24:], target[24:]), batch_size=5)
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, callbacks=[monitor], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder, num_sanity_val_steps=2,
        log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(module, training, held_out)
    return trainer.callback_metrics, features[24:], target[24:]


def test_parts_balance_and_calibration_of_a_sum(tmp_path):
    criterion = perdita.Focal() + 0.25 * perdita.ZLoss()
    module, target = Tiny(criterion), torch.randint(0, 3, (40,))
    logged, features, labels = fit(module, tmp_path, LossMonitor(every_n_steps=1), target)
    state, (given, wanted) = module.first
    start = nn.Linear(4, 3)
    start.load_state_dict(state)
    outputs = start(given).detach().requires_grad_()
    for name, weight in (("focal", 1.0), ("z_loss", 0.25)):
        value = criterion.criteria[name](outputs, wanted)
        (gradient,) = torch.autograd.grad(weight * value, outputs)
        assert logged[f"loss/{name}"].item() == pytest.approx(value.item(), rel=1e-5)
        assert logged[f"balance/{name}"].item() == pytest.approx(gradient.norm().item(), rel=1e-5)
    expected = evaluate("multiclass", module.network(features).detach(), labels)["ece"]
    assert logged["calibration/ece"].item() == pytest.approx(expected, abs=1e-6)
    assert expected > 0.01


def test_the_training_stays_as_it_is(tmp_path):
    target = torch.randint(0, 3, (40,))
    found = []
    for number, steps in enumerate((1, 10**6)):
        torch.manual_seed(5)
        module = Tiny(perdita.CrossEntropy() + perdita.Squentropy())
        fit(module, tmp_path / str(number), LossMonitor(every_n_steps=steps), target, epochs=3)
        found.append(module.network.weight.detach())
        assert all(not part._forward_hooks for part in named_parts(module.criterion).values())
    assert torch.equal(*found)


def test_one_criterion_on_one_logit(tmp_path):
    target = torch.randint(0, 2, (40,)).float()
    module = Tiny(perdita.BinaryCrossEntropy(), classes=1)
    logged, features, labels = fit(module, tmp_path, LossMonitor(every_n_steps=1, bins=15), target)
    assert {"loss/binary_cross_entropy", "balance/binary_cross_entropy", "calibration/ece"} <= set(logged)
    expected = evaluate("binary", module.network(features).detach()[:, 0], labels)["ece"]
    assert logged["calibration/ece"].item() == pytest.approx(expected, abs=1e-6)


def test_ignored_rows_do_not_calibrate(tmp_path):
    target = torch.randint(0, 3, (40,))
    target[30:] = -100
    module = Tiny(perdita.CrossEntropy())
    logged, features, labels = fit(module, tmp_path, LossMonitor(), target)
    expected = evaluate("multiclass", module.network(features).detach()[:6], labels[:6])["ece"]
    assert logged["calibration/ece"].item() == pytest.approx(expected, abs=1e-6)


def test_masked_rows_do_not_calibrate(tmp_path):
    class Masking(Tiny):
        def step(self, batch):
            return self.criterion(logits=self.network(batch[0]), target=batch[1], mask=batch[1] != 2)

    target = torch.randint(0, 3, (40,))
    module = Masking(perdita.Squentropy())
    logged, features, labels = fit(module, tmp_path, LossMonitor(every_n_steps=1), target)
    kept = labels != 2
    expected = evaluate("multiclass", module.network(features).detach()[kept], labels[kept])["ece"]
    assert logged["calibration/ece"].item() == pytest.approx(expected, abs=1e-6)
    assert logged["balance/squentropy"].item() > 0


def test_a_compounds_weights_are_in_its_balance(tmp_path):
    terms = {"kind": Term(perdita.Focal(), weight=3.0), "flat": perdita.CrossEntropy()}
    module = Tiny(Compound(terms, weights={"kind": 0.5}))
    logged, *_ = fit(module, tmp_path, LossMonitor(every_n_steps=1), torch.randint(0, 3, (40,)))
    state, (given, wanted) = module.first
    start = nn.Linear(4, 3)
    start.load_state_dict(state)
    outputs = start(given).detach().requires_grad_()
    scored = module.criterion.score(outputs, wanted)
    for name, weight in scored.weights.items():
        (gradient,) = torch.autograd.grad(weight * scored.parts[name], outputs, retain_graph=True)
        assert logged[f"loss/{name}"].item() == pytest.approx(scored.parts[name].item(), rel=1e-5)
        assert logged[f"weight/{name}"].item() == pytest.approx(weight.item())
        assert logged[f"balance/{name}"].item() == pytest.approx(gradient.norm().item(), rel=1e-5)
    assert scored.weights["kind"] != scored.weights["flat"]


PARTS = {"focal": 1.0, "z_loss": 0.25, "squentropy": -0.5}  # the last one pushes away what the first one asks for


def sum_of_parts():
    return perdita.Focal() + 0.25 * perdita.ZLoss() + -0.5 * perdita.Squentropy()


class Listening(LossMonitor):
    """Keeps what it logged, step by step."""

    def on_train_batch_end(self, trainer, pl_module, *rest):
        if not hasattr(self, "seen"):
            self.seen = []
        super().on_train_batch_end(trainer, pl_module, *rest)
        self.seen.append({name: value.item() for name, value in trainer.callback_metrics.items()})


def test_pairs_of_parts_agree_or_are_in_conflict(tmp_path):
    monitor, module = Listening(every_n_steps=1), Tiny(sum_of_parts())
    fit(module, tmp_path, monitor, torch.randint(0, 3, (40,)), epochs=4)
    state, (given, wanted) = module.first
    start = nn.Linear(4, 3)
    start.load_state_dict(state)
    outputs = start(given).detach().requires_grad_()
    values = [weight * module.criterion.criteria[name](outputs, wanted) for name, weight in PARTS.items()]
    gradients = [torch.autograd.grad(value, outputs)[0] for value in values]
    for pair, (i, j) in {"focal, z_loss": (0, 1), "focal, squentropy": (0, 2), "z_loss, squentropy": (1, 2)}.items():
        expected = torch.cosine_similarity(gradients[i].flatten(), gradients[j].flatten(), dim=0).item()
        assert monitor.seen[0][f"cosine/{pair}"] == pytest.approx(expected, rel=1e-4)
        apart = [step[f"cosine/{pair}"] < 0 for step in monitor.seen]
        assert monitor.seen[-1][f"conflict/{pair}"] == pytest.approx(sum(apart) / 4)
    assert monitor.seen[-1]["conflict/focal, squentropy"] == 1.0


class TwoHeads(Tiny):
    def __init__(self, criterion):
        super().__init__(criterion)
        self.trunk, self.kind, self.size = nn.Linear(4, 5), nn.Linear(5, 3), nn.Linear(5, 3)

    def step(self, batch):
        hidden = self.hidden = self.trunk(batch[0])
        outputs = {"kind": self.kind(hidden), "size": self.size(hidden)}
        return self.criterion(outputs, {"target": batch[1]})

    def configure_optimizers(self):
        return torch.optim.SGD([*self.trunk.parameters(), *self.kind.parameters(), *self.size.parameters()], lr=0.1)


def test_parts_of_several_heads_are_compared_at_their_trunk(tmp_path):
    def module():
        terms = {name: Term(perdita.CrossEntropy(), name, "target") for name in ("kind", "size")}
        return TwoHeads(Compound(terms, weights={"kind": 2.0}))

    target = torch.randint(0, 3, (40,))
    apart, _, _ = fit(module(), tmp_path, LossMonitor(every_n_steps=1), target)
    assert "balance/kind" in apart
    assert "cosine/kind, size" not in apart  # each has outputs of its own
    monitor, shared = Listening(every_n_steps=1, features="trunk"), module()
    start = module()
    fit(shared, tmp_path, monitor, target)
    _, batch = shared.first
    hidden = start.trunk(batch[0])
    values = [nn.functional.cross_entropy(head(hidden), batch[1]) for head in (start.kind, start.size)]
    first, second = (torch.autograd.grad(value, hidden, retain_graph=True)[0] for value in values)
    cosine = torch.cosine_similarity(first.flatten(), second.flatten(), dim=0).item()
    assert monitor.seen[0]["cosine/kind, size"] == pytest.approx(cosine, rel=1e-4)
    assert monitor.seen[0]["balance/kind"] == pytest.approx(2 * first.norm().item(), rel=1e-4)
    assert monitor.seen[0]["weight/kind"] == 2.0
    with pytest.raises(InputError, match="TwoHeads has no submodule 'trunc'; did you mean 'trunk'"):
        fit(module(), tmp_path, LossMonitor(features="trunc"), target)


def test_a_regression_has_no_calibration(tmp_path):
    logged, *_ = fit(Tiny(perdita.Huber(), classes=1), tmp_path, LossMonitor(every_n_steps=1), torch.randn(40))
    assert "calibration/ece" not in logged
    assert math.isfinite(logged["balance/huber"].item())


def test_only_every_so_many_steps(tmp_path):
    seen = []

    class Listening(LossMonitor):
        def on_train_batch_end(self, trainer, pl_module, *rest):
            seen.append(sorted(self._training))
            super().on_train_batch_end(trainer, pl_module, *rest)

    fit(Tiny(perdita.Focal()), tmp_path, Listening(every_n_steps=3), torch.randint(0, 3, (40,)), epochs=5)
    both = ["balance/focal", "loss/focal"]
    assert seen == [both, [], [], both, []]


def test_what_is_no_criterion_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"Tiny\.criterion must be a criterion of perdita or hold some, but is Module"):
        fit(Tiny(nn.Module()), tmp_path, LossMonitor(), torch.randint(0, 3, (40,)))
    with pytest.raises(InputError, match="every_n_steps"):
        LossMonitor(every_n_steps=0)
    assert pull(torch.ones(()), torch.ones(2)) is None

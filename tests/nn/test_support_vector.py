"""The head against scikit-learn's machine, and the recurrent unit against its formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from perdita.core import InputError
from perdita.nn.support_vector import RecurrentSupportVector, SupportVectorHead


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def minimize(head, features, target):
    optimizer = torch.optim.LBFGS([head.weight], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = head.loss(head(features), target)
        loss.backward()
        return loss

    optimizer.step(closure)
    return head.loss(head(features), target).item()


@pytest.mark.parametrize("cost", [0.01, 1.0])
def test_the_head_alone_is_the_linear_machine(cost):
    features, target = load_wine(return_X_y=True)
    features = np.hstack([StandardScaler().fit_transform(features), np.ones((len(target), 1))])
    machine = LinearSVC(C=cost, loss="squared_hinge", fit_intercept=False, dual=False, tol=1e-10, max_iter=10_000)
    machine.fit(features, target)
    head = SupportVectorHead(14, 3, slack_cost=cost).double()
    torch.nn.init.zeros_(head.bias)
    x, y = torch.tensor(features), torch.tensor(target)
    found = minimize(head, x, y)
    np.testing.assert_allclose(head.weight.detach().numpy(), machine.coef_, atol=1e-4)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(machine.coef_))
    assert found == pytest.approx(head.loss(head(x), y).item(), rel=1e-6)


def test_it_is_the_mean_hinge_with_weight_decay():
    head, features, target = SupportVectorHead(4, 3, slack_cost=0.7).double(), normal(6, 4), torch.arange(6) % 3
    scores = head(features)
    signs = 2 * torch.nn.functional.one_hot(target, 3) - 1
    mean = (1 - signs * scores).clamp(min=0).square().sum(1).mean()
    decay = head.weight.square().sum() / (2 * 0.7 * 6)
    torch.testing.assert_close(head.loss(scores, target), 0.7 * 6 * (mean + decay))


def test_margins_that_are_kept_leave_the_weight_alone_to_shrink():
    head = SupportVectorHead(2, 2).double()
    scores = torch.tensor([[2.0, -2.0], [-1.5, 1.0]], dtype=torch.float64)
    head.loss(scores, torch.tensor([0, 1])).backward()
    assert torch.equal(head.weight.grad, head.weight)
    assert head.bias.grad is None
    ignored = head.loss(-scores, torch.tensor([-100, -100]))
    assert ignored.item() == head.penalty().item()


def test_the_sign_alone_loses_what_the_scores_say():
    scores = torch.tensor([[-2.0, -0.1], [0.3, 0.9], [-1.0, 1.0]])
    assert SupportVectorHead.predict(scores).tolist() == [1, 1, 1]
    assert SupportVectorHead.predict(scores, rule="sign").tolist() == [0, 0, 1]
    with pytest.raises(InputError, match="rule"):
        SupportVectorHead.predict(scores, rule="signs")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_recurrent_unit_is_its_formula():
    torch.manual_seed(0)
    network = RecurrentSupportVector(3, 2, width=4).double()
    sequence = normal(5, 6, 3)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    wz, wr, wc = np.split(state["read.weight"], 3)
    bz, br, bc = np.split(state["read.bias"], 3)
    uz, ur = np.split(state["recall_gates.weight"], 2)
    uc = state["recall_candidate.weight"]
    for row, scores in zip(sequence.numpy(), network(sequence).detach().numpy(), strict=True):
        h = np.zeros(4)
        for x in row:
            z, r = sigmoid(wz @ x + uz @ h + bz), sigmoid(wr @ x + ur @ h + br)
            c = np.tanh(wc @ x + uc @ (r * h) + bc)
            h = (1 - z) * c + z * h
        np.testing.assert_allclose(scores, state["head.weight"] @ h + state["head.bias"], rtol=1e-12)


def test_the_network_learns():
    torch.manual_seed(0)
    sequence = normal(64, 5, 2).float()
    target = (sequence.sum((1, 2)) > 0).long()
    network = RecurrentSupportVector(2, 2, width=8)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        network.loss(network(sequence), target).backward()
        optimizer.step()
    assert (network.head.predict(network(sequence)) == target).float().mean() > 0.9


def test_dropout_acts_in_training_alone():
    network, sequence = RecurrentSupportVector(3, 2, width=4, dropout=0.5).double(), normal(2, 4, 3)
    torch.manual_seed(0)
    assert not torch.equal(network(sequence), network(sequence))
    network.eval()
    assert torch.equal(network(sequence), network(sequence))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: SupportVectorHead(4, 1), "classes"),
        (lambda: SupportVectorHead(4, 2, slack_cost=0.0), "slack_cost"),
        (lambda: SupportVectorHead(4, 2, power=3), "power"),
        (lambda: RecurrentSupportVector(3, 2)(torch.zeros(2, 3)), "sequence"),
        (lambda: RecurrentSupportVector(3, 2)(torch.zeros(2, 3, 4)), "sequence"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(InputError, match=named):
        call()

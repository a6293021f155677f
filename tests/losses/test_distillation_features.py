"""Features, attention and relations of a batch: what they are invariant to, and which of them their peers give."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import perdita.functional as P
from perdita.core import InputError


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_hint_is_half_the_squared_error_added_up() -> None:
    student, teacher = draw(3, 4, 5), draw(3, 4, 5, seed=1)
    close(P.feature_hint(student, teacher), 10 * F.mse_loss(student, teacher))


def test_attention_forgets_channels_and_scale() -> None:
    student, teacher = draw(3, 4, 5, 5), draw(3, 7, 5, 5, seed=1)
    expected = P.attention_transfer(student, teacher)
    close(P.attention_transfer(3 * student[:, [2, 0, 3, 1]], -teacher), expected)
    maps = [F.normalize(x.square().mean(1).flatten(1)) for x in (student, teacher)]
    close(expected, (maps[0] - maps[1]).square().sum(1).mean())
    with pytest.raises(InputError, match="features must be"):
        P.attention_transfer(draw(3, 4), draw(3, 4))


def test_contrastive_prefers_the_items_own_teacher() -> None:
    teacher = F.normalize(draw(6, 4), dim=1)
    negatives = torch.stack([teacher[torch.arange(6) != i] for i in range(6)])
    right = P.contrastive_distillation(teacher, teacher, negatives, dataset_size=60)
    wrong = P.contrastive_distillation(teacher.roll(1, 0), teacher, negatives, dataset_size=60)
    assert right < wrong
    shared = P.contrastive_distillation(teacher, teacher, negatives[0].expand(6, 5, 4), dataset_size=60)
    assert shared.isfinite()


def test_correlation_forgets_another_confidence() -> None:
    probs = F.softmax(draw(5, 4), 1)
    flat = 0.5 * probs + 0.5 / 4  # less sure in every row alike
    assert P.correlation_distillation(flat.log(), probs.log()).item() == pytest.approx(0.0, abs=1e-12)
    assert P.knowledge_distillation(flat.log(), probs.log()).item() > 0.01


def test_a_student_can_leave_constant_predictions() -> None:
    for classes in (3, 7, 10):
        student = torch.zeros(4, classes, requires_grad=True)
        value = P.correlation_distillation(student, draw(4, classes).float())
        assert value.item() == pytest.approx(2.0, abs=1e-5)
        (gradient,) = torch.autograd.grad(value, student)
        assert 0 < gradient.abs().max() < 1


def test_distances_and_angles_forget_how_the_features_lie() -> None:
    student, teacher = draw(6, 3), draw(6, 5, seed=1)
    turn = torch.linalg.qr(draw(3, 3, seed=2)).Q
    for loss in (P.relational_distance, P.relational_angle):
        close(loss(7 * student @ turn + 3, teacher), loss(student, teacher))
        assert loss(student, 2 * student).item() == pytest.approx(0.0, abs=1e-12)


def test_distances_are_those_of_a_plain_distance_matrix() -> None:
    student, teacher = draw(6, 3), draw(6, 5, seed=1)
    far = ~torch.eye(6, dtype=torch.bool)
    ratios = [torch.cdist(x, x) / torch.cdist(x, x)[far].mean() for x in (student, teacher)]
    close(P.relational_distance(student, teacher), F.smooth_l1_loss(ratios[0][far], ratios[1][far]))


def test_angles_are_those_of_normalised_differences() -> None:
    student, teacher = draw(5, 3), draw(5, 4, seed=1)
    found = []
    for x in (student, teacher):
        unit = F.normalize(x.unsqueeze(0) - x.unsqueeze(1), dim=2)
        found.append(torch.bmm(unit, unit.mT))
    whole = F.smooth_l1_loss(*found, reduction="sum")  # zeros at equal items
    close(P.relational_angle(student, teacher), whole / (5 * 4 * 3))


@pytest.mark.parametrize("loss", [P.relational_distance, P.relational_angle])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_items_are_a_connected_zero(loss, count: int) -> None:
    features = draw(count, 3).requires_grad_()
    value = loss(features, draw(count, 4))
    assert value.item() == 0.0
    assert torch.autograd.grad(value, features)[0].abs().sum() == 0

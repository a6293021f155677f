"""Softened targets, divergences and sparse teachers: what they are equal to, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import perdita
import perdita.functional as P
from perdita.core import InputError
from perdita.losses.distillation.sparse_teacher import keep_top_k
from perdita.testing.battery import subject_of
from tests.references import SAMPLES

CARDS = {card.name: card for card in perdita.cards("distillation")}
LOGITS = sorted(name for name, card in CARDS.items() if "teacher_logits" in card.signature.names)


def pair(n: int = 6, classes: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, n, classes, generator=generator, dtype=torch.float64)
    return student, 2 * teacher


def close(found: torch.Tensor, expected: torch.Tensor, **near: float) -> None:
    torch.testing.assert_close(found, expected, **{"rtol": 1e-10, "atol": 1e-12, **near})


def test_it_is_torchs_batchmean_times_the_squared_temperature() -> None:
    student, teacher = pair()
    log_q, p = F.log_softmax(student / 3, 1), F.softmax(teacher / 3, 1)
    close(P.knowledge_distillation(student, teacher, temperature=3.0), 9 * F.kl_div(log_q, p, reduction="batchmean"))


def test_the_gradient_hardly_depends_on_a_high_temperature() -> None:
    student, teacher = pair()
    student.requires_grad_()
    found = [
        torch.autograd.grad(P.knowledge_distillation(student, teacher, temperature=heat, reduction="sum"), student)[0]
        for heat in (1e3, 1e4)
    ]
    centred = (student - teacher).detach()
    close(found[1], (centred - centred.mean(1, keepdim=True)) / student.shape[1], rtol=1e-3, atol=1e-4)
    close(found[0], found[1], rtol=1e-2, atol=1e-3)


def test_decoupled_with_the_teachers_own_weight_is_knowledge_distillation() -> None:
    student, teacher = pair(1)
    target = torch.tensor([2])
    left = 1 - F.softmax(teacher / 2, 1)[0, 2].item()
    found = P.decoupled_distillation(student, teacher, target, temperature=2.0, target_weight=1.0, rest_weight=left)
    close(found, P.knowledge_distillation(student, teacher, temperature=2.0))


def test_standardized_forgets_scale_and_offset() -> None:
    student, teacher = pair()
    expected = P.standardized_distillation(student, teacher)
    close(P.standardized_distillation(5 * student - 3, 0.1 * teacher + 7), expected)
    assert P.standardized_distillation(torch.ones(2, 4), torch.zeros(2, 4)).item() == 0.0


def test_jensen_shannon_lies_between_both_divergences() -> None:
    student, teacher = pair()
    small = 1e-7
    forward = P.jensen_shannon_distillation(student, teacher, teacher_share=small) / small
    close(forward, P.knowledge_distillation(student, teacher, temperature=1.0), rtol=1e-5)
    reverse = P.jensen_shannon_distillation(student, teacher, teacher_share=1 - small) / small
    close(reverse, P.reverse_kl_distillation(student, teacher), rtol=1e-5)
    swapped = P.jensen_shannon_distillation(teacher, student)
    close(P.jensen_shannon_distillation(student, teacher), swapped)


def test_alpha_beta_has_both_divergences_and_hellinger_among_it() -> None:
    student, teacher = pair()

    def found(alpha: float, beta: float) -> torch.Tensor:
        return P.alpha_beta_distillation(student, teacher, alpha=alpha, beta=beta)

    forward, reverse = P.knowledge_distillation(student, teacher, temperature=1.0), P.reverse_kl_distillation(*pair())
    close(found(1.0, 0.0), forward)
    close(found(0.0, 1.0), reverse)
    close(found(1.0, 1e-6), forward, rtol=1e-4)
    close(found(1e-6, 1.0), reverse, rtol=1e-4)
    roots = F.softmax(teacher, 1).sqrt() - F.softmax(student, 1).sqrt()
    close(found(0.5, 0.5), 2 * roots.square().sum(1).mean())
    with pytest.raises(InputError, match="alpha and beta"):
        found(0.0, 0.0)


def test_skewed_is_bounded_where_the_plain_divergence_is_not() -> None:
    student, teacher = torch.tensor([[0.0, 1e4]]), torch.tensor([[1e4, 0.0]])
    assert P.skewed_kl_distillation(student, teacher, skew=0.1).item() == pytest.approx(-np.log(0.1))
    assert P.skewed_kl_distillation(student, teacher, skew=0.1, reverse=True).item() == pytest.approx(-np.log(0.1))


def test_all_of_the_teacher_kept_is_the_whole_teacher() -> None:
    student, teacher = pair()
    kept = keep_top_k(teacher, 5, temperature=2.0)
    whole = P.knowledge_distillation(student, teacher, temperature=2.0, reduction="none")
    for rest in ("bucket", "uniform", "renormalize", "drop"):
        close(P.sparse_distillation(student, *kept, rest=rest, temperature=2.0, reduction="none"), whole)


def test_a_bucket_never_exceeds_the_whole_divergence() -> None:
    student, teacher = pair(200, 9)
    whole = P.knowledge_distillation(student, teacher, temperature=1.0, reduction="none")
    last = torch.zeros_like(whole)
    for k in range(1, 9):
        found = P.sparse_distillation(student, *keep_top_k(teacher, k), reduction="none")
        assert (found <= whole + 1e-12).all()
        assert (found >= last - 1e-12).all()  # who keeps more, knows more
        last = found


def test_a_uniform_rest_is_exact_for_a_teacher_that_is_uniform_there() -> None:
    student, teacher = pair()
    teacher[:, 3:] = -4.0
    teacher[:, :3] = teacher[:, :3].abs()
    kept = keep_top_k(teacher, 3)
    whole = P.knowledge_distillation(student, teacher, temperature=1.0)
    close(P.sparse_distillation(student, *kept, rest="uniform"), whole)
    assert P.sparse_distillation(student, *kept, rest="bucket") < whole


def test_a_sparse_teacher_comes_back_from_the_disk(tmp_path) -> None:
    student, teacher = pair(32, 50)
    indices, log_probs = keep_top_k(teacher, 8)
    np.save(tmp_path / "indices.npy", indices.numpy())
    np.save(tmp_path / "log_probs.npy", log_probs.half().numpy())
    rows = np.arange(3, 19)  # a batch, read alone
    on_disk = (np.load(tmp_path / f"{name}.npy", mmap_mode="r")[rows] for name in ("indices", "log_probs"))
    found = P.sparse_distillation(student[3:19], *map(torch.from_numpy, on_disk))
    close(found, P.sparse_distillation(student[3:19], indices[3:19], log_probs[3:19]), rtol=1e-2)


def test_places_of_a_sparse_teacher_that_are_not_used_count_nothing() -> None:
    student, teacher = pair()
    indices, log_probs = keep_top_k(teacher, 2)
    unused = (
        torch.cat([indices, keep_top_k(-teacher, 1)[0]], 1),
        torch.cat([log_probs, -torch.inf + log_probs[:, :1]], 1),
    )
    found = P.sparse_distillation(student, *unused, rest="renormalize")
    close(found, P.sparse_distillation(student, indices, log_probs, rest="renormalize"))


def test_more_classes_kept_than_there_are() -> None:
    student, teacher = pair()
    for k in (0, 6):
        with pytest.raises(InputError, match="from 1 to c = 5, not"):
            keep_top_k(teacher, k)
    with pytest.raises(InputError, match="c = 5, not 7"):
        P.sparse_distillation(student, torch.arange(7).expand(6, 7) % 5, torch.zeros(6, 7).double())
    with pytest.raises(InputError, match="teacher_indices must hold class indices from 0 to 4"):
        P.sparse_distillation(student, torch.full((6, 2), 5), torch.zeros(6, 2).double())


@pytest.mark.parametrize("name", LOGITS)
def test_another_vocabulary_is_named_with_both_sizes(name: str) -> None:
    subject = subject_of(CARDS[name], sampler=SAMPLES.get(name))
    inputs = subject.sample(1)
    teacher = inputs.tensors["teacher_logits"]
    axis = 2 if name == "masked_language_distillation" else 1
    wider = torch.cat([teacher, teacher.narrow(axis, 0, 3)], axis)
    with pytest.raises(InputError, match=r"teacher_logits must be .* c = 4.* \(.*\b7\b"):
        subject(inputs.but(teacher_logits=wider))


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if "temperature" in card.ranges])
def test_a_temperature_is_above_zero(name: str) -> None:
    inputs = subject_of(CARDS[name], sampler=SAMPLES.get(name)).sample(1)
    for temperature in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="temperature must be a number in"):
            CARDS[name].function(**inputs.tensors, temperature=temperature)

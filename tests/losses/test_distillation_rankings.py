"""Rankings of a teacher, the logit-level losses of two heads, and the triple loss of a masked language model."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import perdita.functional as P
from perdita.core import InputError
from perdita.losses.distillation.masked_language import distillation_terms
from perdita.losses.distillation.rankings import _suffix_by_doubling, hardest_negatives, suffix_logsumexp, teacher_order


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33])
def test_the_suffix_sums_are_those_of_torch(size: int) -> None:
    scores = 20 * draw(4, size)
    for scale in (1.0, 50.0):  # near each other, by running sums; and too far apart for one scale
        given = scale * scores
        close(suffix_logsumexp(given), given.flip(1).logcumsumexp(1).flip(1))


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_places_that_do_not_count_add_nothing(scale: float, dtype: torch.dtype) -> None:
    scores, size = (scale * draw(4, 9)).to(dtype), torch.tensor([[9], [5], [1], [0]])
    there = torch.arange(9) < size
    given = torch.where(there, scores, 0.0).requires_grad_()
    found = suffix_logsumexp(given, there)
    assert torch.autograd.grad(torch.where(there, found, 0.0).sum(), given)[0].isfinite().all()
    for row, length in zip(range(4), size.flatten().tolist(), strict=True):
        alone = scores[row : row + 1, :length]
        expected = torch.stack([alone[:, place:].logsumexp(1) for place in range(length)], 1) if length else alone
        torch.testing.assert_close(found[row : row + 1, :length].detach(), expected)


def test_both_ways_to_sum_have_the_same_gradients() -> None:
    scores, weights = draw(3, 2, 17, seed=1).requires_grad_(), draw(3, 2, 17, seed=2)
    values = suffix_logsumexp(scores.transpose(1, 2)), _suffix_by_doubling(scores.transpose(1, 2))
    first, second = (
        torch.autograd.grad((weights * value.transpose(1, 2)).sum(), scores, create_graph=True)[0] for value in values
    )
    close(first, second)
    twice = [torch.autograd.grad(gradient.square().sum(), scores)[0] for gradient in (first, second)]
    close(*twice)


def test_the_label_leads_the_teachers_order() -> None:
    order = teacher_order(torch.tensor([[3.0, 1.0, 2.0, 1.0]]), torch.tensor([3]))
    assert order.tolist() == [[3, 0, 2, 1]]


def test_the_first_step_is_cross_entropy() -> None:
    student, teacher, target = draw(5, 4), draw(5, 4, seed=1), torch.tensor([0, 3, 1, 2, 2])
    found = P.plackett_luce_distillation(student, teacher, target, weights="first")
    close(found, F.cross_entropy(student, target))
    two = P.plackett_luce_distillation(student[:, :2], teacher[:, :2], target % 2, reduction="none")
    share = F.softmax(teacher[:, :2], 1).gather(1, (target % 2).unsqueeze(1)).squeeze(1)
    close(two, share * F.cross_entropy(student[:, :2], target % 2, reduction="none"))


def test_step_weights_take_the_place_of_the_teachers() -> None:
    student, teacher, target = draw(5, 4), draw(5, 4), torch.arange(5) % 4
    uniform = P.plackett_luce_distillation(student, teacher, target, weights="uniform")
    close(P.plackett_luce_distillation(student, teacher, target, step_weights=torch.full((4,), 0.25).double()), uniform)
    first = torch.tensor([1.0, 0.0, 0.0, 0.0]).double()
    close(P.plackett_luce_distillation(student, teacher, target, step_weights=first), F.cross_entropy(student, target))
    with pytest.raises(InputError, match="step_weights"):
        P.plackett_luce_distillation(student, teacher, target, step_weights=-first)


def test_the_temperature_touches_the_weights_alone() -> None:
    student, teacher, target = draw(5, 4), draw(5, 4, seed=1), torch.tensor([0, 3, 1, 2, 2])
    hot = P.plackett_luce_distillation(student, teacher, target, temperature=1e12)
    close(hot, P.plackett_luce_distillation(student, teacher, target, weights="uniform"))


def test_a_teacher_without_bounds_is_refused() -> None:
    with pytest.raises(InputError, match="teacher_logits must be finite"):
        P.plackett_luce_distillation(draw(1, 3), torch.tensor([[0.0, 1.0, torch.inf]]), torch.tensor([0]))


def test_all_valid_is_the_uniform_ranking_without_a_label() -> None:
    scores, teacher = draw(5, 6), draw(5, 6, seed=1)
    found = P.partial_ranking_distillation(scores, teacher, torch.full((5,), 9), temperature=1.0)
    close(found, 6 * P.plackett_luce_distillation(scores, teacher, teacher.argmax(1), weights="uniform"))


def test_the_order_of_what_is_not_related_is_not_trained() -> None:
    scores, teacher = draw(1, 5), torch.tensor([[0.9, 0.8, 0.3, 0.2, 0.1]]).double()
    permuted = torch.tensor([[0.9, 0.8, 0.1, 0.3, 0.2]]).double()
    expected = P.partial_ranking_distillation(scores, teacher)
    close(P.partial_ranking_distillation(scores, permuted), expected)
    close(P.partial_ranking_distillation(scores, teacher.exp() * 10, torch.tensor([2])), expected)  # only the order


def test_ties_are_kept_or_not_compared() -> None:
    scores, teacher = torch.tensor([[0.1, 0.4, 0.2]]).double(), torch.tensor([[0.9, 0.9, 0.1]]).double()
    stable = P.partial_ranking_distillation(scores, teacher, temperature=1.0)
    joint = P.partial_ranking_distillation(scores, teacher, temperature=1.0, ties="joint")
    s = scores[0]
    close(stable, s.logsumexp(0) - s[0] + s[1:].logsumexp(0) - s[1])
    close(joint, s[[0, 2]].logsumexp(0) - s[0] + s[[1, 2]].logsumexp(0) - s[1])
    swapped = P.partial_ranking_distillation(scores[:, [1, 0, 2]], teacher, temperature=1.0, ties="joint")
    close(swapped, joint)


def test_nothing_related_is_a_connected_zero() -> None:
    scores = draw(2, 3).requires_grad_()
    value = P.partial_ranking_distillation(scores, torch.zeros(2, 3).double())
    assert value.item() == 0.0
    assert torch.autograd.grad(value, scores)[0].abs().sum() == 0


def test_an_unknown_teacher_score_is_not_hidden() -> None:
    with pytest.raises(InputError, match="teacher_scores must be finite"):
        P.partial_ranking_distillation(draw(1, 3), torch.tensor([[0.5, torch.nan, 0.1]]).double())


def test_the_hardest_negatives_leave_the_positive_out() -> None:
    similarities = torch.tensor([[0.9, 0.5, 0.7, 0.1], [0.2, 0.8, 0.3, 0.9]])
    assert hardest_negatives(similarities, torch.tensor([0, 3]), 2).tolist() == [[2, 1], [1, 2]]
    for k in (0, 4):
        with pytest.raises(InputError, match="k must be from 1 to 3"):
            hardest_negatives(similarities, torch.tensor([0, 3]), k)


def test_the_normalised_logit_loss_is_a_smooth_absolute_difference() -> None:
    student, teacher = draw(3, 4), draw(3, 4, seed=1)
    close(P.binary_kl_norm(student, teacher), 4 * ((student - teacher) / 4).cosh().log().sum(1).mean())
    assert P.binary_kl_norm(student, student).item() == 0.0
    far = torch.tensor([[1e4]], requires_grad=True)
    (slope,) = torch.autograd.grad(P.binary_kl_norm(far, torch.zeros(1, 1)), far)
    assert slope.item() == 1.0  # T / 2, where the released clamp would give 0


def _tokens() -> dict[str, torch.Tensor]:
    labels = torch.tensor([[2, -100, 0], [-100, 1, -100]])
    return {
        "logits": draw(2, 3, 5), "teacher_logits": draw(2, 3, 5, seed=1), "labels": labels,
        "hidden": draw(2, 3, 4, seed=2), "teacher_hidden": draw(2, 3, 4, seed=3),
    }  # fmt: skip


def test_the_terms_are_torchs_with_denominators_of_their_own() -> None:
    given, mask = _tokens(), torch.tensor([[True, True, False], [True, True, True]])
    terms = distillation_terms(**given, mask=mask)
    z, t, g, h = (given[name][mask] for name in ("logits", "teacher_logits", "hidden", "teacher_hidden"))
    teacher = 4 * F.kl_div(F.log_softmax(z / 2, 1), F.softmax(t / 2, 1), reduction="batchmean")
    close(terms["teacher"], teacher)
    close(terms["label"], F.cross_entropy(z, given["labels"][mask]))
    close(terms["cosine"], F.cosine_embedding_loss(g, h, torch.ones(len(g)).double()))
    close(
        P.masked_language_distillation(**given, mask=mask), 5 * terms["teacher"] + 2 * terms["label"] + terms["cosine"]
    )


def test_a_batch_without_labels_has_no_label_term() -> None:
    given = _tokens() | {"labels": torch.full((2, 3), -100)}
    terms = distillation_terms(**given, labelled_only=True)
    assert terms["label"].item() == terms["teacher"].item() == 0.0
    assert P.masked_language_distillation(**given, label_weight=1e9).isfinite()


def test_a_causal_student_predicts_the_next_token() -> None:
    given = _tokens()
    shifted = F.cross_entropy(given["logits"][:, :-1].flatten(0, 1), given["labels"][:, 1:].flatten())
    close(distillation_terms(**given)["next"], shifted)


def test_other_widths_of_the_hidden_states_are_refused() -> None:
    given = _tokens()
    with pytest.raises(InputError, match=r"teacher_hidden must be .* h = 4"):
        P.masked_language_distillation(**given | {"teacher_hidden": given["teacher_hidden"][..., :3]})

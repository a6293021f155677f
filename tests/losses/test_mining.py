"""Selections of triplets and of whole batches against their words, and what goes around a loss of embeddings."""

from __future__ import annotations

import doctest
import io
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from pytorch_metric_learning import losses as peer
from torch import Tensor

import perdita
import perdita.functional as P
from perdita import InputError
from perdita.losses.embedding.mining import batch, triplets
from perdita.losses.embedding.similarity import resolve_similarity
from perdita.losses.embedding.whole_batch.dynamic_margin import gap_histogram, hardest_gaps
from perdita.losses.ranking.smooth_ranks import perturbed_scores

CrossBatchMemory, Matryoshka = perdita.CrossBatchMemory, perdita.Matryoshka
SELECTIONS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "all": triplets.triplet_violations,
    "hard": partial(triplets.triplet_violations, kind="hard"),
    "semi_hard": partial(triplets.triplet_violations, kind="semi_hard"),
    "easy": partial(triplets.triplet_violations, kind="easy"),
    "pair_margin": triplets.pair_margin,
    "easy_hard": triplets.easy_hard,
    "hard_all": partial(triplets.easy_hard, positives="hard", negatives="all"),
    "wide_angle": triplets.wide_angle,
    "hardest_share": batch.hardest_share,
    "even_similarities": partial(batch.even_similarities, bins=5, positives=2, negatives=3),
}


def masks(n: int = 20, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.randn(n, 4, generator=generator, dtype=torch.float64), dim=1)
    y = torch.randint(5, (n,), generator=generator)
    same = y.unsqueeze(0) == y.unsqueeze(1)
    return x @ x.T, same & ~torch.eye(n, dtype=torch.bool), ~same


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_selection_narrows_and_goes_with_a_loss(name: str) -> None:
    similarity, positive, negative = masks()
    near, far = SELECTIONS[name](similarity, positive, negative)
    assert (near <= positive).all()
    assert (far <= negative).all()
    assert (near != positive).any() or (far != negative).any()
    x = torch.randn(12, 4, requires_grad=True)
    value = P.contrastive(x, torch.arange(12) // 3, select=SELECTIONS[name])
    assert torch.isfinite(torch.autograd.grad(value, x)[0]).all()


@pytest.mark.parametrize("name", SELECTIONS)
def test_nothing_to_choose_from(name: str) -> None:
    similarity, positive, _ = masks()
    nothing = torch.zeros_like(positive)
    near, far = SELECTIONS[name](similarity, nothing, nothing)
    assert not near.any()
    assert not far.any()


@pytest.mark.parametrize("kind", ["all", "hard", "semi_hard", "easy"])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_triplets(kind: str, seed: int) -> None:
    similarity, positive, negative = masks(seed=seed)
    lead = similarity.unsqueeze(2) - similarity.unsqueeze(1)  # (a, p, n)
    wanted = {
        "all": lead <= 0.2,
        "hard": lead <= 0,
        "semi_hard": (lead > 0) & (lead <= 0.2),
        "easy": lead > 0.2,
    }[kind] & (positive.unsqueeze(2) & negative.unsqueeze(1))
    near, far = triplets.triplet_violations(similarity, positive, negative, margin=0.2, kind=kind)
    assert torch.equal(near, wanted.any(2))
    assert torch.equal(far, wanted.any(1))


def test_wide_triplets() -> None:
    similarity, positive, negative = masks()
    away = 1.5 + 0.5 * similarity.unsqueeze(2) - similarity.unsqueeze(1) - similarity.T.unsqueeze(0)
    angle = torch.atan((2 - 2 * similarity).clamp_min(0).sqrt().unsqueeze(2) / (2 * away.clamp_min(0).sqrt()))
    wanted = (angle > math.radians(25)) & positive.unsqueeze(2) & negative.unsqueeze(1)
    near, far = triplets.wide_angle(similarity, positive, negative, angle=25.0)
    assert torch.equal(near, wanted.any(2))
    assert torch.equal(far, wanted.any(1))
    with pytest.raises(InputError, match="against itself"):
        triplets.wide_angle(similarity[:3], positive[:3], negative[:3])


def test_shares_of_a_batch() -> None:
    similarity, positive, negative = masks()
    near, far = batch.hardest_share(similarity, positive, negative, share=0.3)
    assert near.sum() == math.ceil(0.3 * positive.sum().item())
    assert similarity[near].max() <= similarity[positive & ~near].min()
    assert similarity[far].min() >= similarity[negative & ~far].max()
    drawn = partial(batch.even_similarities, similarity, positive, negative, bins=4, positives=2, negatives=3)
    near, far = drawn(generator=torch.Generator().manual_seed(0))
    for kind, pairs, most in ((near, positive, 2), (far, negative, 3)):
        every, own = similarity[pairs], similarity[kind]
        place = ((own - every.min()) / (every.max() - every.min()) * 4).floor().clamp(max=3).long()
        assert (place.bincount(minlength=4) <= most).all()
        assert (place.bincount(minlength=4) > 0).all()
    again = drawn(generator=torch.Generator().manual_seed(0))
    assert torch.equal(again[0], near)
    assert not torch.equal(drawn(generator=torch.Generator().manual_seed(1))[1], far)


@pytest.mark.parametrize(
    "call",
    [
        partial(triplets.triplet_violations, kind="semihard"),
        partial(triplets.easy_hard, positives="semi_hard"),
        partial(triplets.easy_hard, positives="all"),
        partial(triplets.easy_hard, negatives="some"),
        partial(batch.hardest_share, share=1.5),
        partial(batch.even_similarities, bins=0),
    ],
)
def test_bad_settings_are_named(call: Callable[..., object]) -> None:
    with pytest.raises(InputError):
        call(*masks())


def test_the_memory_is_that_of_the_package_over_several_batches() -> None:
    theirs = peer.CrossBatchMemory(peer.NTXentLoss(), 5, memory_size=40).double()
    ours = CrossBatchMemory(perdita.NtXent(temperature=0.07), dimension=5, size=40).double()
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):  # the third batch begins to overwrite the first
        x = torch.randn(16, 5, generator=generator, dtype=torch.float64, requires_grad=True)
        y = torch.arange(4).repeat(4)
        values = ours(x, y), theirs(x, y)
        gradients = [torch.autograd.grad(value, x)[0] for value in values]
        if not theirs.has_been_filled:  # then every anchor has as many positives
            torch.testing.assert_close(*values)
            torch.testing.assert_close(*gradients)
        torch.testing.assert_close(ours.embedding[ours.filled], theirs.embedding_memory[: int(ours.filled.sum())])


def test_the_memory_is_part_of_the_state() -> None:
    memory = CrossBatchMemory(perdita.SupCon(), dimension=3, size=8)
    memory(torch.randn(6, 3), torch.arange(6) // 2)
    twin = CrossBatchMemory(perdita.SupCon(), dimension=3, size=8)
    held = io.BytesIO()
    torch.save(memory.state_dict(), held)
    held.seek(0)
    twin.load_state_dict(torch.load(held))
    x, y = torch.randn(6, 3), torch.arange(6) // 2
    torch.testing.assert_close(memory(x, y), twin(x, y))


@pytest.mark.parametrize(
    "make", [lambda: perdita.InfoNce(), lambda: perdita.Mse(), lambda: perdita.ArcFace(classes=2, dimension=3)]
)
def test_a_memory_wants_a_pair_loss_with_labels(make: Callable[[], torch.nn.Module]) -> None:
    with pytest.raises(InputError, match="criterion"):
        CrossBatchMemory(make(), dimension=3)
    with pytest.raises(InputError, match="at most 4"):
        CrossBatchMemory(perdita.SupCon(), dimension=3, size=4)(torch.randn(5, 3), torch.arange(5))


@pytest.mark.parametrize("shown", [CrossBatchMemory, Matryoshka])
def test_the_example_runs(shown: type) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    example = doctest.DocTestParser().get_doctest(shown.__doc__, {"torch": torch, "perdita": perdita}, "", None, None)
    assert len(example.examples) >= 2
    assert runner.run(example).failed == 0


def test_nested_embeddings() -> None:
    x, y = torch.randn(8, 6), torch.arange(8) // 2
    nested = Matryoshka(perdita.SupCon(), dimensions=(6, 3), weights=(1.0, 0.5))
    torch.testing.assert_close(nested(x, y), P.sup_con(x, y) + 0.5 * P.sup_con(x[:, :3], y))
    heads = [perdita.NormFace(classes=4, dimension=d) for d in (6, 2)]
    separate = Matryoshka(heads, dimensions=(6, 2))
    torch.testing.assert_close(separate(x, y), heads[0](x, y) + heads[1](x[:, :2], y))
    with pytest.raises(InputError, match="6 numbers"):
        nested(x[:, :5], y)
    with pytest.raises(InputError, match="as many"):
        Matryoshka(perdita.SupCon(), dimensions=(6, 3), weights=(1.0,))
    with pytest.raises(InputError, match="dimensions"):
        Matryoshka(perdita.SupCon(), dimensions=())


def test_a_moving_histogram_of_gaps() -> None:
    first, second = torch.randn(2, 9, 4, dtype=torch.float64)
    gaps = hardest_gaps(first, second)
    own = gap_histogram(gaps)
    assert own.sum().item() == pytest.approx(1.0)
    torch.testing.assert_close(
        P.dynamic_soft_margin(first, second, histogram=own), P.dynamic_soft_margin(first, second)
    )
    flat = torch.full((10,), 0.1, dtype=torch.float64)
    moved = gap_histogram(gaps, previous=flat, momentum=0.25)
    torch.testing.assert_close(moved, 0.75 * flat + 0.25 * own)
    distance = -resolve_similarity("normalized_euclidean")(first, second)
    hardest = min([distance[0, j] for j in range(1, 9)] + [distance[j, 0] for j in range(1, 9)])
    torch.testing.assert_close(gaps[0], distance[0, 0] - hardest)


def test_perturbed_scores_are_drawn_from_a_gumbel() -> None:
    drawn = perturbed_scores(torch.zeros(1, 1), samples=20000, scale=2.0, generator=torch.Generator().manual_seed(0))
    assert drawn.mean().item() == pytest.approx(2 * 0.5772, abs=0.05)
    assert drawn.std().item() == pytest.approx(2 * math.pi / math.sqrt(6), abs=0.05)

"""Losses over sets: prototypes, neighbourhoods, submodular functions of classes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

import perdita.functional as P
from perdita import InputError
from perdita.losses.embedding.neighborhoods import neighborhood_score
from perdita.losses.embedding.prototypes import class_prototypes, rounded_distance
from tests.references.embedding.prototypes import neighborhood_quality

SETS = ["facility_location", "soft_facility_location", "graph_cut", "graph_cut_ratio", "log_determinant",
        "submodular_sup_con", "submodular_neighbors", "submodular_triplet", "neighborhood_quality"]  # fmt: skip


def drawn(seed: int, n: int = 20, d: int = 4, classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(classes, (n,), generator=generator)
    return torch.randn(n, d, generator=generator, dtype=torch.float64), label


def around(angle: float, spread: float = 0.3) -> tuple[Tensor, Tensor]:
    """Two classes of four directions in the plane, an angle apart."""
    offset = torch.linspace(-spread, spread, 4, dtype=torch.float64)
    theta = torch.cat([offset, angle + offset])
    return torch.stack([theta.cos(), theta.sin()], 1), torch.arange(2).repeat_interleave(4)


def test_prototypes_are_means() -> None:
    embedding, label = drawn(0)
    found = class_prototypes(embedding, label, 4)
    for c in range(3):
        torch.testing.assert_close(found[c], embedding[label == c].mean(0))
    assert (found[3] == 0).all()  # a class without an item


def test_proto_triplet_is_a_hard_triplet_against_prototypes() -> None:
    query, label = drawn(1)
    prototypes = class_prototypes(*drawn(2), 3)
    found = P.proto_triplet(query, label, prototypes, margin=0.7)
    expected = P.triplet(
        query,
        label,
        reference=prototypes,
        reference_label=torch.arange(3),
        kind="hard",
        margin=0.7,
        similarity=lambda x, y: -rounded_distance(x, y),
    )
    torch.testing.assert_close(found, expected)


def test_one_prototype_and_a_query_upon_it() -> None:
    query = torch.ones(2, 3, requires_grad=True)
    alone = P.proto_triplet(query, torch.zeros(2, dtype=torch.int64), torch.ones(1, 3), margin=1.0)
    assert alone.item() == 0.0
    P.proto_triplet(query, torch.zeros(2, dtype=torch.int64), torch.ones(2, 3), margin=1.0).backward()
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize(("k", "neighbors"), [(1, None), (3, None), (4, 6), (4, 2), (7, 19), (30, None)])
@pytest.mark.parametrize("masked", [False, True])
def test_neighborhoods_sorted_item_by_item(k: int, neighbors: int | None, masked: bool) -> None:
    embedding, label = drawn(3)
    mask = torch.arange(20) % 5 != 1 if masked else None
    found = P.neighborhood_quality(embedding, label, k=k, neighbors=neighbors, mask=mask)
    own = None if mask is None else mask.numpy()
    expected = neighborhood_quality(embedding.numpy(), label.numpy(), k=k, neighbors=neighbors, mask=own)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_neighborhoods_against_prototypes() -> None:
    """One query: a prototype of its class at 1, of others at 2 and 4; all of three references are judged by k = 1."""
    reference, theirs = torch.tensor([[1.0], [-2.0], [4.0]], dtype=torch.float64), torch.tensor([0, 1, 2])
    query, label = torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])
    found = neighborhood_score(query, label, k=1, neighbors=3, reference=reference, reference_label=theirs)
    assert found.purity.item() == found.different.item() == 1.0
    assert found.same.item() == pytest.approx(1 - 1 / 2, abs=1e-6)
    assert found.score.item() == pytest.approx((0.75 + 1) / 2, abs=1e-6)


def test_neighborhoods_of_a_few_items_and_bad_input() -> None:
    for n in range(3):
        embedding = torch.randn(n, 2, requires_grad=True)
        value = P.neighborhood_quality(embedding, torch.arange(n))
        value.backward()
        assert value.item() == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(InputError, match="k must be"):
        P.neighborhood_quality(torch.randn(5, 2), torch.arange(5), k=0)
    with pytest.raises(InputError, match="one of them is missing"):
        neighborhood_score(torch.randn(5, 2), torch.arange(5), reference=torch.randn(2, 2))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("label", [[0, 0, 0, 0, 0], [0, 1, 2, 3, 4], [0, 0, 1, 1, 1]])
@pytest.mark.parametrize("embedding", [torch.ones(5, 3), torch.zeros(5, 3), torch.eye(5)])
def test_degenerate_sets_stay_finite(name: str, label: list[int], embedding: Tensor) -> None:
    """One class, singletons, equal items, zero vectors."""
    given = embedding.clone().requires_grad_()
    value = getattr(P, name)(given, torch.tensor(label))
    (gradient,) = torch.autograd.grad(value, given)
    assert value.isfinite()
    assert gradient.isfinite().all()


def submodular(name: str, similarity: Tensor, trade_off: float):
    """The set function of an item list over the ground set."""
    everything = range(len(similarity))

    def facility(chosen: list[int]) -> float:
        return sum(max(similarity[i, j].item() for j in chosen) for i in everything)

    def cut(chosen: list[int]) -> float:
        rest = [j for j in everything if j not in chosen]
        pairs = sum(similarity[i, j].item() for i, j in itertools.product(chosen, rest))
        return pairs - trade_off * sum(similarity[i, j].item() for i, j in itertools.product(chosen, chosen))

    return facility if name == "facility_location" else cut


@pytest.mark.parametrize("name", ["facility_location", "graph_cut"])
@pytest.mark.parametrize("form", ["information", "correlation"])
def test_sums_are_the_set_functions(name: str, form: str) -> None:
    embedding, label = drawn(4, n=9)
    unit = embedding / embedding.norm(dim=1, keepdim=True)
    function = submodular(name, unit @ unit.T, 0.6)
    expected = sum(function((label == c).nonzero().flatten().tolist()) for c in label.unique())
    if form == "correlation":
        expected -= function(list(range(9)))
    if name == "graph_cut" and form == "information":
        expected += 0.6 * 9  # the constant similarity of an item with itself
    given = {} if name == "facility_location" else {"trade_off": 0.6}
    found = getattr(P, name)(embedding, label, form=form, reduction="sum", **given)
    assert found.item() == pytest.approx(expected)


def test_the_log_determinant_is_a_fischer_gap() -> None:
    for seed in range(5):
        assert P.log_determinant(*drawn(seed)).item() > 0
    orthogonal = torch.block_diag(*torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)).double())
    label = torch.arange(3).repeat_interleave(4)
    assert P.log_determinant(orthogonal, label).item() == pytest.approx(0.0, abs=1e-12)
    members = [orthogonal[label == c] / orthogonal[label == c].norm(dim=1, keepdim=True) for c in range(3)]
    each = [torch.linalg.det(x @ x.T + 0.5 * torch.eye(4, dtype=x.dtype)).log().item() for x in members]
    assert P.log_determinant(orthogonal, label, form="information").item() == pytest.approx(sum(each))
    assert P.log_determinant(orthogonal, label, form="released_information").item() == pytest.approx(-sum(each) / 3)


CORRELATIONS = {
    "facility_location": {},
    "soft_facility_location": {},
    "graph_cut": {"form": "correlation"},
    "graph_cut_ratio": {},
    "log_determinant": {},
}


@pytest.mark.parametrize("name", [*CORRELATIONS, "submodular_sup_con", "submodular_neighbors", "submodular_triplet"])
def test_turning_classes_apart_helps(name: str) -> None:
    values = [getattr(P, name)(*around(angle), **CORRELATIONS.get(name, {})).item() for angle in (0.7, 0.9, 1.1)]
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize(
    ("name", "given"),
    [("graph_cut", {}), ("submodular_sup_con", {"temperature": 0.5}), ("log_determinant", {"form": "information"})],
)
def test_contracting_a_class_helps(name: str, given: dict[str, object]) -> None:
    wide, narrow = (getattr(P, name)(*around(math.pi / 2, spread), **given).item() for spread in (0.4, 0.2))
    assert narrow < wide


@pytest.mark.parametrize("masked", ["zero", "exclude"])
def test_facility_location_as_released_ignores_what_is_within_a_class(masked: str) -> None:
    """Its gradient is that of the similarities to other classes alone: two classes, one of them a point."""
    embedding = torch.tensor([[1.0, 0.0, 0.2], [1.0, 0.0, -0.2], [0.0, 1.0, 0.0]], dtype=torch.float64)
    label = torch.tensor([0, 0, 1])
    moved = embedding * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    closer = torch.cat([embedding[:1], embedding[:1], embedding[2:]])  # the same similarity to the other class
    values = [P.soft_facility_location(x, label, masked=masked).item() for x in (embedding, moved, closer)]
    assert values == pytest.approx([values[0]] * 3)


def test_familiar_losses_among_them() -> None:
    """The contrastive loss without thresholds is a graph cut by means; submodular SupCon a soft location and a cut."""
    embedding, _ = drawn(6, n=12)
    label = torch.arange(12) // 4  # |P| = 3 and |N| = 8 for every anchor
    contrastive = P.contrastive(embedding, label, positive_threshold=1.0, negative_threshold=-1.0)
    cut = P.graph_cut(embedding, label, trade_off=8 / 3)
    torch.testing.assert_close(contrastive, 2 + cut / 8)
    location = P.soft_facility_location(embedding, label, temperature=0.5, masked="exclude")
    within = P.graph_cut(embedding, label) - P.graph_cut(embedding, label, form="correlation") / 2  # - sum over P
    sup_con = P.submodular_sup_con(embedding, label, temperature=0.5)
    torch.testing.assert_close(sup_con, location + within / 0.5 / 12)
    far = P.soft_facility_location(embedding, label, temperature=1e-3, masked="exclude") * 1e-3
    nearest = (
        (embedding @ embedding.T / embedding.norm(dim=1) / embedding.norm(dim=1, keepdim=True))
        .masked_fill(label.unsqueeze(1) == label, -torch.inf)
        .amax(1)
    )
    torch.testing.assert_close(far, nearest.mean(), atol=3e-3, rtol=0.0)  # the maximum, within T log |N|

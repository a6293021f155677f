"""Mixtures in pair losses, and embeddings of faces' halves."""

import math

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.judge.utilization import utilization
from perdita.losses.embedding.mixed_pairs import mixed_cosines, pair_masks
from perdita.training.embeddings.metric_mixup import (
    Partners,
    draw_pairing,
    draw_partners,
    draw_share,
    mix_items,
    mixed_pair_loss,
    mixed_proxy_loss,
)


def drawn(n=10, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64), torch.arange(n) % 3


@pytest.mark.parametrize("pairing", ["positive", "anchor"])
def test_cosines_of_mixtures_are_those_of_mixtures_that_were_made(pairing):
    x, label = drawn()
    label[0] = 7  # alone in its class
    positive, negative = pair_masks(label, None)
    cosine, copies = mixed_cosines(x, positive, negative, share=0.3, pairing=pairing)
    first = torch.arange(10) if pairing == "anchor" else positive.long().argmax(1)
    mixture = 0.3 * x[first].unsqueeze(1) + 0.7 * x
    expected = torch.nn.functional.cosine_similarity(x.unsqueeze(1), mixture, dim=2)
    torch.testing.assert_close(cosine[copies > 0], expected[copies > 0])
    alone = torch.arange(10) == 0
    counted = copies.sum(1) > 0
    assert torch.equal(counted, alone if pairing == "anchor" else ~alone)


def test_a_share_of_one_pulls_to_the_first_positive():
    x, label = drawn()
    clean = P.mixed_contrastive(x, label, share=1.0, mix_weight=0.0)
    mixed = P.mixed_contrastive(x, label, share=1.0, mix_weight=1.0) - clean
    positive, _ = pair_masks(label, None)
    first = positive.long().argmax(1)
    unit = torch.nn.functional.normalize(x)
    counts = positive.sum(1) * (label.unsqueeze(0) != label.unsqueeze(1)).sum(1)
    distance = (unit - unit[first]).norm(dim=1)
    torch.testing.assert_close(mixed, (counts * distance).sum() / counts.sum())


@pytest.mark.parametrize("loss", [P.mixed_contrastive, P.mixed_multi_similarity])
@pytest.mark.parametrize("pairing", ["positive", "anchor"])
@pytest.mark.parametrize("label", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 2]])
def test_one_class_no_positives_and_equal_embeddings_stay_finite(loss, pairing, label):
    for x in (torch.ones(4, 3), torch.zeros(4, 3), torch.eye(4)[:, :3], -torch.eye(4)[:, :3]):
        leaf = x.clone().requires_grad_()
        value = loss(leaf, torch.tensor(label), pairing=pairing)
        (gradient,) = torch.autograd.grad(value, leaf)
        assert value.isfinite()
        assert gradient.isfinite().all()


def test_partners_belong_and_do_not():
    label = torch.tensor([0, 0, 1, 1, 1, 2])
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(50):
        partners = draw_partners(label, generator=generator)
        assert partners.there.tolist() == [True] * 5 + [False]
        own = torch.arange(6)[partners.there]
        first, second = partners.first[partners.there], partners.second[partners.there]
        assert (label[first] == label[own]).all()
        assert (first != own).all()
        assert (label[second] != label[own]).all()
        seen.add(int(second[0]))
    assert seen == {2, 3, 4, 5}
    anchors = draw_partners(label, pairing="anchor", generator=generator)
    assert torch.equal(anchors.first, torch.arange(6))
    assert anchors.there.all()
    assert not draw_partners(torch.zeros(3, dtype=torch.long)).there.any()
    with pytest.raises(perdita.InputError, match="pairing"):
        draw_partners(label, pairing="both")


def test_hard_partners_are_the_closest_negatives():
    label = torch.tensor([0, 0, 1, 1, 1])
    embedding = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3], [0.0, 1.0], [1.0, 0.6]])
    generator = torch.Generator().manual_seed(0)
    drawn = [draw_partners(label, embedding=embedding, hard_k=2, generator=generator).second for _ in range(40)]
    assert {int(second[0]) for second in drawn} == {2, 4}
    hardest = draw_partners(label, embedding=embedding, hard_k=1, generator=generator)
    assert hardest.second.tolist() == [2, 2, 1, 1, 1]
    everything = draw_partners(label, embedding=embedding, hard_k=9, generator=torch.Generator().manual_seed(1))
    assert torch.equal(everything.second, draw_partners(label, generator=torch.Generator().manual_seed(1)).second)
    for wrong in ({"hard_k": 0, "embedding": embedding}, {"hard_k": 2}):
        with pytest.raises(perdita.InputError, match="hard_k"):
            draw_partners(label, **wrong)


def test_shares_and_pairings_come_from_the_generator():
    shares = [draw_share(2.0, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert shares[0] == shares[1]
    generator = torch.Generator().manual_seed(0)
    many = torch.tensor([draw_share(2.0, generator=generator) for _ in range(400)])
    assert many.mean().item() == pytest.approx(0.5, abs=0.04)
    assert many.var().item() == pytest.approx(0.05, abs=0.01)  # of Beta(2, 2)
    assert {draw_pairing(generator) for _ in range(20)} == {"positive", "anchor"}
    with pytest.raises(perdita.InputError, match="concentration"):
        draw_share(0.0)


def test_items_of_any_shape_are_mixed():
    images = torch.arange(2 * 3 * 4.0).view(2, 3, 4)
    partners = Partners(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2, dtype=torch.bool))
    found = mix_items(images, partners, 0.25)
    torch.testing.assert_close(found[0], 0.25 * images[0] + 0.75 * images[1])


@pytest.mark.parametrize("loss", [P.contrastive, P.sup_con, P.triplet, P.multi_similarity, P.circle])
def test_any_pair_loss_takes_mixtures(loss):
    x, label = drawn()
    x.requires_grad_()
    partners = draw_partners(label, generator=torch.Generator().manual_seed(1))
    mixed = mix_items(x, partners, 0.6)
    values = [mixed_pair_loss(loss, x, label, mixed, partners, share) for share in (0.0, 0.6, 1.0)]
    torch.testing.assert_close(values[1], 0.4 * values[0] + 0.6 * values[2]) if loss is not P.triplet else None
    assert torch.autograd.grad(values[1], x)[0].isfinite().all()


def test_a_mixture_is_one_more_positive_and_one_more_negative():
    """By hand: the contrastive loss of one anchor that meets one positive, one negative and its mixture."""
    x = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], dtype=torch.float64)
    label = torch.tensor([0, 0, 1])
    partners = Partners(torch.tensor([1, 0, 0]), torch.tensor([2, 2, 0]), torch.tensor([True, False, False]))
    mixed = mix_items(x, partners, 0.5)
    s = torch.nn.functional.cosine_similarity(x[0], mixed[0], dim=0).item()
    near = (0.4 + 1 - s) / 2 + 0.0  # positives at 0.6 and s, the negative at 0
    far = 0.4 + max(0.0, s - 0.5) / 2
    found = mixed_pair_loss(P.contrastive, x, label, mixed, partners, 0.3)
    assert found.item() == pytest.approx(0.3 * near + 0.7 * far)


def test_a_mixture_belongs_to_the_proxy_of_its_first_partner_by_the_share():
    x, label = drawn()
    partners = draw_partners(label, generator=torch.Generator().manual_seed(1))
    mixed = mix_items(x, partners, 0.3).requires_grad_()
    proxies = perdita.ProxyAnchor(classes=int(label.max()) + 2, dimension=x.shape[1], margin=0.1, scale=4.0)
    vectors = torch.nn.functional.normalize(proxies.class_vectors.detach().double(), dim=1)
    terms = []
    for k, vector in enumerate(vectors):
        own = [i for i in range(len(label)) if partners.there[i] and label[partners.first[i]] == k]
        cosines = [torch.nn.functional.cosine_similarity(mixed[i], vector, dim=0).item() for i in own]
        near = math.log(1 + sum(0.3 * math.exp(-4 * (c - 0.1)) for c in cosines))
        far = math.log(1 + sum(0.7 * math.exp(4 * (c + 0.1)) for c in cosines))
        terms += [near + far] if own else []
    found = mixed_proxy_loss(proxies, label, mixed, partners, 0.3)
    assert found.item() == pytest.approx(sum(terms) / len(terms), rel=1e-6)
    alone = mixed_proxy_loss(proxies, label, mixed, partners._replace(there=torch.zeros_like(partners.there)), 0.3)
    assert alone.item() == 0
    assert torch.autograd.grad(alone, mixed)[0].eq(0).all()


def test_only_pair_losses_of_labels_take_mixtures():
    x, label = drawn()
    partners = draw_partners(label)
    for loss in (P.cross_entropy, P.info_nce):
        with pytest.raises(perdita.InputError, match="pair loss"):
            mixed_pair_loss(loss, x, label, x, partners, 0.5)


def test_utilization():
    generator = torch.Generator().manual_seed(0)
    queries, references = torch.randn(30, 4, generator=generator), torch.randn(20, 4, generator=generator)
    slow = sum(min(((q - x) ** 2).sum().item() for x in references) for q in queries) / 30
    assert utilization(queries, references).item() == pytest.approx(slow, rel=1e-5)
    assert utilization(queries, queries).item() == 0
    assert utilization(queries, torch.cat([references, queries[:5]])) < utilization(queries, references)
    with pytest.raises(perdita.InputError, match="queries"):
        utilization(queries, references[:, :3])
    with pytest.raises(perdita.InputError, match="at least one"):
        utilization(queries, references[:0])

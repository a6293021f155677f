"""Kinds, options and edges of embedding and recommender papers that the vectors at hand do not use, written out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.golden.adapters import load_adapters
from tests.golden.papers.ranking import IN_BATCH
from tests.golden.reader import UnreadError

GENERATOR = torch.Generator().manual_seed(11)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def run(slug: str, inputs: dict[str, Any], **params: Any) -> dict[str, Any]:
    given = {name: value.tolist() if isinstance(value, Tensor) else value for name, value in inputs.items()}
    return dict(load_adapters()[slug](given, params))


def agree(got: dict[str, Any], value: Tensor, **leaves: Tensor) -> None:
    """The loss, and its gradients with respect to named tensors."""
    torch.testing.assert_close(got["loss"].detach(), value.detach(), rtol=1e-10, atol=1e-12)
    found = torch.autograd.grad(value, list(leaves.values()))
    for name, expected in zip(leaves, found, strict=True):
        torch.testing.assert_close(got[f"grad_{name}"], expected, rtol=1e-9, atol=1e-11)


# positive correlations between all items, so that graph cut's sums are above 0
FEATURES = F.normalize(1 + 0.8 * normal(6, 2, 5), dim=2)
LABELS = torch.tensor([0, 0, 1, 1, 1, 2])


def released(kind: str, features: Tensor, temperature: float, factor: float, trade_off: float) -> Tensor:
    """The released code's values as the dossier of the paper puts them, row by row."""
    z, y = features.transpose(0, 1).flatten(0, 1), LABELS.repeat(2)
    z = F.normalize(z, dim=1) if kind == "gc_sf" else z  # its kernel scales what is scaled already
    n, similarity = len(z), z @ z.T
    rows = []
    for i in range(n):
        p = [j for j in range(n) if j != i and y[j] == y[i]]
        q = [j for j in range(n) if y[j] != y[i]]
        s = similarity[i] / temperature
        if kind == "gc_sf":
            rows.append(-torch.log(trade_off * similarity[i, p].sum() / similarity[i, q].sum()))
        elif kind == "submod_supcon":
            shifted = s - s.max().detach()
            rows.append((shifted[q].exp().sum().log() * n - shifted[p].sum()) / n)
        elif kind == "submod_snn":
            square = (z[i] - z).square().sum(1) / temperature
            rows.append(
                torch.log(square[p].exp().sum() + n - len(p)) + torch.log(s[q].exp().sum() + n - len(q))
            )  # what a mask takes out is e^0
        else:
            square = similarity[i].square() / temperature
            shifted = square - square.max().detach()
            rows.append(shifted[p].sum() - shifted[q].sum())
    return factor * torch.stack(rows).mean()


@pytest.mark.parametrize("kind", ["gc_sf", "submod_supcon", "submod_snn", "submod_triplet", "logdet_sf"])
def test_the_released_kinds_of_submodular_losses(kind: str) -> None:
    features = FEATURES.clone().requires_grad_()
    params: dict[str, Any] = {"kind": kind, "temperature": 0.2, "base_temperature": 0.1}
    params |= {"lamda": 0.5} if kind == "gc_sf" else {"diag": 0.5} if kind == "logdet_sf" else {}
    if kind == "logdet_sf":
        z, y = features.transpose(0, 1).flatten(0, 1), LABELS.repeat(2)
        own = [torch.logdet(z[y == k] @ z[y == k].T + 0.5 * torch.eye(int((y == k).sum()))) for k in range(3)]
        value = -2.0 * torch.stack(own).mean()
    else:
        value = released(kind, features, 0.2, 2.0, 0.5)
    agree(run("score-submodular", {"features": FEATURES, "labels": LABELS}, **params), value, features=features)


def test_an_unknown_kind_or_a_param_that_plays_no_part_is_an_error() -> None:
    inputs = {"features": FEATURES, "labels": LABELS}
    with pytest.raises(UnreadError, match="'submod_fl'"):
        run("score-submodular", inputs, kind="submod_fl")
    with pytest.raises(UnreadError, match="param diag"):
        run("score-submodular", inputs, kind="fl", diag=0.5)


def test_prototypes_are_means_of_several_shots() -> None:
    support, query = normal(6, 3).requires_grad_(), normal(4, 3).requires_grad_()
    kinds, own = torch.tensor([7, 2, 4, 2, 7, 4]), torch.tensor([2, 2, 4, 7])
    means = torch.stack([support[kinds == k].mean(0) for k in (2, 4, 7)])
    apart = ((query.unsqueeze(1) - means).square().sum(2) + 1e-6).sqrt()
    terms = []
    for row, k in zip(apart, (0, 0, 1, 2), strict=True):
        others = torch.stack([row[c] for c in range(3) if c != k])
        terms.append((row[k] - others.min() + 0.5).clamp(min=0))
    inputs = {"support": support, "support_labels": kinds, "query": query, "query_labels": own}
    distance = "sqrt(squared_euclidean + 1e-6)"
    got = run("susana", inputs, kind="proto_triplet", margin=0.5, distance=distance)
    agree(got, torch.stack(terms).mean(), support=support, query=query)


def test_multi_similarity_against_references_has_no_self_pairs() -> None:
    embeddings, references = (F.normalize(normal(n, 4), dim=1).requires_grad_() for n in (4, 6))
    labels, theirs = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 2, 2, 3])
    same = labels.unsqueeze(1) == theirs
    s = embeddings @ references.T - 0.5
    pull = (1 + torch.where(same, (-2 * s).exp(), 0.0).sum(1)).log() / 2
    push = (1 + torch.where(~same, (50 * s).exp(), 0.0).sum(1)).log() / 50
    inputs = {"embeddings": embeddings, "labels": labels, "ref_embeddings": references, "ref_labels": theirs}
    shape = {"alpha": 2.0, "beta": 50.0, "base": 0.5, "epsilon": 0.1, "mining": False, "normalize": False}
    got = run("multi-similarity", inputs, **shape, reduction="mean over all anchors")
    agree(got, (pull + push).mean(), embeddings=embeddings, ref_embeddings=references)


@pytest.mark.parametrize("weight", [None, 0, 0.0])
def test_simplex_without_a_weight_sums_its_negatives(weight: float | None) -> None:
    scores = (2 * torch.rand(3, 5, generator=GENERATOR, dtype=torch.float64) - 1).requires_grad_()
    value = ((1 - scores[:, 0]).clamp(min=0) + (scores[:, 1:] - 0.2).clamp(min=0).sum(1)).mean()
    layout = "scores[:,0] is the positive"
    got = run("simplex-ccl", {"scores": scores}, margin=0.2, negative_weight=weight, layout=layout)
    agree(got, value, scores=scores)


def test_unpg_without_a_filter_takes_every_negative() -> None:
    features, weight = normal(5, 4).requires_grad_(), normal(3, 4).requires_grad_()
    labels = torch.tensor([0, 1, 2, 0, 1])
    unit, vectors = F.normalize(features, dim=1), F.normalize(weight, dim=1)
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5) if labels[a] != labels[b]]
    negatives = torch.stack([unit[a] @ unit[b] for a, b in pairs])
    logits = unit @ vectors.T - 0.35 * F.one_hot(labels, 3).double()
    every = 16 * torch.cat([logits, negatives.expand(5, -1)], 1)
    got = run(
        "unpg", {"features": features, "weight": weight, "labels": labels}, head="cosface", s=16.0, m=0.35,
        whisker=None, negatives=len(pairs), reduction="mean",
    )  # fmt: skip
    agree(got, F.cross_entropy(every, labels), features=features, weight=weight)


def test_the_last_of_an_odd_batch_has_no_partner() -> None:
    points = 0.3 * normal(5, 3)
    params = {"kind": "hyp_pc", "c": 0.1, "inverse": "artanh", "mobius_eps": 1e-5}
    params["divisor"] = "batch size (all points, not pairs)"
    odd, even = (run("hyp-oc", {"points": points[:count]}, **params) for count in (5, 4))
    assert odd["loss"] == even["loss"]
    assert not odd["grad_points"][4].any()
    assert odd["grad_points"][:4].equal(even["grad_points"])


def test_the_soft_form_of_several_heads() -> None:
    positive, negative = normal(2, 3).tanh().requires_grad_(), normal(2, 3, 4).tanh().requires_grad_()
    own, other = 0.5 + torch.rand(2, 3, dtype=torch.float64), 0.5 + torch.rand(2, 3, 4, dtype=torch.float64)
    logits = torch.cat([(positive / own).unsqueeze(2), negative / other], 2)
    value = (logits.logsumexp(2) - positive / own + 0.1 * (4 * own.log() + 1 / own)).sum(0).mean()
    said = {"axes": "sim_pos (C,B), sim_neg (C,B,N)", "reduction": "sum over heads, mean over anchors"}
    said["argmax"] = "over similarity, before dividing by temperature"
    inputs = {"sim_pos": positive, "sim_neg": negative, "tau_pos": own, "tau_neg": other}
    got = run("amcl", inputs, beta=0.1, d_prime=8, hard=False, **said)
    agree(got, value, sim_pos=positive, sim_neg=negative)


def test_unbalanced_clusters_repeat_in_the_last_batches() -> None:
    """Clusters of 4, 2 and 1: (rank, cluster) orders a b c, a b a, and the rest is no full batch."""
    labels = torch.tensor([0, 0, 1, 0, 2, 1, 0])
    got = run("g-simclr", {"cluster_labels": labels}, kind="guided_order", batch_size=3,
              sort="by (rank within cluster, cluster id, index)")  # fmt: skip
    assert got["order"].tolist() == [0, 2, 4, 1, 5, 3, 6]
    assert got["duplicates_per_full_batch"] == [0, 1]


def test_the_exponential_kernel_is_one_at_its_anchor() -> None:
    everything = 100 + normal(5, 3)  # far from 0, where |x|^2 + |y|^2 - 2 x y rounds
    observed, weights = 100 + normal(4, 3), 0.5 + torch.rand(4, dtype=torch.float64, generator=GENERATOR)
    anchors = torch.tensor([1, 3])

    def kernel(rows: Tensor) -> Tensor:
        return torch.stack([(-0.5 * (rows - everything[j]).norm(dim=1)).exp() for j in (1, 3)], 1)

    gap = kernel(everything).mean(0) - weights @ kernel(observed) / 4
    value = (weights * weights.log()).mean() + 2.0 * ((gap - 0.01).clamp(min=0) + (-gap - 0.01).clamp(min=0)).sum()
    got = run(
        "kernel-balancing", {"weights": weights, "features_observed": observed, "features_all": everything,
        "anchors": anchors}, kernel="exponential", bandwidth=0.5, slack=0.01, gamma=2.0, hinge="per_function",
        anchor_rows="indices into features_all",
    )  # fmt: skip
    torch.testing.assert_close(got["loss"].detach(), value, rtol=1e-9, atol=1e-12)


def test_a_cross_network_without_normalisation() -> None:
    x, w, b = normal(2, 1, 4).requires_grad_(), normal(1, 2, 4), normal(1, 4)
    readout, bias = normal(1, 4), normal(1)
    half = x @ w[0].T
    crossed = torch.cat([half, half * half.relu()], -1) + b[0]
    logit = (x * crossed + x) @ readout.T + bias
    inputs = {"x": x, "w": w, "b": b, "fc_weight": readout, "fc_bias": bias}
    agree(run("fcn-tribce", inputs, kind="ecn", layers=1, layer_norm=False, dropout=0), logit.sum(), x=x)


def test_mann_whitney_of_one_query_with_hard_negatives() -> None:
    scores = normal(1, 3).requires_grad_()
    value = -F.logsigmoid((scores[0, 0] - scores[0, 1:]) / 0.5).sum()
    got = run("mw-auc", {"scores": scores}, kind="mw", tau=0.5, num_hard=2, reduction="paper", layout=IN_BATCH)
    agree(got, value, scores=scores)


def test_mixtures_with_a_share_of_one_and_none() -> None:
    """With lambda 1 a mixture is the anchor's first positive; with lambda 0 it is the negative itself."""
    x, labels = normal(6, 4), torch.tensor([0, 0, 0, 1, 2, 2])
    unit = F.normalize(x, dim=1)
    apart = torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist")
    said = {"base": "contrastive pos_margin 0, neg_margin 0.5, euclidean on L2-normalised", "mix_weight": 1.0}
    said["reduction"] = "mean over non-zero terms, positives and negatives separately"
    pulled, pushed = [], []
    for a in range(6):
        own = [p for p in range(6) if p != a and labels[p] == labels[a]]
        other = [n for n in range(6) if labels[n] != labels[a]]
        pulled += [apart[a, own[0]]] * (len(own) * len(other)) if own else []
        pushed += [(0.5 - apart[a, n]).clamp(min=0) for n in other for _ in own]
    inputs = {"embeddings": x, "labels": labels}
    got = run("metrix", inputs, lam=1.0, pairing="pos_neg", **said)
    torch.testing.assert_close(got["mixed_loss"].detach(), torch.stack(pulled).mean(), rtol=1e-9, atol=1e-12)
    active = [value for value in pushed if value > 0]
    expected = torch.stack(active).mean() if active else torch.zeros((), dtype=torch.float64)
    got = run("metrix", inputs, lam=0.0, pairing="pos_neg", **said)
    torch.testing.assert_close(got["mixed_loss"].detach(), expected, rtol=1e-9, atol=1e-12)


def test_weights_of_hard_pairs_alone() -> None:
    """Every anchor of a class of one is left out of the mean; equal points have distance 0 and a finite gradient."""
    x, labels = normal(5, 3), torch.tensor([0, 0, 1, 1, 2])
    x[1] = x[0]
    said = {"mining": "hardest positive and hardest negative per anchor", "distance": "euclidean", "margin": 0.3}
    said["reduction"] = "mean over anchors that have a positive and a negative"
    apart = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    values = [max(0.0, (apart[a, p] - apart[a, labels != labels[a]].min() + 0.3).item())
              for a, p in ((0, 1), (1, 0), (2, 3), (3, 2))]  # fmt: skip
    got = run("hard-negative-isometry", {"embeddings": x, "labels": labels}, **said)
    assert got["loss"].item() == pytest.approx(math.fsum(values) / 4, rel=1e-10)
    assert got["grad_embeddings"].isfinite().all()

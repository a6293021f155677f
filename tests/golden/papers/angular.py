"""Adapters for angular margins, mixed pairs and the hyperbolic ball."""

from __future__ import annotations

from typing import Any

from torch.func import functional_call

import perdita
import perdita.functional as P
from perdita.losses.embedding.angular.unified_negatives import batch_negatives
from perdita.losses.embedding.hyperbolic import hyperbolic_logits
from perdita.nn.hyperbolic import ToPoincareBall
from tests.golden.adapters import adapter
from tests.golden.reader import Reader

HEADS = {"cosface": "cos_face", "arcface": "arc_face"}


@adapter("unpg")
def unpg(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    features, weight, labels = read.tensor("features"), read.tensor("weight"), read.constant("labels")
    head = HEADS[read.param("head", among=tuple(HEADS))]
    given = {"margin": read.param("m"), "scale": read.param("s"), "reduction": read.param("reduction")}
    whisker = read.param("whisker")  # null keeps every negative
    kept = batch_negatives(features, labels, whisker=whisker)[1].sum().item()
    every = batch_negatives(features, labels, whisker=None)[1].sum().item()
    assert (kept, every) == (read.param("kept_negatives", kept), read.param("negatives", every))
    read.done()
    given |= {"filtered": False} if whisker is None else {"whisker": whisker}
    criterion = perdita.Unpg(classes=len(weight), dimension=weight.shape[1], head=head, **given)
    loss = functional_call(criterion, {"class_vectors": weight}, (features, labels))
    return {"loss": loss, **read.gradients(loss)}


@adapter("hyp-oc")
def hyp_oc(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    kind, curvature = read.param("kind", among=("hyp_pc", "hyp_ce")), read.param("c")
    if kind == "hyp_ce":
        euclidean, labels = read.tensor("euclidean"), read.constant("labels")
        ball = ToPoincareBall(
            euclidean.shape[1],
            curvature=curvature,
            longest=read.param("clip_r"),
            riemannian=read.param("riemannian_gradient", among=(True, False)),
        )
        points, weights = ball(euclidean), (read.tensor("a"), read.tensor("p"))
        read.done()
        loss = P.hyperbolic_cross_entropy(points, labels, *weights, curvature=curvature)
        logits = hyperbolic_logits(points, *weights, curvature=curvature)
        return {"loss": loss, "points": points, "logits": logits, **read.gradients(loss)}
    points = read.tensor("points")
    inverse = {"atan": "arctan", "artanh": "artanh"}[read.param("inverse")]
    read.param("divisor", among=("batch size (all points, not pairs)",))
    eps = read.param("mobius_eps")
    read.done()
    half = len(points) // 2  # the last of an odd batch has no partner
    loss = P.pairwise_confusion(points[:half], points[half : 2 * half], curvature=curvature, inverse=inverse, eps=eps)
    return {"loss": loss, **read.gradients(loss)}


@adapter("metrix")
def metrix(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    embeddings, labels = read.tensor("embeddings"), read.constant("labels")
    read.param("base", among=("contrastive pos_margin 0, neg_margin 0.5, euclidean on L2-normalised",))
    read.param("reduction", among=("mean over non-zero terms, positives and negatives separately",))
    pairing = {"pos_neg": "positive", "anc_neg": "anchor"}[read.param("pairing")]
    given = {"share": read.param("lam"), "pairing": pairing, "margin": 0.5}
    weight = read.param("mix_weight")
    read.done()
    loss = P.mixed_contrastive(embeddings, labels, mix_weight=weight, **given)
    clean = P.mixed_contrastive(embeddings, labels, mix_weight=0.0, **given)
    mixed = P.mixed_contrastive(embeddings, labels, mix_weight=1.0, **given) - clean
    return {"loss": loss, "clean_loss": clean, "mixed_loss": mixed, **read.gradients(loss)}

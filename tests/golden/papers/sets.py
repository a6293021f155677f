"""Adapters for losses over sets: episodes, heads, classes of a batch, hard triplets."""

from __future__ import annotations

import math
from typing import Any

import torch

import perdita.functional as P
from perdita.losses.embedding.neighborhoods import neighborhood_score
from perdita.losses.embedding.prototypes import class_prototypes
from perdita.losses.embedding.similarity import squared_distance
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("susana")
def susana(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.param("kind", among=("proto_triplet", "icnn_full")) == "proto_triplet":
        classes, own = read.constant("support_labels").unique(return_inverse=True)
        prototypes = class_prototypes(read.tensor("support"), own, len(classes))
        query, label = read.tensor("query"), torch.searchsorted(classes, read.constant("query_labels"))
        margin = read.param("margin")
        read.param("distance", among=("sqrt(squared_euclidean + 1e-6)",))
        read.done()
        loss = P.proto_triplet(query, label, prototypes, margin=margin)
        return {"loss": loss, **read.gradients(loss)}
    embeddings, labels = read.tensor("embeddings"), read.constant("labels")
    given = {"k": read.param("k"), "neighbors": read.param("ipc")}
    read.done()
    loss = P.neighborhood_quality(embeddings, labels, **given)
    found = neighborhood_score(embeddings, labels, **given)
    parts = {"lambda_same": found.same, "lambda_diff": found.different, "gamma": found.purity}
    return {"loss": loss, "score": found.score, **parts, **read.gradients(loss)}


@adapter("amcl")
def amcl(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    given = [read.tensor(name) for name in ("sim_pos", "sim_neg", "tau_pos", "tau_neg")]
    beta, dimension = read.param("beta"), read.param("d_prime")
    read.param("axes", among=("sim_pos (C,B), sim_neg (C,B,N)",))
    read.param("reduction", among=("sum over heads, mean over anchors",))
    read.param("argmax", among=("over similarity, before dividing by temperature",))
    hard = read.param("hard", True, among=(True, False))
    read.done()
    loss = P.multi_head_contrastive(*given, beta=beta, dimension=dimension, hard=hard)
    return {"loss": loss, **read.gradients(loss)}


KINDS = {  # the catalogue's function, and its options
    "fl": (P.soft_facility_location, {}),
    "gc_cf": (P.graph_cut_ratio, {}),
    "gc_sf": (P.graph_cut_ratio, {"form": "information", "least": 1e-300}),
    "logdet_cf": (P.log_determinant, {"similarity": "dot"}),
    "logdet_sf": (P.log_determinant, {"form": "released_information", "similarity": "dot"}),
    "supcon": (P.submodular_sup_con, {"similarity": "dot"}),
    "snn": (P.submodular_neighbors, {}),
    "triplet": (P.submodular_triplet, {"similarity": "dot"}),
}


@adapter("score-submodular")
def score_submodular(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The released values: their outer factors, and where they subtract each row's largest logit, are put in here."""
    read = Reader(inputs, params)
    features, labels = read.tensor("features"), read.constant("labels")
    spelt = ("sf_released", *KINDS, *(f"submod_{kind}" for kind in ("supcon", "snn", "triplet")))
    kind = read.param("kind", among=spelt).removeprefix("submod_").replace("sf_released", "logdet_sf")
    read.param("layout", "", among=("", "features (B, n_views, D), L2-normalised"))
    temperature, trade_off = read.param("temperature", 0.07), read.param("lamda", 1.0)
    factor = temperature / read.param("base_temperature", 0.07)
    embedding, label = features.transpose(0, 1).flatten(0, 1), labels.repeat(features.shape[1])
    chosen, options = KINDS[kind]
    if kind.startswith("logdet"):
        options = {**options, "ridge": read.param("diag", 0.5)}
    read.done()
    if kind in ("supcon", "snn", "triplet"):
        options = {**options, "temperature": temperature}
    if kind == "snn":  # the released distances are not those of the cosine, where the gradient goes out of the sphere
        same = label.unsqueeze(1) == label
        options["similarity"] = lambda x, y: torch.where(same, 1 - squared_distance(x, y) / 2, x @ y.T)
    loss = chosen(embedding, label, **options)
    if kind in ("supcon", "triplet"):
        loss = loss - _subtracted(kind, embedding.detach(), label) / temperature
    if kind == "gc_sf":
        loss = loss - math.log(trade_off)
    if kind in ("fl", "gc_cf"):
        loss = trade_off * loss
    if kind != "logdet_cf":
        loss = -factor * loss if kind == "triplet" else factor * loss
    return {"loss": loss, **read.gradients(loss)}


def _subtracted(kind: str, embedding: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """What the released code takes off by shifting every row by its largest entry."""
    scores = embedding @ embedding.T
    top = (scores.square() if kind == "triplet" else scores).amax(1)
    own = (label.unsqueeze(1) == label).to(embedding.dtype).sum(1)
    negatives, positives = len(label) - own, own - 1
    return (top * (negatives - positives if kind == "triplet" else 1 - positives / len(label))).mean()


@adapter("hard-negative-isometry")
def hard_negative_isometry(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    embeddings, labels = read.tensor("embeddings"), read.constant("labels")
    margin = read.param("margin")
    read.param("mining", among=("hardest positive and hardest negative per anchor",))
    similarity = read.param("distance", among=("euclidean",))
    read.param("reduction", among=("mean over anchors that have a positive and a negative",))
    read.done()
    loss = P.triplet(embeddings, labels, kind="hard", margin=margin, similarity=similarity)
    return {"loss": loss, **read.gradients(loss)}

"""Adapters for losses over sets: episodes, heads, classes of a batch, hard triplets."""

from __future__ import annotations

from typing import Any

import perdita.functional as P
from perdita.losses.embedding.neighborhoods import neighborhood_score
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("susana")
def susana(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.param("kind", among=("proto_triplet", "icnn_full")) == "proto_triplet":
        prototypes, own = read.tensor("support"), read.constant("support_labels")  # one shot: its own mean
        assert own.tolist() == list(range(len(own)))
        query, label = read.tensor("query"), read.constant("query_labels")
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
    read.done()
    loss = P.multi_head_contrastive(*given, beta=beta, dimension=dimension, hard=True)
    return {"loss": loss, **read.gradients(loss)}


@adapter("score-submodular")
def score_submodular(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    features, labels = read.tensor("features"), read.constant("labels")
    kind = read.param("kind", among=("fl", "gc_cf", "logdet_cf"))
    read.param("layout", among=("features (B, n_views, D), L2-normalised",))
    scale = read.param("temperature", 0.07) / read.param("base_temperature") * read.param("lamda", 1.0)
    embedding, label = features.transpose(0, 1).flatten(0, 1), labels.repeat(features.shape[1])
    if kind == "logdet_cf":
        loss = P.log_determinant(embedding, label, ridge=read.param("diag"), similarity="dot")
    else:
        chosen = P.soft_facility_location if kind == "fl" else P.graph_cut_ratio
        loss = scale * chosen(embedding, label)  # these two normalise what is normalised already
    read.done()
    return {"loss": loss, **read.gradients(loss)}


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

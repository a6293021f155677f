"""Adapters for losses over pairs."""

from __future__ import annotations

from typing import Any

import perdita.functional as P
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("multi-similarity")
def multi_similarity(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    embeddings, labels = read.tensor("embeddings"), read.constant("labels")
    mining = read.param("mining", among=(True, False))
    given = {name: read.param(name) for name in ("alpha", "beta", "base")}
    given["epsilon"] = read.param("epsilon") if mining else read.param("epsilon", 0.1)  # which then plays no part
    given["similarity"] = "cosine" if read.param("normalize", among=(True, False)) else "dot"
    if read.has("ref_embeddings"):
        given |= {"reference": read.tensor("ref_embeddings"), "reference_label": read.constant("ref_labels")}
    read.param("reduction", among=("mean over all anchors",))
    read.done()
    loss = P.multi_similarity(embeddings, labels, mining=mining, **given)
    return {"loss": loss, **read.gradients(loss)}

"""How well embeddings fall into groups: k-means finds as many clusters as there are labels, and both are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError
from perdita.core.errors import MissingExtraError
from perdita.core.numerics import normalize, widen

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

STARTS = 10  # of k-means, the best of which counts


def normalized_mutual_information(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    clusters: int | None = None,
    starts: int = STARTS,
    seed: int = 0,
) -> Float[Tensor, ""]:
    r"""What clusters of embeddings tell of the labels: 1 where each is a label, near 0 where they know nothing.

    K-means on the unit sphere gives clusters C; with mutual information I and entropy H,

    .. math:: \text{NMI} = \frac{2\, I(C, Y)}{H(C) + H(Y)}

    Args:
        embedding: (n, d) items; their lengths play no part.
        label: (n,) their labels Y.
        clusters: how many; as many as there are labels unless given.
        starts: of k-means; the clusters with the least sum of squares count.
        seed: of the starts.

    Returns:
        The measure; NaN where an embedding is not finite.

    Raises:
        InputError: shapes that do not fit, more clusters than items.
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> normalized_mutual_information(embedding, torch.tensor([0, 0, 1, 1])).item()
        1.0

    Source:
        Strehl, Ghosh, "Cluster Ensembles", JMLR 3, 2002; as a measure of embeddings: Oh Song et al., "Deep Metric
        Learning via Lifted Structured Feature Embedding", CVPR 2016, arXiv 1511.06452, section 5.
    """
    if embedding.ndim != 2 or label.shape != embedding.shape[:1] or not len(label):
        raise InputError(
            f"embedding must be (n, d) with labels (n,), not {tuple(embedding.shape)} and {tuple(label.shape)}"
        )
    wanted = len(label.unique()) if clusters is None else clusters
    if not 1 <= wanted <= len(label):
        raise InputError(f"clusters must be from 1 to the number of items, {len(label)}, not {wanted}")
    if not bool(embedding.isfinite().all()):
        return torch.tensor(torch.nan, dtype=torch.float64, device=embedding.device)
    try:
        from sklearn.cluster import KMeans
        from sklearn.metrics import normalized_mutual_info_score
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "compare") from error
    points = normalize(widen(embedding)).detach().cpu().numpy()
    wanted = min(wanted, len(torch.unique(torch.from_numpy(points), dim=0)))  # equal points are one cluster
    found = KMeans(wanted, n_init=starts, random_state=seed).fit_predict(points)
    return torch.tensor(normalized_mutual_info_score(label.cpu().numpy(), found), dtype=torch.float64)

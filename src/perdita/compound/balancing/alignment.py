"""Gradients turned into orthogonal ones of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.balancing.methods import method
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

SCALES = ("min", "median", "rmse")


@method("aligned_mtl")
def aligned_components(gram: Float[Tensor, "k k"], *, scale: str = "min") -> Float[Tensor, "k"]:
    r"""Independent component alignment: the sum of the orthogonal vectors of one length nearest to the gradients.

    .. math:: w = \sqrt{\lambda} \, V \Lambda^{-1/2} V^\top 1, \quad G = V \Lambda V^\top

    over the eigenvalues that are not 0.

    Args:
        gram: Gramian G of the gradients.
        scale: lambda, among the eigenvalues: the least, the "median", or the mean ("rmse").

    Raises:
        InputError: an unknown scale.

    Source:
        Senushkin, Patakin, Kuznetsov, Konushin, "Independent Component Alignment for Multi-Task Learning"
        (Aligned-MTL), CVPR 2023, arXiv 2305.19000, algorithm 1.
    """
    if scale not in SCALES:
        raise InputError(f"scale must be one of {SCALES}, not {scale!r}{nearest(str(scale), SCALES)}")
    values, vectors = torch.linalg.eigh(gram.double())
    some = values > values.max() * len(gram) * torch.finfo(gram.dtype).eps
    values, vectors = values[some], vectors[:, some]
    level = {"min": values.min, "median": values.median, "rmse": values.mean}[scale]()
    return level.sqrt() * (vectors * values.rsqrt()) @ vectors.sum(0)

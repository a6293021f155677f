"""The one small problem behind several balancers: which constraints bind, for a positive semi-definite matrix.

In NumPy, whose calls are short beside torch's for matrices of a few numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

LEAST = 1e-12  # of an eigenvalue, in units of the largest diagonal entry
SLACK = 1e-11  # how far below 0 counts as 0
SWEEPS = 2  # of projected Jacobi steps that make the first guess
PATIENCE = 3  # exchanges of all wrong places at once that may bring nothing


def complementary(matrix: Float[Tensor, "k k"], offset: Float[Tensor, "*b k"]) -> Float[Tensor, "*b k"]:
    r"""The x with x >= 0, M x + q >= 0 and x_i (M x + q)_i = 0 for each i.

    It is the minimiser of x^T M x / 2 + q^T x over x >= 0. Block principal pivoting: a guess of the places where x is
    not 0 gives x by one linear system, and wrong places change sides, all at once while their number falls, then the
    last of them alone, which must end.

    Args:
        matrix: M, symmetric and positive semi-definite with a positive diagonal; eigenvalues that the rounding of its
            dtype may have made are lifted, so that there is one solution.
        offset: q, for each of several problems.

    Returns:
        x in float64.

    Source:
        Júdice, Pires, "A Block Principal Pivoting Algorithm for Large-Scale Strictly Monotone Linear Complementarity
        Problems", Computers & Operations Research 21, 1994.
    """
    m = matrix.double().numpy()
    scale = np.sqrt(m.diagonal())
    m = _definite(m / np.outer(scale, scale), torch.finfo(matrix.dtype).eps)
    k = len(m)
    q = (offset.double().numpy() / scale).reshape(-1, k)
    slack = SLACK * (1 + np.abs(q).max(1, keepdims=True))
    x = np.maximum(-q, 0)
    for _ in range(SWEEPS):
        x = np.maximum(x - x @ m - q, 0)
    free = x > 0
    fewest, patience = np.full(len(q), k + 1), np.full(len(q), PATIENCE)
    places, identity = np.arange(k), np.eye(k)
    for _ in range(20 + 20 * k):
        both = free[:, :, None] & free[:, None, :]
        x = np.linalg.solve(np.where(both, m, identity), np.where(free, -q, 0.0)[:, :, None])[:, :, 0]
        wrong = np.where(free, x, x @ m + q) < -slack
        if not wrong.any():
            break
        count = wrong.sum(1)
        patience = np.where(count < fewest, PATIENCE, patience - 1)
        fewest = np.minimum(count, fewest)
        last = places == np.where(wrong, places, -1).max(1, keepdims=True)
        free ^= wrong & ((patience >= 0)[:, None] | last)
    return torch.from_numpy((np.maximum(x, 0) / scale).reshape(offset.shape))


def nearest_to_origin(matrix: Float[Tensor, "k k"]) -> Float[Tensor, "k"]:
    """Shares, >= 0 and with sum 1, of the shortest vector in the convex hull of k vectors with this Gramian."""
    found = complementary(matrix, torch.full((len(matrix),), -1.0, dtype=torch.float64))
    return found / found.sum()


def _definite(matrix: np.ndarray, rounding: float) -> np.ndarray:
    """The matrix, whose diagonal is 1, with its eigenvalues lifted to what rounding leaves of a zero."""
    if np.abs(matrix).sum(1).max() < 1.5:  # by Gershgorin no eigenvalue is below 1/2
        return matrix
    values, vectors = np.linalg.eigh(matrix)
    lifted: np.ndarray = (vectors * values.clip(max(LEAST, rounding))) @ vectors.T
    return lifted

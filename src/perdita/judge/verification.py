"""How well embeddings verify: whether two items belong to one label, by their similarity and a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError
from perdita.core.numerics import normalize, widen

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def pair_scores(
    embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "g"], Float[Tensor, "i"]]:
    """Cosines of all pairs of one label (genuine), and of all pairs of two labels (impostors), each pair once."""
    if embedding.ndim != 2 or label.shape != embedding.shape[:1]:
        raise InputError(f"embedding must be (n, d) with labels (n,), not {tuple(embedding.shape)}")
    first, second = torch.triu_indices(len(label), len(label), 1, device=label.device)
    unit = normalize(widen(embedding))
    cosine, same = (unit @ unit.T)[first, second], label[first] == label[second]
    return cosine[same], cosine[~same]


def true_accept_rate(
    genuine: Float[Tensor, "g"], impostor: Float[Tensor, "i"], false_accept_rate: float
) -> Float[Tensor, ""]:
    """Share of genuine pairs above the lowest threshold that lets in no more than a share of the impostors.

    Args:
        genuine: (g,) scores of pairs that belong together, higher for closer ones.
        impostor: (i,) scores of pairs that do not.
        false_accept_rate: the share, from 0 up to but without 1.

    Raises:
        InputError: no genuine pair or no impostor, a share outside [0, 1).

    Example:
        >>> genuine, impostor = torch.tensor([0.9, 0.7, 0.4]), torch.tensor([0.8, 0.5, 0.3, 0.1])
        >>> true_accept_rate(genuine, impostor, 0.25).item()
        0.66666...
    """
    _check_pairs(genuine, impostor)
    if not 0 <= false_accept_rate < 1:
        raise InputError(f"false_accept_rate must be in [0, 1), not {false_accept_rate!r}")
    accepted = int(false_accept_rate * len(impostor) + 1e-9)
    threshold = impostor.sort(descending=True).values[accepted]
    return (genuine > threshold).to(genuine.dtype).mean()


def roc_curve(
    genuine: Float[Tensor, "g"], impostor: Float[Tensor, "i"]
) -> tuple[Float[Tensor, "t"], Float[Tensor, "t"], Float[Tensor, "t"]]:
    """False and true accept rates at every threshold that makes a difference, from the highest on.

    Args:
        genuine: (g,) scores of pairs that belong together, higher for closer ones.
        impostor: (i,) scores of pairs that do not.

    Returns:
        The shares of impostors and of genuine pairs whose score is the threshold or above, and the thresholds; the
        first accepts nothing.

    Raises:
        InputError: no genuine pair or no impostor.

    Example:
        >>> false, true, threshold = roc_curve(torch.tensor([0.9, 0.4]), torch.tensor([0.5]))
        >>> false.tolist(), true.tolist()
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    _check_pairs(genuine, impostor)
    threshold = torch.cat([genuine, impostor]).unique().flip(0)
    threshold = torch.cat([torch.full_like(threshold[:1], torch.inf), threshold])

    def share(scores: Float[Tensor, "n"]) -> Float[Tensor, "t"]:
        return 1 - torch.searchsorted(scores.sort().values, threshold).to(scores.dtype) / len(scores)

    return share(impostor), share(genuine), threshold


def equal_error_rate(genuine: Float[Tensor, "g"], impostor: Float[Tensor, "i"]) -> Float[Tensor, ""]:
    """The error at the threshold where impostors are accepted as often as genuine pairs are refused.

    Between two thresholds it is the mean of both shares where they are closest.

    Args:
        genuine: (g,) scores of pairs that belong together, higher for closer ones.
        impostor: (i,) scores of pairs that do not.

    Raises:
        InputError: no genuine pair or no impostor.
    """
    _check_pairs(genuine, impostor)
    near, far = genuine.sort().values, impostor.sort().values
    thresholds = torch.cat([near, far])
    refused = torch.searchsorted(near, thresholds).to(near.dtype) / len(near)
    accepted = 1 - torch.searchsorted(far, thresholds).to(far.dtype) / len(far)
    at = (refused - accepted).abs().argmin()
    return (refused[at] + accepted[at]) / 2


def _check_pairs(genuine: Tensor, impostor: Tensor) -> None:
    if not len(genuine) or not len(impostor):
        raise InputError("genuine and impostor must hold at least one score each")

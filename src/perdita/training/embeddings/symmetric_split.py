"""Halves of a face made into faces, and how frontal a face is by three landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component
from perdita.core.errors import nearest

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

MODES = ("mirror", "zero")


@component("symface")
def frontness(
    left_eye: Float[Tensor, "n"], right_eye: Float[Tensor, "n"], nose: Float[Tensor, "n"]
) -> Float[Tensor, "n"]:
    r"""How near the nose is to the middle between the eyes: 1 for a frontal face, 0 with the nose below an eye.

    .. math:: \rho = \max\Bigl(0, 1 - \frac{|(x_l + x_r) / 2 - x_n|}{|x_r - x_l| / 2}\Bigr)

    It is the same for either order of the eyes, at any place and size. Take landmarks from before an alignment, which
    moves the eyes to fixed places.

    Args:
        left_eye, right_eye, nose: (n,) x-coordinates. Where one is NaN or the eyes are in one place, rho is 0.

    Source: Prakash et al., "SymFace", 2024, arXiv 2409.11816; a reconstruction, the paper's words leave the formula
    open.
    """
    offset = ((left_eye + right_eye) / 2 - nose).abs()
    half = (right_eye - left_eye).abs() / 2
    apart = half > 0
    rho = (1 - offset / torch.where(apart, half, 1.0)).clamp_min(0.0)
    return torch.where(apart & ~rho.isnan(), rho, 0.0)


@component("symface")
def most_frontal(rho: Float[Tensor, "n"], share: float) -> Bool[Tensor, "n"]:
    """The share of faces with the highest frontness (more at ties), as a mask; for a rho of unknown scale.

    Faces of frontness 0, among them those without landmarks, are never taken. The mask goes into ``mask=`` of
    `perdita.functional.face_symmetry`, instead of a threshold.

    Raises:
        InputError: a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise InputError(f"share must be in (0, 1], not {share!r}")
    return (rho > 0) & (rho >= torch.quantile(rho, 1 - share, interpolation="lower")) if len(rho) else rho > 0


@component("symface")
def symmetric_split(
    images: Float[Tensor, "n *c h w"], mode: str = "mirror"
) -> tuple[Float[Tensor, "n *c h w"], Float[Tensor, "n *c h w"]]:
    """Each image's left half and its right half, as two images of its size.

    "mirror" puts each half beside its own mirror image, so that an exactly symmetric face gives two equal images that
    still look like faces; "zero" leaves the other half black. The middle column of an odd width is left out: the images
    then are one column narrower.

    Raises:
        InputError: an unknown mode, images less than two columns wide.

    Source: Prakash et al., "SymFace", 2024, arXiv 2409.11816; how a half fills the network's input is a reconstruction.
    """
    if mode not in MODES:
        raise InputError(f"mode must be one of {MODES}, not {mode!r}{nearest(str(mode), MODES)}")
    half = images.shape[-1] // 2
    if not half:
        raise InputError(f"images must be at least two columns wide, not {tuple(images.shape)}")
    left, right = images[..., :half], images[..., -half:]
    if mode == "mirror":
        return torch.cat([left, left.flip(-1)], -1), torch.cat([right.flip(-1), right], -1)
    return torch.cat([left, torch.zeros_like(left)], -1), torch.cat([torch.zeros_like(right), right], -1)

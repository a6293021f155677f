"""Losses between images, and of a depth map beside its image: structure, edges, and the view of another camera.

Images have shape (n, k, h, w) with k channels, maps (n, h, w). One value for each image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_IMAGE = Cost(time="n k h w", memory="n k h w", passes=10)
_MAP = Cost(time="n h w", memory="n h w", passes=4)
_STEADY = (0.01**2, 0.03**2)  # of means and of variances, for images with values in [0, 1]


def similarity_map(
    first: Float[Tensor, "n k h w"], second: Float[Tensor, "n k h w"], size: int, sigma: float | None
) -> Float[Tensor, "n k h w"]:
    """Structural similarity around every pixel; borders are mirrored. ``sigma`` None: all pixels of a window alike."""
    channels, pad = first.shape[1], size // 2
    if sigma is None:
        line = first.new_full((size,), 1 / size)
    else:
        place = torch.arange(size, dtype=first.dtype, device=first.device) - pad
        line = torch.exp(-place.square() / (2 * sigma**2))
        line = line / line.sum()
    kernel = (line.unsqueeze(1) * line).expand(channels, 1, size, size)

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(F.pad(image, (pad, pad, pad, pad), mode="reflect"), kernel, groups=channels)

    mean_1, mean_2 = blur(first), blur(second)
    variance_1 = (blur(first.square()) - mean_1.square()).clamp_min(0)  # rounding alone makes it negative
    variance_2 = (blur(second.square()) - mean_2.square()).clamp_min(0)
    covariance = blur(first * second) - mean_1 * mean_2
    steady_mean, steady_variance = _STEADY
    alike = (2 * mean_1 * mean_2 + steady_mean) * (2 * covariance + steady_variance)
    return alike / ((mean_1.square() + mean_2.square() + steady_mean) * (variance_1 + variance_2 + steady_variance))


def photometric_map(
    first: Float[Tensor, "n k h w"], second: Float[Tensor, "n k h w"], structure_share: float
) -> Float[Tensor, "n h w"]:
    """The photometric error of every pixel."""
    apart = (1 - similarity_map(first, second, 3, None)) / 2
    return (structure_share * apart + (1 - structure_share) * (first - second).abs()).mean(1)


@loss(
    task="generation",
    paper="loss-metric-survey",
    aliases=("ssim", "ssim_loss"),
    traits=Traits(nonnegative=True),
    ranges={"sigma": Range(0, open="low", search=(0.5, 3.0))},
    cost=_IMAGE,
)
def structural_similarity(
    prediction: Float[Tensor, "n k h w"], target: Float[Tensor, "n k h w"], *, sigma: float = 1.5
) -> Float[Tensor, "n"]:
    r"""One minus the structural similarity of two images.

    With means, variances and covariance under a normal window of 11 pixels around each pixel, C_1 = 0.01^2 and C_2 =
    0.03^2:

    .. math:: \ell = 1 - \overline{\frac{(2 \mu_x \mu_t + C_1)(2 \sigma_{xt} + C_2)}
        {(\mu_x^2 + \mu_t^2 + C_1)(\sigma_x^2 + \sigma_t^2 + C_2)}}

    Args:
        prediction: (n, k, h, w) images x with values in [0, 1], at least 6 pixels high and wide.
        target: (n, k, h, w) images t.
        sigma: width of the window.

    Returns:
        (n,) values in [0, 2].

    Raises:
        InputError: shapes that differ, a sigma that is not positive.

    Example:
        >>> image = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
        >>> perdita.functional.structural_similarity(image, image).abs().item() < 1e-6
        True

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity",
        IEEE TIP 13, 2004.
    """
    return 1 - similarity_map(prediction, target, 11, sigma).mean((1, 2, 3))


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("appearance_matching",),
    traits=Traits(nonnegative=True),
    ranges={"structure_share": Range(0, 1, search=(0.0, 1.0))},
    cost=_IMAGE,
)
def photometric(
    prediction: Float[Tensor, "n k h w"], target: Float[Tensor, "n k h w"], *, structure_share: float = 0.85
) -> Float[Tensor, "n"]:
    r"""How a rebuilt view differs from the real one: structural similarity in windows of 3 pixels, and absolute error.

    .. math:: \ell = \overline{\text{structure\_share}\,\frac{1 - \mathrm{SSIM}(x, t)}{2} +
        (1 - \text{structure\_share})\,|x - t|}

    Args:
        prediction: (n, k, h, w) rebuilt images x with values in [0, 1].
        target: (n, k, h, w) real images t.
        structure_share: in [0, 1].

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: shapes that differ, a structure_share outside [0, 1].

    Example:
        >>> dark, light = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
        >>> perdita.functional.photometric(dark, light, structure_share=0.0).item()
        1.0

    Source:
        Godard, Mac Aodha, Brostow, "Unsupervised Monocular Depth Estimation with Left-Right Consistency", CVPR 2017,
        arXiv 1609.03677, equation 2.
    """
    return photometric_map(prediction, target, structure_share).mean((1, 2))


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("minimum_reprojection",),
    traits=Traits(nonnegative=True),
    ranges={"structure_share": Range(0, 1, search=(0.0, 1.0))},
    cost=Cost(time="n m k h w", memory="n m k h w", passes=10),
)
def minimum_photometric(
    views: Float[Tensor, "n m k h w"], target: Float[Tensor, "n k h w"], *, structure_share: float = 0.85
) -> Float[Tensor, "n"]:
    r"""The photometric error of every pixel in the view that shows it best.

    .. math:: \ell = \overline{\min_m \text{photometric}(x_m, t)}

    A pixel that is hidden in one view is judged by another.

    Args:
        views: (n, m, k, h, w) the image as rebuilt from m other views.
        target: (n, k, h, w) real images t.
        structure_share: in [0, 1], as in `photometric`.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: shapes that differ, a structure_share outside [0, 1].

    Example:
        >>> image = torch.ones(1, 1, 4, 4)
        >>> perdita.functional.minimum_photometric(torch.stack([0 * image, image], 1), image).item()
        0.0

    Source:
        Godard, Mac Aodha, Firman, Brostow, "Digging Into Self-Supervised Monocular Depth Estimation", ICCV 2019, arXiv
        1806.01260, equation 4.
    """
    m = views.shape[1]
    real = target.unsqueeze(1).expand_as(views).flatten(0, 1)
    errors = photometric_map(views.flatten(0, 1), real, structure_share).unflatten(0, (-1, m))
    return errors.amin(1).mean((1, 2))


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("edge_aware_smoothness",),
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    cost=_MAP,
)
def depth_smoothness(depth: Float[Tensor, "n h w"], image: Float[Tensor, "n k h w"]) -> Float[Tensor, "n"]:
    r"""Steps of a depth map, forgiven where its image has an edge.

    With steps to the right and downwards, and means over them:

    .. math:: \ell = \overline{|\partial_x D|\, e^{-|\partial_x I|}} + \overline{|\partial_y D|\, e^{-|\partial_y I|}}

    Args:
        depth: (n, h, w) depths or disparities D; divide them by their mean, else small depths are smooth.
        image: (n, k, h, w) images I; the size of an edge is the mean over channels.

    Returns:
        (n,) non-negative values, in the unit of the depth.

    Raises:
        InputError: shapes that do not fit.

    Example:
        >>> depth, image = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), torch.zeros(1, 1, 2, 2)
        >>> perdita.functional.depth_smoothness(depth, image).item()
        1.0

    Source:
        Godard, Mac Aodha, Brostow, CVPR 2017, arXiv 1609.03677, equation 3.
    """
    right = depth.diff(dim=2).abs() * (-image.diff(dim=3).abs().mean(1)).exp()
    down = depth.diff(dim=1).abs() * (-image.diff(dim=2).abs().mean(1)).exp()
    return right.mean((1, 2)) + down.mean((1, 2))


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("edge_loss",),
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    ranges={"scales": Range(1, 8, integer=True)},
    cost=_MAP,
)
def gradient_matching(
    prediction: Float[Tensor, "n h w"], target: Float[Tensor, "n h w"], *, scales: int = 1
) -> Float[Tensor, "n"]:
    r"""Steps of the difference of two maps, at several scales: their edges must lie in the same places.

    With R_k every 2^k-th row and column of x - t, and m = h w:

    .. math:: \ell = \frac1m \sum_{k < \text{scales}} \sum \big( |\partial_x R_k| + |\partial_y R_k| \big)

    Args:
        prediction: (n, h, w) maps x.
        target: (n, h, w) maps t; bring them to one scale and shift first.
        scales: at least 1; MiDaS has 4.

    Returns:
        (n,) non-negative values, in the unit of the maps.

    Raises:
        InputError: shapes that differ, fewer than one scale.

    Example:
        >>> step = torch.tensor([[[0.0, 4.0]]])
        >>> perdita.functional.gradient_matching(step, torch.zeros(1, 1, 2)).item()
        2.0

    Source:
        Ranftl et al., TPAMI 2020, arXiv 1907.01341, equation 11.
    """
    difference = prediction - target
    total = difference.sum((1, 2)) * 0.0
    for scale in range(scales):
        part = difference[:, :: 2**scale, :: 2**scale]
        total = total + part.diff(dim=2).abs().sum((1, 2)) + part.diff(dim=1).abs().sum((1, 2))
    return total / max(math.prod(difference.shape[1:]), 1)


@loss(task="depth", paper="loss-metric-survey", traits=Traits(convex=False, nonnegative=True), cost=_MAP)
def left_right_consistency(left: Float[Tensor, "n h w"], right: Float[Tensor, "n h w"]) -> Float[Tensor, "n"]:
    r"""How the disparity of the left view differs from that of the right one, at the place where it points.

    .. math:: \ell = \overline{|d^l_{ij} - d^r_{i, j + d^l_{ij}}|}

    Between two pixels the right map is interpolated linearly; beyond its border its last pixel holds.

    Args:
        left: (n, h, w) disparities d^l of the left view, in pixels.
        right: (n, h, w) disparities d^r of the right view.

    Returns:
        (n,) non-negative values, in pixels.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> left, right = torch.tensor([[[1.0, 1.0, 0.0]]]), torch.tensor([[[0.0, 1.0, 1.0]]])
        >>> perdita.functional.left_right_consistency(left, right).item()
        0.33333...

    Source:
        Godard, Mac Aodha, Brostow, CVPR 2017, arXiv 1609.03677, equation 4.
    """
    last = left.shape[2] - 1
    place = (torch.arange(last + 1, dtype=left.dtype, device=left.device) + left).clamp(0, max(last, 0))
    before = place.detach().floor().clamp(0, max(last - 1, 0))
    index = before.nan_to_num().long()
    share = place - before
    after = (index + 1).clamp(max=max(last, 0))
    return (left - (1 - share) * right.gather(2, index) - share * right.gather(2, after)).abs().mean((1, 2))

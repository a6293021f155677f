"""What TorchJD has beyond the methods here, under the same roof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdita.compound.balancing.methods import method
from perdita.core.errors import InputError, MissingExtraError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@method("torchjd")
def by_torchjd(gram: Float[Tensor, "k k"], *, weighting: str, **options: Any) -> Float[Tensor, "k"]:
    """The weights of a weighting of TorchJD that reads a Gramian, by its name there: ``weighting="DualProj"``.

    One with a memory must be made once: `GradientBalancer` takes the object itself.

    Args:
        gram: Gramian of the gradients.
        weighting: "DualProj" stands for ``torchjd.aggregation.DualProjWeighting``.
        options: of its constructor.

    Returns:
        Its weights, on its own scale: often that of a mean, not of a sum.

    Raises:
        InputError: TorchJD has no such weighting.
        MissingExtraError: TorchJD is not installed.
    """
    try:
        from torchjd import aggregation
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchjd", "multitask") from error
    suffix = "Weighting"
    if not hasattr(aggregation, weighting + suffix):
        known = [name.removesuffix(suffix) for name in dir(aggregation) if name.endswith(suffix)]
        raise InputError(f"TorchJD has no weighting {weighting!r}{nearest(weighting, known)}")
    found: Tensor = getattr(aggregation, weighting + suffix)(**options)(gram)
    return found

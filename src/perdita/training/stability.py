r"""Against loss spikes in the pre-training of Transformers: weights and embeddings that keep gradients from growing.

A pre-normalised layer x' = x + Sub(LN(x)) multiplies a gradient by at most 1 + ||J_Sub|| / std(x). It stays near 1 from
layer to layer where the sub-layers' weights are small (`spike_no_more_init_`) and the stream that enters the first
normalisation is not (`ScaledEmbedding`); both are needed together.

Source: Takase, Kiyono, Kobayashi, Suzuki, "Spike No More: Stabilizing the Pre-training of Large Language Models",
COLM 2025, arXiv 2312.16903. The abstract, the first page, public reviews and another library's code were read; no code
of the authors is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int

OUTPUT_PROJECTIONS = ("out_proj", "o_proj", "c_proj", "down_proj", "fc2", "dense_4h_to_h", "attention.dense", "wo")
MODES = ("scale", "init", "layernorm", "detach", "none")


@component("spike-no-more")
def initial_std(width: int, layers: int | None = None) -> float:
    """Standard deviation sqrt(2 / (5 width)) of a weight; over sqrt(2 layers) more, for one that ends a sub-layer.

    Args:
        width: of the residual stream.
        layers: number of layers (each has two sub-layers), for the output projections; None for all other weights.
    """
    std = math.sqrt(2 / (5 * width))
    return std if layers is None else std / math.sqrt(2 * layers)


def ends_sub_layer(name: str) -> bool:
    """Whether a module's name is one that common libraries give to the last matrix of a sub-layer."""
    return name.endswith(OUTPUT_PROJECTIONS)


@component("spike-no-more")
@torch.no_grad()
def spike_no_more_init_(
    model: nn.Module,
    width: int,
    layers: int,
    *,
    is_output_projection: Callable[[str], bool] = ends_sub_layer,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Draw every matrix of a Transformer anew: small sub-layers. Call it last, for libraries initialise on their own.

    Weights of two or more dimensions are normal with standard deviation `initial_std`, biases 0; normalisations and
    other vectors stay as they are, and a `ScaledEmbedding` draws its own table.

    Args:
        model: changed in place; tied weights are drawn once.
        width: of the residual stream.
        layers: number of layers.
        is_output_projection: from a module's dotted name to whether its weight ends a sub-layer (the attention's output
            and the last matrix of the feed-forward part).
        generator: source of randomness.

    Returns:
        The model.

    Raises:
        InputError: no module is an output projection, so that the depth would be ignored.
    """
    drawn: set[int] = set()
    ends = 0
    for name, module in model.named_modules():
        own = {
            key: parameter for key, parameter in module.named_parameters(recurse=False) if id(parameter) not in drawn
        }
        drawn |= {id(parameter) for parameter in own.values()}
        if isinstance(module, ScaledEmbedding):
            module.reset_parameters(generator)
            continue
        last = is_output_projection(name)
        for key, parameter in own.items():
            if parameter.ndim >= 2:
                ends += last
                parameter.normal_(0.0, initial_std(width, layers if last else None), generator=generator)
            elif key.endswith("bias"):
                parameter.zero_()
    if not ends:
        raise InputError("is_output_projection names no module of the model: name the matrices that end its sub-layers")
    return model


@component("spike-no-more")
class ScaledEmbedding(nn.Module):
    """A token embedding whose output has a standard deviation near 1 from the start: a large shortcut.

    The table is ``weight``, of standard deviation sqrt(2 / (5 width)). A tied output layer reads it as it is: only the
    embedding's output is changed. Keep the table out of weight decay, which would undo the condition; scale learned
    position embeddings alike.

    Args:
        tokens: number of tokens.
        width: of the residual stream.
        mode: "scale" multiplies the output by sqrt(width), as in the paper; "init" draws the table with the standard
            deviation sqrt(2 / 5) instead (the same at the start; under Adam the table then moves sqrt(width) times
            slower); "layernorm" normalises the output; "detach" passes the share ``alpha`` of the gradient
            (GLM-130B, a baseline); "none" is a plain embedding.
        alpha: of mode "detach".

    Raises:
        InputError: another mode, an alpha outside [0, 1].
    """

    def __init__(self, tokens: int, width: int, *, mode: str = "scale", alpha: float = 0.1) -> None:
        super().__init__()
        if mode not in MODES:
            raise InputError(f"mode must be one of {MODES}, not {mode!r}")
        if not 0 <= alpha <= 1:
            raise InputError(f"alpha must be in [0, 1], not {alpha!r}")
        self.mode, self.alpha = mode, alpha
        self.weight = nn.Parameter(torch.empty(tokens, width))
        self.norm = nn.LayerNorm(width) if mode == "layernorm" else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the table anew."""
        width = self.weight.shape[1]
        std = initial_std(width) * (math.sqrt(width) if self.mode == "init" else 1.0)
        self.weight.normal_(0.0, std, generator=generator)

    def forward(self, tokens: Int[Tensor, "*n"]) -> Float[Tensor, "*n d"]:
        """(*n, width) of the tokens (*n)."""
        embedded = nn.functional.embedding(tokens, self.weight)
        if self.mode == "scale":
            return embedded * math.sqrt(self.weight.shape[1])
        if self.mode == "detach":
            return self.alpha * embedded + (1 - self.alpha) * embedded.detach()
        return embedded if self.norm is None else self.norm(embedded)

    def extra_repr(self) -> str:
        """Sizes and mode."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}, mode={self.mode!r}"


@component("spike-no-more")
def layer_norm_jacobian_norm(x: Float[Tensor, "*n d"], *, eps: float = 1e-5, rms: bool = False) -> Float[Tensor, "*n"]:
    r"""Spectral norm of the Jacobian of a layer normalisation without gain, at each vector.

    1 / s with s = sqrt(std(x)^2 + eps), for d >= 3: a small standard deviation makes large gradients.

    Args:
        x: (*n, d) vectors that enter the normalisation.
        eps: of the normalisation.
        rms: root-mean-square normalisation, whose s has the mean square instead of the variance; d >= 2.

    Raises:
        InputError: fewer dimensions, where the Jacobian lacks the direction that has this norm.
    """
    least = 2 if rms else 3
    if x.shape[-1] < least:
        raise InputError(f"x must have at least {least} features, not {x.shape[-1]}")
    square = x.square().mean(-1) if rms else x.var(-1, correction=0)
    return (square + eps).rsqrt()


@component("spike-no-more")
def ffn_jacobian_bound(width: int, hidden: int, first_std: float, second_std: float, stream_std: float) -> float:
    r"""Expected bound of ||dy / dx|| of y = x + W_2 F(W_1 LN(x)), for an F of slope at most 1 and normal weights.

    1 + first_std second_std (sqrt(width) + sqrt(hidden))^2 / stream_std: each matrix has a norm near its standard
    deviation times the sum of the square roots of its sizes.

    Args:
        width: of the residual stream.
        hidden: of the feed-forward part, 4 width as a rule.
        first_std, second_std: of the weights W_1 and W_2.
        stream_std: of x.
    """
    return 1 + first_std * second_std * (math.sqrt(width) + math.sqrt(hidden)) ** 2 / stream_std


@component("spike-no-more")
def gradient_norms(model: nn.Module, depth: int = 1) -> dict[str, float]:
    """Norm of the gradient of each part of a model, after a backward pass and before clipping, which hides growth.

    Args:
        model: with gradients.
        depth: parts are named by this many words of their parameters' dotted names, as in "layers.3" for 2.

    Returns:
        Name → norm, in the model's order; parameters without a gradient count 0.
    """
    squares: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        part = ".".join(name.split(".")[:depth])
        own = parameter.new_zeros(()) if parameter.grad is None else parameter.grad.detach().float().square().sum()
        squares[part] = squares[part] + own if part in squares else own
    return {part: math.sqrt(float(total)) for part, total in squares.items()}

"""Cross-entropy by Triton kernels against float64, case by case; as a program, in Triton's interpreter on the CPU.

``python tile_cases.py FILE`` with TRITON_INTERPRET=1 writes {case: {what: relative error}} as JSON. The variable counts
when Triton is imported, so a process of its own keeps it away from every other test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perdita.kernels import cut_cross_entropy, fused_linear
from perdita.kernels.tiles.host import Tiles, cut_gradients, tile_sums

ROWS, FEATURES, CLASSES = 33, 40, 130  # no multiples of a tile
SMOOTH = {"label_smoothing": 0.1}
PENALTY = {"z_penalty": 0.05, "return_lse": True}
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
FUSED: dict[str, tuple[torch.dtype, dict[str, Any]]] = {
    f"{str(dtype).removeprefix('torch.')} {reduction} {' '.join(options)}".strip(): (
        dtype,
        {"reduction": reduction, **options},
    )
    for dtype, reduction, options in (
        (torch.float32, "mean", {}),
        (torch.float32, "sum", {**SMOOTH, "softcap": 2.0}),
        (torch.float32, "none", {**SMOOTH, **PENALTY, "softcap": 3.0}),
        (torch.float32, "mean", {"example_weight": torch.linspace(0.0, 2.0, ROWS), "normalizer": 9.0}),
        (torch.bfloat16, "mean", PENALTY),
        (torch.bfloat16, "sum", {"softcap": 2.0}),
        (torch.bfloat16, "none", SMOOTH),
        (torch.float16, "mean", {**SMOOTH, "normalizer": 1e3}),  # unscaled, its slopes would underflow
        (torch.float16, "sum", PENALTY),
        (torch.float16, "none", {"softcap": 2.0}),
    )
}
SIDES = {"both": (True, True), "hidden": (True, False), "weight": (False, True)}
FILTERED = [f"filter of {side}, {order}" for side in SIDES for order in ("sorted", "as they are")]
OTHERS = ("cut_cross_entropy", "focal", "frozen weight", "frozen hidden", "double backward")


def draw(dtype: torch.dtype, device: str) -> tuple[list[Tensor], Tensor]:
    """Hidden, weight and bias; a target with two rows that are ignored, and hold what must not be read."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((ROWS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    hidden, weight, bias = (torch.randn(shape, generator=generator) for shape in shapes)
    target = torch.randint(CLASSES, (ROWS,), generator=generator)
    target[3] = target[20] = -100
    hidden[3] = torch.nan
    parts = (hidden, weight / FEATURES**0.5, bias)
    return [part.to(device, dtype).requires_grad_() for part in parts], target.to(device)


def with_gradients(value: Any, leaves: list[Tensor]) -> list[Tensor]:
    """Values, log-sum-exps where they are there, and gradients of a sum in which every element counts differently."""
    parts = value if isinstance(value, tuple) else (value,)
    total = sum((part * torch.linspace(1.0, 1.5, part.numel()).to(part).reshape(part.shape)).sum() for part in parts)
    return [*parts, *torch.autograd.grad(total, leaves)]


def errors(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    """Norm of the difference over the norm of what is exact."""
    pairs = zip(found, exact, strict=True)
    return [((own.double() - right).norm() / right.norm()).item() for own, right in pairs]


def fused(dtype: torch.dtype, options: dict[str, Any], device: str) -> dict[str, float]:
    leaves, target = draw(dtype, device)
    given = {name: part.to(device) if isinstance(part, Tensor) else part for name, part in options.items()}
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    found, exact = (
        with_gradients(fused_linear("cross_entropy", h, w, target, bias=b, impl=impl, **given), own)
        for impl, own in (("triton", leaves), ("reference", wide))
        for h, w, b in [own]
    )
    names = [*["value", "lse"][: len(found) - 3], "hidden", "weight", "bias"]
    return dict(zip(names, errors(found, exact), strict=True))


def filtered(side: str, sort: bool, device: str) -> dict[str, float]:
    """Tiles of the same size in PyTorch and in float64 tell which are left out."""
    from perdita.kernels.tiles.launch import Blocks, Cut, Pair, values_and_lse

    leaves, target = draw(torch.float32, device)
    with torch.no_grad():
        leaves[1] *= 2  # confident: some tiles hold little
    kept = target != -100
    target = torch.where(kept, target % 40, target)  # whole tiles without a target, however classes are ordered
    options = {"threshold": 0.2, "of_hidden": SIDES[side][0], "of_weight": SIDES[side][1], "sort": sort}
    cut = Cut(**options, blocks=Pair(*[Blocks(16, 16, 16, warps=4, stages=1)] * 2))
    found = torch.autograd.grad(values_and_lse(cut, *leaves, target, kept)[0].sum(), leaves)
    tiles = Tiles(**options, rows=16, classes=16)
    hidden, *layer = (leaf.detach().double() for leaf in leaves)
    lse, _, mean_logit = tile_sums(tiles, hidden[kept], *layer, target[kept])
    ones = torch.ones_like(lse)
    right = cut_gradients(tiles, hidden[kept], *layer, target[kept], lse, mean_logit, ones, torch.zeros_like(lse))
    by_hidden = torch.zeros_like(hidden)
    by_hidden[kept] = right.hidden
    names = ("hidden", "weight", "bias")
    left_out = 1 - right.kept.double().mean().item()
    return {**dict(zip(names, errors(found, [by_hidden, right.weight, right.bias]), strict=True)), "left out": left_out}


def public(device: str) -> dict[str, float]:
    """`cut_cross_entropy` sends its options on: a filter below every gradient, of one side."""
    leaves, target = draw(torch.float32, device)
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    options = {
        "softcap": 3.0,
        "reduction": "sum",
        "return_lse": True,
        "filter_threshold": 1e-30,
        "filter_weight": False,
    }
    found, exact = (
        with_gradients(cut_cross_entropy(h, w, target, bias=b, impl=impl, **options), own)
        for impl, own in (("triton", leaves), ("blocked", wide))
        for h, w, b in [own]
    )
    return dict(zip(("value", "lse", "hidden", "weight", "bias"), errors(found, exact), strict=True))


def function_of_it(device: str) -> dict[str, float]:
    """A loss of the target's probability alone comes out of the same tiles."""
    leaves, target = draw(torch.float32, device)
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    found, exact = (
        with_gradients(fused_linear("focal", *own[:2], target, bias=own[2], ignore_index=-100, impl=impl), own)
        for impl, own in (("triton", leaves), ("reference", wide))
    )
    return dict(zip(("value", "hidden", "weight", "bias"), errors(found, exact), strict=True))


def frozen(which: str, device: str) -> dict[str, float]:
    """One half alone is the same as that half of both."""
    leaves, target = draw(torch.float32, device)
    both = with_gradients(fused_linear("cross_entropy", *leaves[:2], target, impl="triton"), leaves[:2])
    at = 1 if which == "hidden" else 0
    leaves[1 - at].requires_grad_(False)
    (found,) = torch.autograd.grad(fused_linear("cross_entropy", *leaves[:2], target, impl="triton"), leaves[at])
    return {"hidden" if at == 0 else "weight": errors([found], [both[1 + at].double()])[0]}


def double_backward(device: str) -> dict[str, float]:
    leaves, target = draw(torch.float32, device)
    target[target == -100] = 0
    with torch.no_grad():
        leaves[0].nan_to_num_()
    twice: list[list[Tensor]] = []
    for impl, own in (("triton", leaves), ("reference", [leaf.detach().double().requires_grad_() for leaf in leaves])):
        value = fused_linear("cross_entropy", *own[:2], target, bias=own[2], impl=impl)
        slopes = torch.autograd.grad(value, own, create_graph=True)
        twice.append(list(torch.autograd.grad(sum(slope.square().sum() for slope in slopes), own)))
    return dict(zip(("hidden", "weight", "bias"), errors(*twice), strict=True))


def cases(device: str) -> dict[str, Callable[[], dict[str, float]]]:
    found: dict[str, Callable[[], dict[str, float]]] = {}
    for name, (dtype, options) in FUSED.items():
        found[name] = lambda dtype=dtype, options=options: fused(dtype, options, device)
    for name in FILTERED:
        side, order = name.removeprefix("filter of ").split(", ")
        found[name] = lambda side=side, order=order: filtered(side, order == "sorted", device)
    for which in ("weight", "hidden"):
        found[f"frozen {which}"] = lambda which=which: frozen(which, device)
    found["cut_cross_entropy"] = lambda: public(device)
    found["focal"] = lambda: function_of_it(device)
    return {**found, "double backward": lambda: double_backward(device)}


def nothing_left(device: str) -> tuple[float, list[bool]]:
    """The value where every row is ignored, and whether each gradient is zero."""
    leaves, target = draw(torch.float32, device)
    value = fused_linear("cross_entropy", *leaves[:2], torch.full_like(target, -100), bias=leaves[2], impl="triton")
    return value.item(), [not slope.any() for slope in torch.autograd.grad(value, leaves)]


def nan_stays(device: str) -> list[bool]:
    """Whether a row of NaN has a gradient of NaN, and tiles without one are left out, under the highest threshold."""
    from perdita.kernels.tiles.launch import Blocks, Cut, Pair, values_and_lse

    (hidden, weight, bias), _ = draw(torch.float32, device)
    with torch.no_grad():
        hidden.nan_to_num_()
        hidden[2] = torch.nan  # in the first of three tiles of rows
    target = torch.zeros(len(hidden), dtype=torch.long, device=device)
    cut = Cut(threshold=1e6, sort=False, blocks=Pair(*[Blocks(16, 16, 16, warps=4, stages=1)] * 2))
    value = values_and_lse(cut, hidden, weight, bias, target)[0].sum()
    (found,) = torch.autograd.grad(value, hidden)
    return [bool(found[2].isnan().all()), bool((found[16:] == 0).all())]


if __name__ == "__main__":
    torch.set_num_threads(1)
    results: dict[str, Any] = {name: run() for name, run in cases("cpu").items()}
    results["nothing left"] = nothing_left("cpu")
    results["NaN stays"] = nan_stays("cpu")
    Path(sys.argv[1]).write_text(json.dumps(results))

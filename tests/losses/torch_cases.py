"""Every loss of torch.nn that is a function: PyTorch's own, and inputs and options for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

REDUCTIONS = ("none", "mean", "sum")
N, C = 6, 4


@dataclass(frozen=True)
class Case:
    """A loss, how PyTorch calls it, its inputs and options.

    Optional tensors of the loss are in ``held``: the module takes them when it is made.
    """

    loss: str
    peer: Callable[..., Tensor]
    inputs: Callable[[], list[Tensor]]
    options: dict[str, Any] = field(default_factory=dict)
    held: dict[str, Tensor] = field(default_factory=dict)
    reductions: tuple[str, ...] = REDUCTIONS
    fixed: tuple[int, ...] = ()  # floating inputs to which PyTorch gives no gradient

    def __str__(self) -> str:
        shown = {**self.options, **dict.fromkeys(self.held, "given")}
        shape = "x".join(map(str, self.inputs()[0].shape))
        named = {key: getattr(value, "__name__", value) for key, value in shown.items()}
        return f"{self.loss}-{shape}" + "".join(f"-{key}={value}" for key, value in named.items())


def real(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def unit(*shape: int) -> Tensor:
    return 0.02 + 0.96 * torch.rand(shape, dtype=torch.float64)


def positive(*shape: int) -> Tensor:
    return 0.1 + 3 * torch.rand(shape, dtype=torch.float64)


def sign(*shape: int) -> Tensor:
    return (torch.rand(shape) > 0.5).double() * 2 - 1


def labels(*shape: int) -> Tensor:
    return torch.randint(C, shape)


def some_ignored(*shape: int) -> Tensor:
    return labels(*shape).masked_fill(torch.arange(N).view(-1, *[1] * (len(shape) - 1)) % 3 == 0, -100)


def simplex(*shape: int) -> Tensor:
    return real(*shape).softmax(1)


def label_lists() -> Tensor:
    listed = torch.tensor([[2], [0], [4], [1], [3], [2]])
    return torch.where(torch.arange(C) < listed, torch.rand(N, C).argsort(1), -1)


NAMES_IN_PYTORCH = {"class_weight": "weight", "positive_weight": "pos_weight", "distance": "distance_function"}
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.25], dtype=torch.float64)
BIAS = torch.tensor([0.5, -1.0, 0.0, 0.25], dtype=torch.float64)


def with_class_weight(
    loss: str, peer: Callable[..., Tensor], inputs: Callable[[], list[Tensor]], **options: Any
) -> Case:
    return Case(loss, peer, inputs, options, held={"class_weight": WEIGHT})


def batch_or_images(make: Callable[..., list[Tensor]]) -> list[Callable[[], list[Tensor]]]:
    return [lambda: make((N,), (N, C)), lambda: make((N, 2, 3), (N, C, 2, 3))]


CLASSIFICATION = [
    case
    for inputs in (
        *batch_or_images(lambda places, scores: [real(*scores), labels(*places)]),
        *batch_or_images(lambda places, scores: [real(*scores), some_ignored(*places)]),
    )
    for case in (
        Case("cross_entropy", F.cross_entropy, inputs),
        Case("cross_entropy", F.cross_entropy, inputs, {"label_smoothing": 0.1}),
        Case("cross_entropy", F.cross_entropy, inputs, {"ignore_index": 2})
        if (inputs()[1] >= 0).all()
        else with_class_weight("cross_entropy", F.cross_entropy, inputs),
        with_class_weight("nll", F.nll_loss, lambda inputs=inputs: [inputs()[0].log_softmax(1), inputs()[1]]),
        Case("nll", F.nll_loss, lambda inputs=inputs: [inputs()[0].log_softmax(1), inputs()[1]]),
    )
] + [
    case
    for inputs in batch_or_images(lambda places, scores: [real(*scores), simplex(*scores)])
    for case in (
        Case("cross_entropy", F.cross_entropy, inputs),
        Case("cross_entropy", F.cross_entropy, inputs, {"label_smoothing": 0.2}),
        with_class_weight("cross_entropy", F.cross_entropy, inputs),
    )
]

MARGINS = [
    case
    for options in ({}, {"p": 2}, {"margin": 0.3}, {"p": 2, "margin": 2.0})
    for case in (
        Case("multi_margin", F.multi_margin_loss, lambda: [real(N, C), labels(N)], options),
        with_class_weight("multi_margin", F.multi_margin_loss, lambda: [real(N, C), labels(N)], **options),
    )
] + [Case("multilabel_margin", F.multilabel_margin_loss, lambda: [real(N, C), label_lists()])]

LINEAR = [
    case
    for inputs in (
        lambda: [real(N, 3), real(C, 3), labels(N)],
        lambda: [real(N, 3), real(C, 3), some_ignored(N)],
        lambda: [real(N, 3), real(C, 2, 3, 3), labels(N, 2, 3)],
    )
    for case in (
        Case("linear_cross_entropy", F.linear_cross_entropy, inputs),
        with_class_weight("linear_cross_entropy", F.linear_cross_entropy, inputs, label_smoothing=0.1),
    )
] + [
    Case(
        "linear_cross_entropy", F.linear_cross_entropy, lambda: [real(N, 3), real(C, 3), labels(N)],
        held={"linear_bias": BIAS},
    ),
    Case("linear_cross_entropy", F.linear_cross_entropy, lambda: [real(N, 3), real(C, 3), simplex(N, C)]),
]  # fmt: skip

ELEMENTS = [
    case
    for shape in ((N,), (N, C), (N, C, 2, 3))
    for case in (
        Case("binary_cross_entropy", F.binary_cross_entropy_with_logits, lambda s=shape: [real(*s), unit(*s)]),
        Case("binary_cross_entropy_from_probs", F.binary_cross_entropy, lambda s=shape: [unit(*s), unit(*s)]),
        Case("soft_margin", F.soft_margin_loss, lambda s=shape: [3 * real(*s), sign(*s)], fixed=(1,)),
        *(
            Case("hinge_embedding", F.hinge_embedding_loss, lambda s=shape: [real(*s), sign(*s)], options, fixed=(1,))
            for options in ({}, {"margin": 0.3})
        ),
        Case("mse", F.mse_loss, lambda s=shape: [real(*s), real(*s)]),
        Case("l1", F.l1_loss, lambda s=shape: [real(*s), real(*s)]),
        *(Case("huber", F.huber_loss, lambda s=shape: [real(*s), real(*s)], {"delta": d}) for d in (0.3, 1.0)),
        *(
            Case("smooth_l1", F.smooth_l1_loss, lambda s=shape: [real(*s), real(*s)], {"beta": b})
            for b in (0.0, 0.3, 1.0)
        ),
        *(
            Case("poisson_nll", F.poisson_nll_loss, lambda s=shape: [positive(*s), 2 * positive(*s)], options)
            for options in ({}, {"full": True}, {"log_input": False}, {"log_input": False, "full": True, "eps": 0.01})
        ),
        *(
            Case("gaussian_nll", F.gaussian_nll_loss, lambda s=shape: [real(*s), real(*s), positive(*s)], options)
            for options in ({}, {"full": True}, {"eps": 1.5})
        ),
        Case("margin_ranking", F.margin_ranking_loss, lambda s=shape: [real(*s), real(*s), sign(*s)], {"margin": 0.3}),
        Case("margin_ranking", F.margin_ranking_loss, lambda s=shape: [real(*s), real(*s), sign(*s)]),
    )
]

LABELS = [
    Case(
        "binary_cross_entropy", F.binary_cross_entropy_with_logits, lambda: [real(N, C), unit(N, C)],
        held={"positive_weight": weight},
    )
    for weight in (WEIGHT, torch.tensor(3.0, dtype=torch.float64))
] + [
    Case("multilabel_soft_margin", F.multilabel_soft_margin_loss, lambda: [real(N, C), unit(N, C)]),
    with_class_weight("multilabel_soft_margin", F.multilabel_soft_margin_loss, lambda: [real(N, C), unit(N, C)]),
]  # fmt: skip

DIVERGENCES = [
    case
    for shape in ((N, C), (N, C, 2, 3))
    for case in (
        Case(
            "kl_div", F.kl_div, lambda s=shape: [real(*s).log_softmax(1), simplex(*s)],
            reductions=(*REDUCTIONS, "batchmean"),
        ),
        Case(
            "kl_div", F.kl_div, lambda s=shape: [real(*s).log_softmax(1), real(*s).log_softmax(1)],
            {"log_target": True}, reductions=(*REDUCTIONS, "batchmean"),
        ),
    )
]  # fmt: skip


def city_block(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().flatten(1).sum(1)


EMBEDDINGS = [
    *(
        Case(
            "cosine_embedding", F.cosine_embedding_loss, lambda: [real(N, C), real(N, C), sign(N)], options, fixed=(2,)
        )
        for options in ({}, {"margin": 0.2}, {"margin": -0.5})
    ),
    *(
        Case("triplet_margin", F.triplet_margin_loss, lambda: [real(N, C) for _ in range(3)], options)
        for options in (
            {}, {"p": 1.0}, {"p": 3.0, "margin": 0.3}, {"swap": True}, {"eps": 0.1, "swap": True}, {"p": float("inf")},
        )
    ),
    *(
        Case(
            "triplet_margin_with_distance", F.triplet_margin_with_distance_loss,
            lambda s=shape: [real(*s) for _ in range(3)], options,
        )
        for shape, options in (
            ((N, C), {}), ((N, C), {"swap": True, "margin": 0.3}), ((N, C, 2), {"distance": city_block}),
            ((N, C, 2), {"distance": city_block, "swap": True}),
        )
    ),
]  # fmt: skip

CASES = [*CLASSIFICATION, *MARGINS, *LINEAR, *ELEMENTS, *LABELS, *DIVERGENCES, *EMBEDDINGS]

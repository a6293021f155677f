"""Every row-wise loss over classes, block by block, against cross-entropy; and two races with peers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from benchmarks.race import Measured, agree, race
from benchmarks.registry import row
from perdita.compare.train.memory import peak_bytes
from perdita.compare.verdict.class_metrics import reliability
from perdita.core.card import Card
from perdita.core.criterion import Criterion
from perdita.core.signature import REQUIRED
from perdita.kernels import cross_entropy, fused_rows

ROWS, CLASSES = 8192, 1000
SIZE = ROWS * CLASSES * 4
MOST_BUFFERS = 3
# what needs more than five full passes, which a loss's card counts, and what they are for
WHY = {
    "aldr_kl": "mean size, softmax, its entropy, violations, their soft maximum",
    "bi_tempered": "six Newton steps of a power, a quotient and a sum for the shift, two of them with a gradient",
    "entmax15": "eight Newton steps for the threshold of normal logits, then three moments and their gradients",
    "legendre_loss": "a learnt link, whose hidden units come on top of the passes",
    "sparsemax": "seven Newton steps for the threshold of normal logits, then two moments and their gradients",
}


def over_classes(card: Card) -> bool:
    """A row-wise loss of logits (n, c) and class indices, which needs to know no more than the number of classes."""
    first, *others = card.signature.fields
    if (
        not card.rowwise
        or card.task not in ("multiclass", "ordinal")
        or first.name != "logits"
        or "mask" in card.signature.takes
    ):
        return False
    shapes = [shape for item in others if item.name == "target" and not item.optional for shape in item.shapes]
    labels = any(shape.kind == "Int" and shape.before == ("n",) for shape in shapes)
    needed = {item.name for item in others if not item.optional}
    needed |= {name for name, default in card.signature.defaults.items() if default is REQUIRED}
    return labels and len(first.shapes[0].before) == 2 and needed <= {"target", "classes"}


def criterion(card: Card) -> Criterion:
    options = {"classes": CLASSES} if card.signature.defaults.get("classes") is REQUIRED else {}
    built: Criterion = card.criterion(**options)
    return built


def batch(rows: int, classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, classes, generator=generator).requires_grad_()
    return logits, torch.randint(classes, (rows,), generator=generator)


def step(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Value and gradient."""
    value = loss(logits, target)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def register(card: Card) -> None:
    """Two rows for a loss: its time in cross-entropies, and its memory in buffers of the logits' size."""
    passes, why = card.cost.passes, f": {WHY[card.name]}" if card.name in WHY else ""
    name = card.name.replace("_", "-")

    @row(
        f"rowwise-{name}",
        peer="F.cross_entropy",
        shape=f"({ROWS}, {CLASSES}) float32, value and gradient; {passes} passes{why}",
        unit="ms",
        target=f"ours / theirs <= {1.3 * passes:.4g}",
    )
    def time() -> Measured:
        (logits, target), loss = batch(ROWS, CLASSES), criterion(card)
        ours, few = functools.partial(fused_rows, loss), (logits[:256], target[:256])
        agree(step(ours, *few), step(loss, *few), rtol=1e-4, atol=1e-6)
        first, second = (functools.partial(step, each, logits, target) for each in (ours, F.cross_entropy))
        measured = race(first, second, unit="ms", repeats=8, warmups=1, tries=1)
        return replace(measured, peak_ours=peak_bytes(first), peak_theirs=peak_bytes(second))

    @row(
        f"rowwise-memory-{name}",
        peer="F.cross_entropy",
        shape=f"({ROWS}, {CLASSES}) float32, value and gradient",
        unit="buffers of the logits' size",
        target=f"ours <= {MOST_BUFFERS}",
    )
    def memory() -> Measured:
        logits, target = batch(ROWS, CLASSES)
        ours = functools.partial(fused_rows, criterion(card))
        peaks = [peak_bytes(functools.partial(step, each, logits, target)) for each in (ours, F.cross_entropy)]
        return Measured(*(peak / SIZE for peak in peaks))


for each in perdita.cards():
    if over_classes(each):
        register(each)


@row(
    "cross-entropy-10",
    peer="scikit-learn's HalfMultinomialLoss in Cython",
    shape="(200000, 10) float32, value and gradient",
    unit="ms",
    target="ours / theirs <= 1.2",
)
def ten_classes() -> Measured:
    from sklearn._loss.loss import HalfMultinomialLoss

    logits, target = batch(200_000, 10)
    raw, labels = logits.detach().numpy(), target.numpy().astype(np.float32)
    peer = HalfMultinomialLoss(n_classes=10)
    ours = functools.partial(step, functools.partial(cross_entropy, reduction="sum"), logits, target)

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        values, gradient = peer.loss_gradient(labels, raw, n_threads=torch.get_num_threads())
        return values.sum(dtype=np.float64), gradient

    value, gradient = theirs()
    agree(ours(), (torch.tensor(value, dtype=torch.float32), torch.from_numpy(gradient)), rtol=1e-4, atol=1e-5)
    return replace(race(ours, theirs, unit="ms"), peak_ours=peak_bytes(ours))


def expected_error(probs: np.ndarray, target: np.ndarray, bins: int) -> float:
    return float(sum(share * abs(sure - right) for sure, right, share in reliability(probs, target, bins)))


@row(
    "calibration-certain",
    peer="torchmetrics' MulticlassCalibrationError",
    shape="(200000, 10), 15 bins; before that, confidences of exactly 0 and 1 that theirs gets wrong",
    unit="ms",
    target="ours / theirs <= 1.0",
)
def calibration_certain() -> Measured:
    """Raced on softmax probabilities, after the right value was seen where every confidence is certain."""
    from torchmetrics.functional.classification import multiclass_calibration_error

    # ten certain items, five of them right, and ten of confidence 0.95, all right: |1 - 0.5| / 2 + |0.95 - 1| / 2,
    # but in one bin, as 0.95 and 1 share the last of ten: |0.975 - 0.75|
    sure = np.concatenate([np.tile([1.0, 0.0], (10, 1)), np.tile([0.95, 0.05], (10, 1))])
    labels = np.array([0, 1] * 5 + [0] * 10)
    agree(torch.tensor(expected_error(sure, labels, 10)), torch.tensor(0.225))
    astray = multiclass_calibration_error(torch.tensor(sure), torch.tensor(labels), num_classes=2, n_bins=10)
    if abs(float(astray) - 0.225) < 1e-6:
        raise AssertionError("torchmetrics has put a confidence of 1 into the last bin; the row says otherwise")
    agree(torch.tensor(expected_error(sure[:10, ::-1].copy(), labels[:10], 10)), torch.tensor(0.5))
    logits, target = batch(200_000, 10)
    probs = logits.detach().softmax(1)
    arrays = probs.numpy(), target.numpy()

    def theirs() -> Tensor:
        return multiclass_calibration_error(probs, target, num_classes=10, n_bins=15, validate_args=False)

    agree(torch.tensor(expected_error(*arrays, 15)), theirs().double().float(), rtol=1e-3, atol=1e-5)
    return race(lambda: expected_error(*arrays, 15), theirs, unit="ms")

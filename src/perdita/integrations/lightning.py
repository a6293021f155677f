"""A Lightning callback that watches a loss: its parts, how hard each of them pulls, and how calibrated the model is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from perdita.compare.verdict.class_metrics import reliability
from perdita.compound import Compound
from perdita.core import Criterion, InputError, MissingExtraError, Sum
from perdita.core.apply import gather_tensors
from perdita.core.errors import nearest
from perdita.core.reduction import align
from perdita.integrations.criteria import of_one_logit

try:
    from lightning.pytorch import Callback
except ImportError as error:
    raise MissingExtraError("lightning", "lightning") from error

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Num
    from lightning.pytorch import LightningModule, Trainer

BINS = 15


class LossMonitor(Callback):
    r"""Log what a criterion of perdita does while a Lightning module trains with it.

    In training, every ``every_n_steps`` steps, for each part k of a sum (or the one criterion), with its weight
    :math:`w_k`, its value :math:`\ell_k` and the model's outputs z:

    - ``loss/k``: the value :math:`\ell_k`, before its weight.
    - ``balance/k``: the gradient norm at the outputs, :math:`\lVert \nabla_z w_k \ell_k \rVert_2`: how hard the part
      pulls. Parts whose norms lie far apart are not balanced, whatever their values are.
    - ``cosine/j, k``: of the gradients of two parts, for all pairs: below 0 the two are in conflict, and what helps the
      one harms the other; and ``conflict/j, k``, the share of the logged steps so far in which they were.
    - ``weight/k``: the weight of a term of a `perdita.compound.Compound` in this step, as it was scheduled and learned.

    In validation, ``calibration/ece``: the expected calibration error over all rows of the epoch, for a criterion of
    logits and class labels. The callback reads what the module passes to its criterion; nothing in the module changes.

    Args:
        criterion: the attribute of the Lightning module that holds the criterion.
        every_n_steps: how often parts and balance are logged; the balance costs one backward pass through each part
            alone, not through the model.
        bins: of the calibration error, of equal width.
        features: name of the submodule through whose output all parts pass, where their outputs are not the same: a
            trunk. Gradients are taken at that output then, and the parts' own layers lie between.

    Returns:
        A callback for ``Trainer(callbacks=[…])``; the values are in the logger and in ``trainer.callback_metrics``.

    Raises:
        InputError: the module has no such criterion, or no such submodule.

    Example:
        >>> from perdita.integrations.lightning import LossMonitor
        >>> LossMonitor("criterion", every_n_steps=10).every_n_steps
        10

    Source:
        Gradient norms as the measure of balance: Chen et al., "GradNorm", ICML 2018, arXiv 1711.02257, section 3; there
        they are taken at shared weights, here at the outputs.
    """

    def __init__(
        self, criterion: str = "criterion", *, every_n_steps: int = 50, bins: int = BINS, features: str | None = None
    ) -> None:
        if every_n_steps < 1 or bins < 1:
            raise InputError(f"every_n_steps and bins must be at least 1, not {every_n_steps} and {bins}")
        self.criterion = criterion
        self.every_n_steps = every_n_steps
        self.bins = bins
        self.features = features
        self._handles: list[Any] = []
        self._shared: Tensor | None = None  # this step's output of the submodule ``features``
        self._pulls: dict[str, tuple[Tensor, Tensor]] = {}  # this step's gradients, and where they were taken
        self._conflicts: dict[str, tuple[Tensor | int, int]] = {}  # of each pair: steps in conflict, steps seen
        self._training: dict[str, Tensor] = {}  # what this step logs
        self._bins = np.zeros((bins, 3))  # sums of confidence, of right answers, and counts

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Listen to the criterion's parts."""
        found = getattr(pl_module, self.criterion, None)
        parts = named_parts(found) if isinstance(found, nn.Module) else {}
        if not parts:
            raise InputError(
                f"{type(pl_module).__name__}.{self.criterion} must be a criterion of perdita or hold some, but is "
                f"{type(found).__name__}"
            )
        if self.features is not None:
            self._handles.append(submodule(pl_module, self.features).register_forward_hook(self._keep))
        fixed = found.weights if isinstance(found, Sum) else {}
        for index, (name, part) in enumerate(parts.items()):
            hook = self._listen(trainer, name, fixed.get(name, 1.0), first=index == 0)
            self._handles.append(part.register_forward_hook(hook, with_kwargs=True))
        if isinstance(found, Compound):
            self._handles.append(found.weighting.register_forward_hook(self._weigh(found)))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._shared = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._training.clear()
        self._pulls.clear()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        for (one, (place, first)), (other, (elsewhere, second)) in itertools.combinations(self._pulls.items(), 2):
            if place is elsewhere:
                self._compare(f"{one}, {other}", torch.cosine_similarity(first.flatten(), second.flatten(), dim=0))
        for name, value in self._training.items():
            pl_module.log(name, value)
        self._training.clear()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bins[:] = 0

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        sums = torch.as_tensor(self._bins, dtype=torch.float32, device=pl_module.device)
        sums = trainer.strategy.reduce(sums, reduce_op="sum")  # over the ranks
        if bool(sums[:, 2].any()):
            error = (sums[:, 0] - sums[:, 1]).abs().sum() / sums[:, 2].sum()
            pl_module.log("calibration/ece", error, sync_dist=True)

    def _listen(self, trainer: Trainer, name: str, weight: float, first: bool) -> Any:
        def hook(part: Criterion, args: tuple[Any, ...], named: dict[str, Any], value: Tensor) -> None:
            rest = dict(named)
            tensors = list(gather_tensors(part.card, args, rest).values())
            if trainer.training and trainer.global_step % self.every_n_steps == 0:
                self._training[f"loss/{name}"] = value.detach().mean()
                place = tensors[0] if self._shared is None else self._shared
                if (gradient := pull(weight * value, place)) is not None:
                    self._training[f"balance/{name}"] = gradient.norm()
                    self._pulls[name] = (place, gradient)
            elif first and trainer.validating and len(tensors) == 2 and reads_classes(part, tensors[1]):
                self._calibrate(part, *tensors, rest.get("mask"))

        return hook

    def _keep(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        self._shared = output

    def _compare(self, pair: str, cosine: Tensor) -> None:
        met, seen = self._conflicts.get(pair, (0, 0))
        met, seen = met + (cosine < 0), seen + 1
        self._conflicts[pair] = (met, seen)
        self._training |= {f"cosine/{pair}": cosine, f"conflict/{pair}": met / seen}

    def _weigh(self, compound: Compound) -> Any:
        def hook(weighting: nn.Module, args: tuple[Any, ...], weighted: Any) -> None:
            applied = (compound.scales.to(weighted.weights) * weighted.weights).detach().unbind()
            for term, weight in zip(compound.terms, applied, strict=True):
                mine = [key for key in self._training if key == f"balance/{term}" or key.startswith(f"balance/{term}.")]
                self._training |= {key: weight.abs() * self._training[key] for key in mine}
                if f"loss/{term}" in self._training:
                    self._training[f"weight/{term}"] = weight

        return hook

    def _calibrate(self, part: Criterion, logits: Tensor, target: Tensor, mask: Tensor | None) -> None:
        probabilities, labels = class_rows(part, logits, target, mask)
        rows = np.asarray(reliability(probabilities, labels, self.bins))
        counts = rows[:, 2] * len(labels)
        self._bins += np.stack([rows[:, 0] * counts, rows[:, 1] * counts, counts], axis=1)


def named_parts(module: nn.Module) -> dict[str, Criterion]:
    """The criteria within a module by the names of their sum, or the one criterion by its own."""
    found = {name: part for name, part in module.named_modules() if isinstance(part, Criterion)}
    return {name.replace("criteria.", "") or part.card.name: part for name, part in found.items()}


def submodule(module: nn.Module, name: str) -> nn.Module:
    """A module's submodule by its dotted name. Raises `InputError` where there is none."""
    known = dict(module.named_modules())
    if name not in known:
        raise InputError(f"{type(module).__name__} has no submodule {name!r}{nearest(name, known)}")
    return known[name]


def pull(value: Tensor, outputs: Tensor) -> Tensor | None:
    """A value's gradient at the outputs, leaving the graph as it is; None where there is no gradient."""
    if not value.requires_grad or not outputs.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(value.sum(), outputs, retain_graph=True, allow_unused=True)
    return None if gradient is None else gradient.float()


def reads_classes(part: Criterion, target: Tensor) -> bool:
    """Whether a criterion's outputs are logits of classes and its target their labels."""
    card = part.card
    if card.signature.fields[0].name != "logits" or card.link != "softmax":
        return False
    return not target.is_floating_point() or (card.task == "binary" and bool((target == target.round()).all()))


def class_rows(
    part: Criterion, logits: Float[Tensor, "n *c"], target: Num[Tensor, "n *d"], mask: Bool[Tensor, "n *d"] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, c) and labels (rows,), without the rows that are masked or that the criterion ignores."""
    kept = torch.ones_like(target, dtype=torch.bool) if part.ignore_index is None else target != part.ignore_index
    if mask is not None:
        kept = kept & align(mask, target.shape, "mask")
    logits, labels, kept = logits.detach().double().cpu(), target.cpu().flatten(), kept.cpu().flatten()
    if "c" in part.card.signature.fields[0].shapes[0].dims:
        logits = logits.movedim(1, -1).flatten(0, -2)  # (rows, c)
    else:
        logits = of_one_logit(logits.reshape(-1, 1))
        labels = labels > 0  # of 0 and 1, or -1 and 1
    return logits[kept].softmax(1).numpy(), labels[kept].long().numpy()

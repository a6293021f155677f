"""Making a language model forget some answers and keep others: which layers to train, and on what loss.

Source: Agrawal and Huang, "SHA256 at SemEval-2025 Task 4: Selective Amnesia", SemEval 2025, arXiv 2504.12996, and the
released code. Causal tracing: Meng, Bau, Andonian, Belinkov, "Locating and Editing Factual Associations in GPT",
NeurIPS 2022, arXiv 2202.05262.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core import InputError, component
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int

PARTS = {  # the last part of the name of a child of a layer
    "mlp": re.compile(r"mlp|ffn|feed_forward|block_sparse_moe|fc\d|fc_(in|out)"),
    "self_attn": re.compile(r"attn|attention|self_attn|self_attention"),
    "all": re.compile(r".*"),
}


@component("unlearning-sha256")
def retain_weight(
    increase: Float[Tensor, ""],
    *,
    a: float = 0.3,
    b: float = 6.0,
    c: float = 0.8,
    low: float = 1.2,
    high: float = 2.3,
    decimals: int | None = 1,
) -> Float[Tensor, ""]:
    r"""The weight of the retained answers: clip(a b^d + c, low, high) for an increase d of their loss, else ``low``.

    Args:
        increase: of the retain loss over its reference; no gradient goes through it.
        a, b, c, low, high: of the formula; the paper's summary has high = 2.8, the released code 2.3.
        decimals: a b^d + c is rounded to them first, as in the released code; None leaves it exact.
    """
    grown = increase.detach().clamp(max=50.0)  # far beyond ``high`` for every sensible b
    raw = a * torch.pow(torch.as_tensor(b, dtype=grown.dtype, device=grown.device), grown) + c
    raw = raw if decimals is None else torch.round(raw, decimals=decimals)
    return torch.where(grown > 0, raw.clamp(low, high), low)


@component("unlearning-sha256")
def selective_amnesia(
    logits: Float[Tensor, "b t v"],
    labels: Int[Tensor, "b t"],
    factor: Int[Tensor, "b"],
    *,
    reference: float | Tensor | None = None,
    forget_cap: float | None = None,
    **weighing: Any,
) -> dict[str, Tensor]:
    r"""Loss that forgets some answers and keeps others: -CE_forget + alpha CE_retain.

    Each CE is the mean over all labelled tokens of its group, in float32 at least; a group that is missing adds 0, and
    none of its tokens is mixed with the other's. alpha is `retain_weight` of CE_retain - reference, and its least
    where there is no reference yet.

    Args:
        logits: (b, t, v) of a causal model: place i speaks of token i + 1.
        labels: (b, t) the tokens themselves, not shifted; -100 outside the answers.
        factor: (b,) -1 to forget, +1 to retain.
        reference: retain loss to compare with.
        forget_cap: CE_forget counts, and pulls, up to here only; without one the loss has no lower bound. log(v), the
            loss of knowing nothing, is a good one.
        **weighing: a, b, c, low, high and decimals of `retain_weight`.

    Returns:
        "loss", and without gradients "forget", "retain", "alpha" and "increase" (of the retain loss, 0 if it fell).

    Raises:
        InputError: a factor that is neither -1 nor +1, shapes that do not fit.
    """
    if labels.shape != logits.shape[:2] or factor.shape != labels.shape[:1]:
        shapes = tuple(tuple(tensor.shape) for tensor in (logits, labels, factor))
        raise InputError(f"logits, labels and factor must have shapes (b, t, v), (b, t) and (b,), not {shapes}")
    if ((factor != 1) & (factor != -1)).any():
        raise InputError(f"factor must hold -1 (forget) and +1 (retain), not {factor.tolist()}")
    scores, target = logits[:, :-1].transpose(1, 2), labels[:, 1:]
    forget = cross_entropy(scores, target, mask=factor < 0)
    retain = cross_entropy(scores, target, mask=factor > 0)
    increase = torch.zeros_like(retain) if reference is None else (retain.detach() - reference).clamp_min(0)
    alpha = retain_weight(increase, **weighing)
    pushed = forget if forget_cap is None else forget.clamp(max=forget_cap)
    loss = alpha * retain - pushed
    found = {"forget": forget, "retain": retain, "alpha": alpha, "increase": increase}
    return {"loss": loss, **{name: part.detach() for name, part in found.items()}}


@component("unlearning-sha256")
class RetainReference:
    """The retain loss of the first epoch, which later epochs are compared with.

    Args:
        per: "batch" for the mean over the batches, which is what is meant; "example" divides the sum of the batches'
            means by the number of examples, as the released code does: the reference is then about 1 / batch size of
            the true average, and the increase nearly the loss itself.

    Raises:
        InputError: another ``per``.
    """

    def __init__(self, per: str = "batch") -> None:
        if per not in ("batch", "example"):
            raise InputError(f"per must be 'batch' or 'example', not {per!r}")
        self.per, self.total, self.count = per, 0.0, 0

    def add(self, retain: Tensor, examples: int) -> None:
        """Take note of a batch's retain loss; a batch without retained examples does not count."""
        if examples:
            self.total += float(retain)
            self.count += examples if self.per == "example" else 1

    @property
    def value(self) -> float | None:
        """The reference, or None where nothing was retained."""
        return self.total / self.count if self.count else None


@component("unlearning-sha256")
def decoder_layers(model: nn.Module) -> nn.ModuleList:
    """The layers of a language model: its longest list of modules of one class.

    Raises:
        InputError: the model has no list of modules.
    """
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len({type(m) for m in part}) == 1]
    if not lists:
        raise InputError("the model holds no nn.ModuleList of equal layers")
    return max(lists, key=len)


@component("unlearning-sha256")
def freeze_except(model: nn.Module, layers: Iterable[int] = range(6), kind: str = "mlp") -> list[str]:
    """Freeze a model but for one part of some of its layers.

    Args:
        model: any causal language model whose layers are in one list.
        layers: which of them are trained; the paper trains the first six.
        kind: "mlp", "self_attn" or "all" of a layer.

    Returns:
        The names of the parameters that are trained.

    Raises:
        InputError: an unknown kind, a layer that the model does not have, a layer without such a part.
    """
    if kind not in PARTS:
        raise InputError(f"kind must be one of {tuple(PARTS)}, not {kind!r}")
    held = decoder_layers(model)
    model.requires_grad_(False)
    for number in layers:
        if not 0 <= number < len(held):
            raise InputError(f"layers must be in 0..{len(held) - 1}, not {number}")
        for part in parts_of(held[number], kind):
            part.requires_grad_(True)
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def parts_of(layer: nn.Module, kind: str) -> list[nn.Module]:
    """The children of a layer that are its MLP, its attention, or all of them. Raises `InputError` where none is."""
    found = [child for name, child in layer.named_children() if PARTS[kind].fullmatch(name)]
    if not found:
        raise InputError(f"{type(layer).__name__} has no {kind} among {[name for name, _ in layer.named_children()]}")
    return found


@component("unlearning-sha256")
def unlearn(
    model: nn.Module,
    batches: Sequence[tuple[Int[Tensor, "b t"], Int[Tensor, "b t"], Int[Tensor, "b"]]],
    *,
    epochs: int = 8,
    learning_rate: float = 1.5e-5,
    accumulate: int = 1,
    adaptive: bool = True,
    retain: float | None = None,
    reference: str = "batch",
    forget_cap: float | None = None,
    **weighing: Any,
) -> list[dict[str, float]]:
    """Train what `freeze_except` has left to train on `selective_amnesia`, by AdamW.

    Which epoch to keep is the caller's choice: the lowest joint loss is the most destructive one. Take the one that
    forgets most among those whose "retain" is still good.

    Args:
        model: gives logits (b, t, v), or an object that holds them as ``logits``, for input ids.
        batches: of (input ids, labels, factor) as `selective_amnesia` takes them, the same in every epoch.
        epochs, learning_rate: the paper's are 8 and 1.5e-5.
        accumulate: batches for each optimiser step.
        adaptive: False keeps the weight of the retained answers at its least, or at ``retain``.
        retain: fixed weight of the retained answers; 0 is ascent on the forgotten ones alone.
        reference: of `RetainReference`.
        forget_cap: of `selective_amnesia`.
        **weighing: of `retain_weight`.

    Returns:
        The mean parts of each epoch's loss.
    """
    if retain is not None:
        weighing, adaptive = {**weighing, "low": retain, "high": retain}, False
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=learning_rate)
    first, course = RetainReference(reference), []
    for epoch in range(epochs):
        sums: dict[str, float] = {}
        for number, (ids, labels, factor) in enumerate(batches, 1):
            found = model(ids)
            parts = selective_amnesia(
                getattr(found, "logits", found),
                labels,
                factor,
                reference=first.value if adaptive and epoch else None,
                forget_cap=forget_cap,
                **weighing,
            )
            if epoch == 0:
                first.add(parts["retain"], int((factor > 0).sum()))
            (parts["loss"] / accumulate).backward()
            if number % accumulate == 0 or number == len(batches):
                optimizer.step()
                optimizer.zero_grad()
            sums = {name: sums.get(name, 0.0) + float(part.detach()) for name, part in parts.items()}
        course.append({name: total / len(batches) for name, total in sums.items()})
    return course

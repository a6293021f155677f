"""Each loss as a curve: its value and its slope where one number of its input moves and the others rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

POINTS = 120  # an even number: no point lies on the corner that many losses have at 0


@dataclass(frozen=True)
class LossCurve:
    """What one loss does along the axis; ``reason`` says why there is nothing to draw."""

    value: list[float] = field(default_factory=list)
    slope: list[float] = field(default_factory=list)
    reason: str = ""


def axis(task: str) -> Float[Tensor, "n"]:
    """True-class logits for a classification, residuals for a regression, cosines for embeddings."""
    import torch

    reach = {"regression": 4.0, "embedding": 0.99}.get(task, 6.0)
    return torch.linspace(-reach, reach, POINTS, dtype=torch.float64)


def trace(config: Any, task: str, classes: int) -> LossCurve:
    """Value and slope of a loss along `axis`.

    A classification has the true class at the axis and every other logit at 0; a regression has its target at 0; of
    three embeddings two are of one class, with the axis as their cosine, and the third, of another class, is orthogonal
    to both.

    Args:
        config: what `perdita.build` takes.
        task: multiclass, binary, ordinal, regression or embedding.
        classes: how many logits a multiclass loss gets.

    Returns:
        (n,) values and slopes, or the reason why this loss has none.
    """
    import torch

    import perdita

    if isinstance(config, Mapping) and "terms" in config:
        return LossCurve(reason="its terms have weights of their own; each is drawn where it is compared by itself")
    try:
        if task == "embedding":
            return _trace_pair(perdita.build(config).double())
        criterion = perdita.build(_unreduced(config)).double()
        if not all(card.rowwise for card in _cards(criterion)):
            return LossCurve(reason="it compares examples with each other")
        reason = "it gives no value for a single example"
        for moving, outputs, target in _calls(task, classes):
            try:
                values = criterion(outputs, target)
            except (ValueError, TypeError, RuntimeError, IndexError) as error:
                reason = str(error).split("\n", 1)[0]
                continue
            if values.numel() == moving.numel():
                (slope,) = torch.autograd.grad(values.sum(), moving)
                return LossCurve(values.detach().flatten().tolist(), slope.tolist())
        return LossCurve(reason=reason)
    except Exception as error:  # a user's loss may raise anything; a picture is no reason to lose a finished comparison
        return LossCurve(reason=str(error).split("\n", 1)[0] or type(error).__name__)


def _trace_pair(criterion: Any) -> LossCurve:
    import torch
    from torch.func import grad_and_value, vmap

    if list(criterion.parameters()):
        return LossCurve(reason="it holds embeddings to class vectors that it learns")
    label = torch.tensor([0, 0, 1])

    def value(cosine: Tensor) -> Tensor:
        zero = torch.zeros_like(cosine)
        second = torch.stack([cosine, (1 - cosine.square()).sqrt(), zero])
        first, other = torch.eye(3, dtype=cosine.dtype)[[0, 2]]
        return criterion(torch.stack([first, second, other]), label)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        slope, found = vmap(grad_and_value(value), randomness="same")(axis("embedding"))
    return LossCurve(found.tolist(), slope.tolist())


def _calls(task: str, classes: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The axis, and outputs and targets in each form that a loss of the task may take."""
    import torch

    def fresh() -> Tensor:
        return axis(task).requires_grad_()

    if task == "regression":
        for shape in ((POINTS,), (POINTS, 1)):
            moving = fresh()
            yield moving, moving.view(shape), torch.zeros(shape, dtype=torch.float64)
        return
    single = [((POINTS,), torch.float64), ((POINTS,), torch.long), ((POINTS, 1), torch.float64)]
    for shape, dtype in single if task == "binary" else ():
        moving = fresh()
        yield moving, moving.view(shape), torch.ones(shape, dtype=dtype)
    moving = fresh()
    others = torch.zeros(POINTS, (2 if task == "binary" else classes) - 1, dtype=torch.float64)
    yield moving, torch.cat([moving.unsqueeze(1), others], 1), torch.zeros(POINTS, dtype=torch.long)


def _cards(criterion: Any) -> list[Any]:
    return [module.card for module in criterion.modules() if hasattr(module, "card")]


def _unreduced(config: Any) -> Any:
    if isinstance(config, str):
        return {"loss": config, "reduction": "none"}
    if isinstance(config, Mapping) and "sum" in config:
        return {**config, "sum": [{**part, "criterion": _unreduced(part["criterion"])} for part in config["sum"]]}
    return {**config, "reduction": "none"}

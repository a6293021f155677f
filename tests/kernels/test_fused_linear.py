"""Every row-wise loss over classes: the fused form equals the loss of the materialised logits, gradients too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from perdita.core.card import Card
from perdita.kernels import fused_linear
from tests.references import ARGUMENTS

ROWS, FEATURES, CLASSES = 11, 5, 7
REDUCTIONS = ("mean", "sum", "none", "batchmean")


def over_classes(card: Card) -> bool:
    """A row-wise loss of logits (n, c) and class indices."""
    first, *others = card.signature.fields
    if not card.rowwise or first.name != "logits" or len(first.shapes[0].before) != 2 or "mask" in card.signature.takes:
        return False
    target = next((item for item in others if item.name == "target"), None)
    integers = target is not None and any(shape.kind == "Int" and shape.before == ("n",) for shape in target.shapes)
    return integers and all(item.optional for item in others if item is not target)


def criterion(card: Card) -> Any:
    """The loss with its defaults, or with what its reference is tested with, and as many classes as there are here."""
    arguments = dict(ARGUMENTS.get(card.name, {}))
    return card.criterion(**{**arguments, **({"classes": CLASSES} if "classes" in arguments else {})}).double()


CARDS = {card.name: card for card in perdita.cards() if over_classes(card)}


@pytest.fixture
def batch() -> dict[str, Tensor]:
    return draw()


def draw(dtype: torch.dtype = torch.float64, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(ROWS, FEATURES, generator=generator, dtype=torch.float64).to(dtype)
    weight = torch.randn(CLASSES, FEATURES, generator=generator, dtype=torch.float64).to(dtype)
    bias = torch.randn(CLASSES, generator=generator, dtype=torch.float64).to(dtype)
    target = torch.randint(CLASSES, (ROWS,), generator=generator)
    leaves = {"hidden": hidden, "weight": weight, "bias": bias}
    return {name: leaf.requires_grad_() for name, leaf in leaves.items()} | {"target": target}


def with_gradients(value: Tensor, *leaves: Tensor, create_graph: bool = False) -> list[Tensor]:
    """The value, and the gradients of a sum in which every element has a weight of its own."""
    upstream = torch.arange(1, value.numel() + 1, dtype=value.dtype).reshape(value.shape) / value.numel()
    return [value, *torch.autograd.grad(value, leaves, upstream, create_graph=create_graph)]


def materialised(
    loss: Callable[..., Tensor], batch: dict[str, Tensor], softcap: float | None = None, **options: Any
) -> Tensor:
    """The loss of all logits at once, by the public function or criterion."""
    logits = F.linear(batch["hidden"], batch["weight"], batch["bias"])
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    return loss(logits, batch["target"], **options)


def fused(loss: Any, batch: dict[str, Tensor], **options: Any) -> Any:
    options = {"block_rows": 3, "bias": batch["bias"], **options}
    return fused_linear(loss, batch["hidden"], batch["weight"], batch["target"], **options)


def leaves(batch: dict[str, Tensor]) -> list[Tensor]:
    return [batch["hidden"], batch["weight"], batch["bias"]]


def test_the_catalogue_has_such_losses() -> None:
    assert {"cross_entropy", "focal", "squentropy", "generalized_cross_entropy", "poly_cross_entropy"} < set(CARDS)
    assert len(CARDS) > 25


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_loss(name: str, reduction: str, batch: dict[str, Tensor]) -> None:
    loss = criterion(CARDS[name])
    loss.reduction = reduction
    weight = torch.rand(ROWS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mask = torch.arange(ROWS) % 4 != 1
    if CARDS[name].ignore_index is not None:
        batch["target"][5] = CARDS[name].ignore_index
    own = [*leaves(batch), *loss.parameters()]
    expected = with_gradients(materialised(loss, batch, weight=weight, mask=mask), *own)
    for impl in ("auto", "blocked", "reference"):
        found = fused(loss, batch, example_weight=weight, mask=mask, impl=impl)
        torch.testing.assert_close(with_gradients(found, *own), expected, msg=lambda text, impl=impl: f"{impl}: {text}")


@pytest.mark.parametrize("name", sorted(CARDS))
def test_the_gradient_does_not_depend_on_the_block(name: str, batch: dict[str, Tensor]) -> None:
    loss = criterion(CARDS[name])
    whole, cut = (with_gradients(fused(loss, batch, block_rows=size), *leaves(batch)) for size in (ROWS, 1))
    torch.testing.assert_close(cut, whole)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options",
    [{}, {"softcap": 2.0}, {"label_smoothing": 0.1}, {"label_smoothing": 0.1, "softcap": 3.0}, {"normalizer": 7.0},
     {"class_weight": torch.linspace(0.1, 2.0, CLASSES, dtype=torch.float64)},
     {"class_mask": torch.arange(CLASSES) != 6, "label_smoothing": 0.2}],
    ids=lambda options: " ".join(options) or "plain",
)  # fmt: skip
@pytest.mark.parametrize("impl", ["auto", "blocked", "reference"])
def test_cross_entropy(impl: str, options: dict[str, Any], reduction: str, batch: dict[str, Tensor]) -> None:
    if "normalizer" in options and reduction in ("none", "sum"):
        with pytest.raises(perdita.InputError, match="normalizer replaces the denominator"):
            fused("cross_entropy", batch, reduction=reduction, **options)
        return
    batch["target"] = batch["target"].clamp(max=CLASSES - 2)
    batch["target"][3] = -100
    expected = materialised(perdita.functional.cross_entropy, batch, reduction=reduction, **options)
    found = fused("cross_entropy", batch, reduction=reduction, impl=impl, **options)
    torch.testing.assert_close(with_gradients(found, *leaves(batch)), with_gradients(expected, *leaves(batch)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("z_penalty", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize("impl", ["auto", "blocked", "reference"])
def test_log_sum_exp(impl: str, loss: str, z_penalty: float, reduction: str, batch: dict[str, Tensor]) -> None:
    batch["target"][2] = -100

    def by_hand() -> tuple[Tensor, Tensor]:
        logits = F.linear(*leaves(batch))
        lse = torch.where(batch["target"] == -100, 0.0, logits.logsumexp(1))
        values = getattr(perdita.functional, loss)(logits, batch["target"], reduction="none") + z_penalty * lse.square()
        return {"none": values, "sum": values.sum()}.get(reduction, values.sum() / (ROWS - 1)), lse

    options = {"reduction": reduction, "z_penalty": z_penalty, "return_lse": True, "impl": impl}
    found, expected = fused(loss, batch, **options), by_hand()
    torch.testing.assert_close(found, expected)
    joined = [torch.cat([value.reshape(-1), lse]) for value, lse in (found, expected)]
    torch.testing.assert_close(*(with_gradients(values, *leaves(batch)) for values in joined))
    alone = [fused(loss, batch, **options)[0], by_hand()[0]]  # nobody differentiates the log-sum-exp
    torch.testing.assert_close(*(with_gradients(value, *leaves(batch)) for value in alone))


@pytest.mark.parametrize("impl", ["auto", "blocked"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squentropy"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_shift_scores_the_next_place(impl: str, loss: str, reduction: str) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(2, 6, FEATURES, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(CLASSES, FEATURES, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randint(CLASSES, (2, 6), generator=generator)
    items = torch.rand(2, 6, generator=generator, dtype=torch.float64)
    function = getattr(perdita.functional, loss)
    for steps in (1, 2, True):
        logits = F.linear(hidden[:, : -int(steps)], weight).movedim(-1, 1)
        expected = function(logits, target[:, int(steps) :], weight=items[:, int(steps) :], reduction=reduction)
        options = {"shift": steps, "example_weight": items, "reduction": reduction, "impl": impl, "block_rows": 3}
        found = fused_linear(loss, hidden, weight, target, **options)
        torch.testing.assert_close(with_gradients(found, hidden, weight), with_gradients(expected, hidden, weight))


def test_batchmean_of_further_dimensions() -> None:
    hidden, weight = torch.randn(2, 3, FEATURES), torch.randn(CLASSES, FEATURES)
    target = torch.randint(CLASSES, (2, 3))
    expected = perdita.functional.focal(F.linear(hidden, weight).movedim(-1, 1), target, reduction="batchmean")
    torch.testing.assert_close(fused_linear("focal", hidden, weight, target, reduction="batchmean"), expected)


def kl_from(logits: Tensor, teacher: Tensor) -> Tensor:
    return F.kl_div(logits.log_softmax(1), teacher.log_softmax(1), reduction="none", log_target=True).sum(1)


@pytest.mark.parametrize("impl", ["auto", "reference"])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_teacher_comes_as_its_own_layer(impl: str, frozen: bool, batch: dict[str, Tensor]) -> None:
    name, card = "smooth_adversarial_comp_sum", perdita.card("smooth_adversarial_comp_sum")
    teacher = torch.randn(ROWS, 4, dtype=torch.float64), torch.randn(CLASSES, 4, dtype=torch.float64)
    own = leaves(batch)
    if not frozen:
        own += [part.requires_grad_() for part in teacher]
    logits, others = F.linear(*own[:3]), F.linear(*teacher)
    expected = card.function(logits, batch["target"], others)
    found = fused(name, batch, adversarial_logits=teacher, impl=impl)
    torch.testing.assert_close(with_gradients(found, *own), with_gradients(expected, *own))


def test_distillation_takes_the_teacher_as_target(batch: dict[str, Tensor]) -> None:
    """A loss of (logits, teacher_logits), registered by nobody else."""
    from perdita.core.card import Cost, Traits
    from perdita.core.signature import read_signature

    def distillation(logits: "Float[Tensor, 'n c']", teacher_logits: "Float[Tensor, 'n c']") -> "Float[Tensor, 'n']":
        return kl_from(logits, teacher_logits)

    card = Card(
        name="distillation", task="multiclass", paper=None, aliases=(), traits=Traits(), ranges={}, cost=Cost(),
        signature=read_signature(distillation, {}), per_example=distillation, doc="",
    )  # fmt: skip
    distillation.card = card
    object.__setattr__(card, "function", distillation)
    teacher = torch.randn(ROWS, 9, dtype=torch.float64), torch.randn(CLASSES, 9, dtype=torch.float64)
    for target in (teacher, F.linear(*teacher)):
        batch["target"] = target
        expected, found = kl_from(F.linear(*leaves(batch)), F.linear(*teacher)).mean(), fused(distillation, batch)
        torch.testing.assert_close(with_gradients(found, *leaves(batch)), with_gradients(expected, *leaves(batch)))


@pytest.mark.parametrize("frozen", ["hidden", "weight", "bias"])
@pytest.mark.parametrize("impl", ["auto", "blocked"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_value_does_not_depend_on_what_is_frozen(frozen: str, impl: str, reduction: str) -> None:
    free, held = draw(), draw()
    held[frozen].requires_grad_(False)
    options = {"impl": impl, "reduction": reduction}
    expected, found = fused("focal", free, **options), fused("focal", held, **options)
    torch.testing.assert_close(found, expected)
    names = [name for name in ("hidden", "weight", "bias") if name != frozen]
    gradients = [
        torch.autograd.grad(value.sum(), [batch[name] for name in names])
        for value, batch in ((expected, free), (found, held))
    ]
    torch.testing.assert_close(gradients[1], gradients[0])
    with torch.no_grad():
        assert not fused("focal", free, **options).requires_grad
        torch.testing.assert_close(fused("focal", free, **options), expected)


def test_learnable_parameters_and_weights_get_gradients(batch: dict[str, Tensor]) -> None:
    items = torch.rand(ROWS, dtype=torch.float64, requires_grad=True)
    counts = torch.rand(CLASSES, dtype=torch.float64, requires_grad=True)
    own = [*leaves(batch), items, counts]
    expected = materialised(perdita.functional.focal, batch, weight=items, class_weight=counts)
    found = fused("focal", batch, example_weight=items, class_weight=counts)
    torch.testing.assert_close(with_gradients(found, *own), with_gradients(expected, *own))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("impl", ["auto", "blocked"])
def test_half_precision_is_no_worse_than_its_logits(dtype: torch.dtype, impl: str) -> None:
    """Against float64, with 1/n of a batch so long that a float16 gradient of the logits would underflow."""
    batch = draw(dtype)
    long = {
        **batch,
        "hidden": batch["hidden"].detach().repeat(200, 1).requires_grad_(),
        "target": batch["target"].repeat(200),
    }
    exact = {
        name: part.detach().double().requires_grad_() if part.is_floating_point() else part
        for name, part in long.items()
    }
    expected = with_gradients(materialised(perdita.functional.cross_entropy, exact), *leaves(exact))
    naive = with_gradients(materialised(perdita.functional.cross_entropy, long), *leaves(long))
    found = with_gradients(fused("cross_entropy", long, impl=impl, block_rows=64), *leaves(long))
    assert [part.dtype for part in found[1:]] == [dtype] * 3
    epsilon = torch.finfo(dtype).eps
    for own, other, right in zip(found, naive, expected, strict=True):
        error, allowed = ((part.double() - right).norm() / right.norm() for part in (own, other))
        assert error <= max(2 * allowed, 2 * epsilon)


def test_sums_in_half_precision_are_made_in_float32() -> None:
    ones = torch.ones(1 << 12, 1, dtype=torch.bfloat16)
    weight = torch.zeros(2, 1, dtype=torch.bfloat16, requires_grad=True)
    target = torch.zeros(1 << 12, dtype=torch.long)
    options = {"reduction": "sum", "block_rows": 1}
    for impl in ("auto", "blocked"):
        fused_sum = fused_linear("cross_entropy", ones, weight, target, impl=impl, **options)
        (wide,) = torch.autograd.grad(fused_sum, weight)
        torch.testing.assert_close(wide.flatten(), torch.tensor([-2048.0, 2048.0], dtype=torch.bfloat16))
    narrow = fused_linear("cross_entropy", ones, weight, target, impl="blocked", accumulate=None, **options)
    (stuck,) = torch.autograd.grad(narrow, weight)
    assert stuck.abs().max() < 1024  # 128 + 0.5 is 128 in bfloat16

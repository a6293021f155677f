"""Losses that break the contract, one for each check: what the battery must catch."""

from __future__ import annotations

import torch
from torch import nn

from perdita.core import Choice, Criterion, Range, loss

BROKEN = {}


def breaks(*checks):
    """Say which checks the loss that a builder makes must fail."""

    def register(builder):
        for check in checks:
            BROKEN.setdefault(check, []).append(builder)
        return builder

    return register


def good(logits, target):
    """Smooth, row by row, with no fault: (z_y - 1)^2 + log-sum-exp."""
    picked = logits.gather(1, target.long().unsqueeze(1)).squeeze(1)
    return (picked - 1).square() + logits.logsumexp(1)


def make(body=good, **card):
    @loss(**{"task": "multiclass", "name": "broken", **card})
    def broken(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
        return body(logits, target)

    return broken


def lax(**card):
    """A public function that takes anything and refuses nothing."""
    made = make(**card)
    object.__setattr__(made.card, "function", lambda *args, **named: torch.zeros(()))
    return made.card


@breaks("gradcheck")
def half_detached():
    return make(lambda z, y: good(z * z.detach(), y))


class FirstDerivativeOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0].detach() * gradient


@breaks("gradgradcheck", "func_grad")
def no_second_derivative():
    return make(lambda z, y: FirstDerivativeOnly.apply(z).sum(1))


@breaks("half_precision")
def narrow_value():
    return make(lambda z, y: good(z, y).half())


@breaks("half_precision")
def knows_it_was_widened():
    """Another value where the contract has widened a half-precision leaf: its history is longer by one step."""
    return make(lambda z, y: good(z, y) * (1.01 if z.grad_fn is not None else 1.0))


@breaks("result_dtype")
def always_float32():
    return make(lambda z, y: good(z, y).float())


@breaks("extreme_inputs")
def naive_softmax():
    return make(lambda z, y: z.exp().sum(1).log() - z.gather(1, y.unsqueeze(1)).squeeze(1))


@breaks("nan_is_shown", "compile")
def hides_nan():
    return make(lambda z, y: good(z.nan_to_num(0.0), y))


@breaks("determinism")
def draws_globally():
    return make(lambda z, y: good(z, y) * torch.rand(()))


@breaks("module_equals_function")
def other_module():
    made = make()
    made.card.criterion.per_example = lambda self, z, y: good(z, y) + 1
    return made


@breaks("inputs_unchanged")
def changes_target():
    return make(lambda z, y: good(z, y.add_(0)))


@breaks("inputs_unchanged")
def changes_logits():
    def body(z, y):
        with torch.no_grad():
            z.mul_(1.5)
        return good(z, y)

    return make(body)


@breaks("requires_grad")
def asks_for_history():
    return make(lambda z, y: good(z, y) + float(z.requires_grad))


@breaks("requires_grad", "gradcheck")
def detached():
    return make(lambda z, y: good(z, y).detach())


@breaks("noncontiguous")
def assumes_layout():
    return make(lambda z, y: good(torch.as_strided(z, z.shape, torch.empty(z.shape).stride()), y))


@breaks("rowwise", "shards_equal_whole", "weight_equals_copies")
def batch_norm():
    return make(lambda z, y: good(z - z.mean(0, keepdim=True), y))


@breaks("rowwise")
def says_set_but_is_none():
    return make(rowwise=False)


@breaks("masked_equals_removed", "mask_zeroes_values", "ignore_index_equals_removed")
def set_without_mask():
    return make(lambda z, y: good(z - (z + 3).square().mean(0, keepdim=True), y), rowwise=False)


@breaks("permutation")
def knows_its_place():
    return make(lambda z, y: (good(z, y).movedim(0, -1) * torch.arange(len(z))).movedim(-1, 0))


@breaks("reductions")
def reduces_itself():
    return make(lambda z, y: good(z, y).sum())


@breaks("extra_dims")
def mixes_places():
    return make(lambda z, y: good(z, y).cumsum(-1) if z.ndim > 2 else good(z, y))


def batch_level(body, **card):
    @loss(task="multiclass", name="broken", **card)
    def broken(logits: Float[Tensor, "n c"], *, mask: Bool[Tensor, "n"] | None = None) -> Float[Tensor, ""]:
        return body(logits, mask)

    return broken


@breaks("empty")
def not_zero():
    return batch_level(lambda z, mask: z.square().sum() + 1)


@breaks("empty")
def detached_zero():
    return batch_level(lambda z, mask: z.square().sum() if len(z) else torch.zeros(()))


@breaks("all_masked")
def divides_by_zero():
    return batch_level(lambda z, mask: (z.square().sum(1) * mask).sum() / mask.sum() if mask is not None else z.sum())


@breaks("class_mask")
def weak_mask():
    @loss(task="multiclass", name="broken")
    def broken(
        logits: Float[Tensor, "n c"], target: Int[Tensor, "n"], *, class_mask: Bool[Tensor, "n c"] | None = None
    ) -> Float[Tensor, "n"]:
        return good(logits if class_mask is None else logits.masked_fill(~class_mask, -3.0), target)

    return broken


@breaks("class_weight")
def forgets_weight():
    @loss(task="multiclass", name="broken", domains={"class_weight": "nonnegative"})
    def broken(
        logits: Float[Tensor, "n c"], target: Int[Tensor, "n"], *, class_weight: Float[Tensor, "c"] | None = None
    ) -> Float[Tensor, "n"]:
        return good(logits, target)

    return broken


@breaks(
    "rejects_missing", "rejects_shape", "rejects_dtype", "rejects_values", "rejects_unknown", "rejects_weight_and_mask"
)
def refuses_nothing():
    return lax()


@breaks("rejects_hyperparameters")
def any_option():
    @loss(task="multiclass", name="broken", ranges={"power": Range(1, 3), "form": Choice(("a", "b"))})
    def broken(logits: Float[Tensor, "n c"], *, power: float = 2.0, form: str = "a") -> Float[Tensor, "n"]:
        return logits.square().sum(1)

    object.__setattr__(broken.card, "function", lambda *args, **named: torch.zeros(()))
    return broken.card


@breaks("compile")
def branches_on_values():
    return make(lambda z, y: good(z, y) if z.sum() > 0 else 2 * good(z, y))


@breaks("vmap")
def reads_values():
    return make(lambda z, y: good(z, y) + z.sum().item() - z.sum().item())


class Projected(Criterion):
    """A class with every fault of storing that its flags name."""

    fault = ""

    def __init__(self, *, power: float = 2.0, reduction: str = "mean", ignore_index: int | None = None) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.power = power
        self.weight = nn.Parameter(torch.randn(6, 3))
        self.anything = (lambda: 0) if self.fault == "pickle" else None

    def per_example(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        return (features @ self.weight).square().sum(1) * self.power

    def forward(self, features, **contract):
        if self.fault != "autocast":
            return super().forward(features, **contract)
        return super().forward(features + (features @ self.weight @ self.weight.T).float(), **contract)

    def __deepcopy__(self, memo):
        if self.fault == "deepcopy":
            return self
        twin = type(self)(**self.options)
        twin.load_state_dict(self.state_dict())
        return twin.to(self.weight.dtype)

    def load_state_dict(self, state, *args, **named):
        return None if self.fault == "state_dict" else super().load_state_dict(state, *args, **named)

    def to_config(self):
        config = super().to_config()
        return {key: value for key, value in config.items() if self.fault != "config" or key != "power"}

    def extra_repr(self):
        return "" if self.fault == "repr" else super().extra_repr()


def _stored(fault):
    def builder():
        body = {
            "__init__": Projected.__init__,
            "per_example": Projected.per_example,
            "fault": fault,
            "__module__": "perdita",
        }
        made = type("Broken", (Projected,), body)
        return loss(task="embedding", name="broken", ranges={"power": Range(0, 5)})(made)

    builder.__name__ = f"spoils_{fault}"
    return builder


for _fault in ("autocast", "pickle", "deepcopy", "state_dict", "config", "repr"):
    breaks(_fault)(_stored(_fault))

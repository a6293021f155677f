"""Losses of responses through the fused output layer equal the same losses on log-probabilities of all logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import perdita
from perdita import InputError
from perdita.kernels import (
    Head,
    fused_linear,
    fused_log_probabilities,
    fused_preference,
    fused_sequence_log_probability,
)
from perdita.kernels.responses.preference import card_of_responses
from perdita.losses.preference.log_probabilities import sequence_log_probability

RESPONSES, LENGTH, FEATURES, CLASSES = 6, 5, 3, 7
CARDS = {card.name: card for card in perdita.cards() if card.function and card_of_responses(card.function)}
AVERAGED = {"simpo": True, "orpo": True, "cpo": False}
IMPLEMENTATIONS = ("auto", "blocked", "reference")


def draw(seed: int = 0) -> dict[str, Any]:
    """A policy's and a reference's output layers, and tokens of which some are left out."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    target = torch.randint(CLASSES, (RESPONSES, LENGTH), generator=generator)
    target[1, 3:] = -100
    target[4] = -100
    mask = torch.rand(RESPONSES, LENGTH, generator=generator) > 0.2
    own = {"hidden": normal(RESPONSES, LENGTH, FEATURES), "weight": normal(CLASSES, FEATURES), "bias": normal(CLASSES)}
    other = Head(normal(RESPONSES, LENGTH, 2), normal(CLASSES, 2), normal(CLASSES), 2.0)
    return {
        **{name: leaf.requires_grad_() for name, leaf in own.items()},
        "target": target,
        "mask": mask,
        "other": other,
    }


def further(name: str) -> dict[str, Tensor]:
    """The tensors of a loss that are no log-probabilities."""
    if name == "spo":
        degrees = torch.randn(2, RESPONSES // 2, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return {"degree_chosen": degrees[0], "degree_rejected": degrees[1]}
    return {"desirable": torch.arange(RESPONSES) % 2} if name in ("kto", "bco") else {}


def log_probabilities(given: dict[str, Any], average: bool, shift: bool) -> tuple[Tensor, Tensor]:
    """Of policy and reference, from all logits."""
    other = given["other"]
    logits = F.linear(given["hidden"], given["weight"], given["bias"])
    others = other.softcap * torch.tanh(F.linear(*other[:3]) / other.softcap)
    found = (
        sequence_log_probability(scores, given["target"], mask=given["mask"], average=average, shift=shift)
        for scores in (logits, others)
    )
    policy, reference = found
    return policy, reference


def naive(name: str, given: dict[str, Any], average: bool = False, shift: bool = True, **options: Any) -> Tensor:
    """The loss's own function on log-probabilities of all logits."""
    card = CARDS[name]
    policy, reference = log_probabilities(given, average, shift)
    pairs = "policy_rejected" in card.signature.names
    parts = [*policy.chunk(2), *reference.chunk(2)] if pairs else [policy, reference]
    if not any(field.startswith("reference") for field in card.signature.names):
        parts = parts[:2]
    return card.function(*parts, **further(name), **options)


def fused(name: Any, given: dict[str, Any], **options: Any) -> Tensor:
    card = CARDS[name] if isinstance(name, str) else name.card
    if any(field.startswith("reference") for field in card.signature.names):
        options = {"reference": given["other"], **options}
    options = {"bias": given["bias"], "mask": given["mask"], "shift": True, "block_rows": 4, **options}
    return fused_linear(
        name, given["hidden"], given["weight"], given["target"], **further(card.name), **options
    )  # fmt: skip


def with_gradients(value: Tensor, given: dict[str, Any], **how: Any) -> list[Tensor]:
    upstream = torch.arange(1, value.numel() + 1, dtype=value.dtype).reshape(value.shape)
    return [value, *torch.autograd.grad(value, [given[name] for name in ("hidden", "weight", "bias")], upstream, **how)]


def test_the_catalogue_has_such_losses() -> None:
    assert {"dpo", "robust_dpo", "ipo", "slic_hinge", "simpo", "orpo", "cpo", "kto", "bco", "spo"} <= set(CARDS)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_preference_loss(name: str, reduction: str, impl: str) -> None:
    given, average = draw(), AVERAGED.get(name)
    found = fused(name, given, average=average, reduction=reduction, impl=impl)
    expected = naive(name, given, bool(average), reduction=reduction)
    torch.testing.assert_close(with_gradients(found, given), with_gradients(expected, given))


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("average", [False, True])
def test_averages_shifts_weights_and_normalizers(average: bool, shift: bool) -> None:
    given, items = draw(), torch.tensor([0.5, 2.0, 0.0])
    options = {"weight": items, "normalizer": 7.0, "beta": 0.7}
    expected = naive("dpo", given, average, shift, **options)
    options["example_weight"] = options.pop("weight")
    found = fused("dpo", given, average=average, shift=shift, **options)
    torch.testing.assert_close(with_gradients(found, given), with_gradients(expected, given))


def test_criteria_functions_and_known_references() -> None:
    given = draw()
    expected = with_gradients(naive("ipo", given, beta=0.3), given)
    known = log_probabilities(given, False, True)[1]
    for loss, options in (
        (perdita.Ipo(beta=0.3), {}), (perdita.functional.ipo, {"beta": 0.3}),
        ("ipo", {"beta": 0.3, "reference": known}), (perdita.Ipo(beta=0.3, reduction="none"), {"reduction": "mean"}),
    ):  # fmt: skip
        card = loss.card if not isinstance(loss, str) else CARDS[loss]
        found = fused(loss, given, **options) if card else None
        torch.testing.assert_close(with_gradients(found, given), expected)


def test_the_reference_is_frozen() -> None:
    given = draw()
    other = [part.requires_grad_() for part in given["other"][:2]]
    found = fused("dpo", given, reference=tuple(other))
    assert torch.autograd.grad(found, other, allow_unused=True) == (None, None)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS)
def test_tokens_log_probability_entropy_and_log_sum_exp(impl: str) -> None:
    given = draw()
    leaves = [given[name] for name in ("hidden", "weight", "bias")]
    logits = 2.0 * torch.tanh(F.linear(*leaves) / 2.0)[:, :-1]
    kept = ((given["target"] != -100) & given["mask"])[:, 1:]
    log_p, lse = logits.log_softmax(-1), logits.logsumexp(-1)
    own = log_p.gather(2, given["target"][:, 1:].clamp(min=0).unsqueeze(2)).squeeze(2)
    expected = [torch.where(kept, part, 0.0) for part in (own, -(log_p.exp() * log_p).sum(-1), lse)]
    options = {"bias": given["bias"], "mask": given["mask"], "softcap": 2.0, "shift": 1, "impl": impl, "block_rows": 4}
    call = given["hidden"], given["weight"], given["target"]
    both = fused_log_probabilities(*call, **options, return_entropy=True, return_lse=True)
    torch.testing.assert_close(list(both), expected)
    for flags, places in (({}, [0]), ({"return_lse": True}, [0, 2]), ({"return_entropy": True}, [0, 1])):
        found = fused_log_probabilities(*call, **options, **flags)
        found = [found] if isinstance(found, Tensor) else list(found)
        torch.testing.assert_close(found, [expected[place] for place in places])
        score, wanted = (sum((part.sin() * (at + 1)).sum() for at, part in zip(places, parts, strict=True))
                         for parts in (found, [expected[place] for place in places]))  # fmt: skip
        first, right = (torch.autograd.grad(total, leaves, create_graph=True) for total in (score, wanted))
        torch.testing.assert_close(first, right)
        second = [torch.autograd.grad(sum(part.cos().sum() for part in parts), leaves, retain_graph=True)
                  for parts in (first, right)]  # fmt: skip
        torch.testing.assert_close(*second)


def test_sequences_without_tokens_and_no_sequences() -> None:
    given = draw()
    call = given["hidden"], given["weight"]
    nothing = torch.full_like(given["target"], -100)
    for average in (False, True):
        found = fused_sequence_log_probability(*call, nothing, average=average)
        assert not found.any()
        assert not torch.autograd.grad(found.sum(), given["weight"])[0].any()
    log_p, entropy = fused_log_probabilities(*call, nothing, return_entropy=True)
    assert not log_p.any()
    assert not torch.autograd.grad(entropy.sum(), given["weight"])[0].any()
    empty = fused_linear("dpo", call[0][:0], call[1], nothing[:0], reference=torch.zeros(0))
    assert empty == 0
    assert not torch.autograd.grad(empty, given["weight"])[0].any()


# PyTorch's compiler makes an instance of Function itself, and warns of it
@pytest.mark.filterwarnings("ignore:<class 'torch.autograd.function.Function'> should not:DeprecationWarning")
def test_transforms_the_compiler_and_checkpointing() -> None:
    given = draw()
    hidden, weight = given["hidden"].detach(), given["weight"].detach()
    target, known = given["target"], torch.linspace(-9, -3, RESPONSES, dtype=torch.float64)

    def value(hidden: Tensor, weight: Tensor) -> Tensor:
        return fused_linear("dpo", hidden, weight, target, reference=known, shift=True, block_rows=4)

    def plain(hidden: Tensor, weight: Tensor) -> Tensor:
        policy = sequence_log_probability(F.linear(hidden, weight), target, shift=True)
        return perdita.functional.dpo(*policy.chunk(2), *known.chunk(2))

    expected = torch.func.grad(plain, argnums=(0, 1))(hidden, weight)
    torch.testing.assert_close(torch.func.grad(value, argnums=(0, 1))(hidden, weight), expected)
    several = torch.stack([hidden, 2 * hidden])
    batched = torch.func.vmap(torch.func.grad(value), (0, None))(several, weight)
    torch.testing.assert_close(batched, torch.func.vmap(torch.func.grad(plain), (0, None))(several, weight))
    torch.compiler.reset()
    compiled = torch.compile(value, fullgraph=True, backend="aot_eager")
    for function in (compiled, lambda *own: checkpoint(value, *own, use_reentrant=False)):
        own = [part.clone().requires_grad_() for part in (hidden, weight)]
        torch.testing.assert_close(torch.autograd.grad(function(*own), own), expected)


def test_half_precision_sums_in_float32() -> None:
    given = draw()
    hidden, weight = (given[name].detach().bfloat16().requires_grad_() for name in ("hidden", "weight"))
    found = fused_linear("simpo", hidden, weight, given["target"], average=True)
    policy = sequence_log_probability(F.linear(hidden.float(), weight.float()), given["target"], average=True)
    expected = perdita.functional.simpo(*policy.chunk(2))
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no reference": ("dpo", {"reference": None}, r"dpo needs reference: \(hidden, weight\)"),
    "a reference too many": ("cpo", {"average": False, "reference": torch.zeros(RESPONSES)}, "cpo has no reference"),
    "a short reference": ("dpo", {"reference": torch.zeros(3)}, r"a log-probability for each response, \(6,\)"),
    "a reference of another length": (
        "dpo", {"reference": (torch.zeros(RESPONSES, 2, 3), torch.zeros(CLASSES, 3))}, "target must begin with"
    ),
    "average left open": ("simpo", {}, "average must be given: simpo has no reference"),
    "log-sum-exp": ("dpo", {"return_lse": True}, "no log-sum-exp for z_penalty or return_lse"),
    "penalty": ("dpo", {"z_penalty": 0.1}, "no log-sum-exp for z_penalty or return_lse"),
    "unknown option": ("dpo", {"gamma": 1.0}, "dpo has no hyper-parameter 'gamma'"),
    "options of a criterion": (perdita.Dpo(), {"beta": 1.0}, "Dpo has its hyper-parameters already"),
    "no labels": ("kto", {"desirable": None}, "kto needs desirable"),
    "label outside": ("dpo", {"target": torch.full((RESPONSES, LENGTH), CLASSES)}, "class indices from 0 to 6"),
    "one sequence": ("dpo", {"hidden": torch.zeros(RESPONSES, FEATURES)}, r"hidden must have shape \(n, t, d\)"),
    "bad weight": ("dpo", {"example_weight": -torch.ones(3)}, "weight must hold numbers >= 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    name, changed, message = REFUSED[case]
    given = draw()
    card = name.card if not isinstance(name, str) else CARDS[name]
    call = {name: given[name] for name in ("hidden", "weight", "target")} | {"shift": True}
    if any(field.startswith("reference") for field in card.signature.names):
        call["reference"] = given["other"]
    with pytest.raises(InputError, match=message):
        fused_linear(name, **{**call, **further(card.name), **changed})


def test_an_odd_number_of_responses_makes_no_pairs() -> None:
    given = draw()
    with pytest.raises(InputError, match=r"hidden must hold 2 responses for each item .* but holds 5 in all"):
        fused_linear("orpo", given["hidden"][:5], given["weight"], given["target"][:5], average=True)
    with pytest.raises(InputError, match="others go to fused_linear"):
        fused_preference("cross_entropy", given["hidden"], given["weight"], given["target"])


def test_a_row_that_is_no_number_is_named() -> None:
    given = draw()
    hidden = given["hidden"].detach().clone()
    hidden[2, 1, 0] = torch.nan
    call = hidden, given["weight"], given["target"].clamp(min=0)
    with perdita.debug(), pytest.raises(InputError, match=r"hidden must be finite; hidden\[11, 0\] = nan"):
        fused_linear("dpo", *call, reference=torch.zeros(RESPONSES))
    with pytest.raises(InputError, match="impl must be one of"):
        fused_log_probabilities(*call, return_entropy=True, impl="fast")
    with pytest.raises(InputError, match=r"hidden must be finite; hidden\[11, 0\] = nan"):
        fused_log_probabilities(*call, return_entropy=True)

"""Causal tracing: which layers of a language model hold a fact, found by corrupting its subject and mending one state.

Source: Meng, Bau, Andonian, Belinkov, "Locating and Editing Factual Associations in GPT", NeurIPS 2022,
arXiv 2202.05262; with the noise, window and samples of Agrawal and Huang, "Selective Amnesia", SemEval 2025,
arXiv 2504.12996.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core import InputError, component
from perdita.core.numerics import widen
from perdita.training.unlearning import decoder_layers, parts_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int

KINDS = ("hidden", "mlp", "self_attn")


@dataclass(frozen=True)
class CausalTrace:
    """How probable an answer is: from the prompt, from the corrupted one, and with a state of the first put back."""

    clean: float
    corrupted: float
    restored: Float[Tensor, "l t"]  # with the window around each layer put back at each token of the prompt
    subject_end: int  # the last token of the subject

    @property
    def effect(self) -> Float[Tensor, "l t"]:
        """The indirect effect of each layer and token: restored - corrupted."""
        return self.restored - self.corrupted


@component("unlearning-sha256")
@torch.no_grad()
def causal_trace(
    model: nn.Module,
    prompt: Int[Tensor, "t"],
    subject: tuple[int, int],
    answer: Int[Tensor, "a"],
    *,
    noise: float = 0.1,
    window: int = 10,
    samples: int = 10,
    kind: str = "hidden",
    generator: torch.Generator | None = None,
) -> CausalTrace:
    """Trace one fact through any causal language model that has ``get_input_embeddings`` and one list of layers.

    Some copies of the prompt get Gaussian noise on the embeddings of the subject. For each layer and token, the clean
    outputs of a window of layers around it are put back there, at that token alone; what this restores of the answer's
    probability, averaged over the copies, is the indirect effect.

    Args:
        model: in evaluation mode, gives logits, or an object that holds them as ``logits``, for input ids.
        prompt: (t,) tokens.
        subject: first token of the subject, and the one after its last.
        answer: (a,) tokens that follow the prompt; its probability is the product of theirs.
        noise: standard deviation; 0.1 in the released code.
        window: number of layers.
        samples: number of copies.
        kind: what is put back: the "hidden" state after a layer, the output of its "mlp" or of its "self_attn".
        generator: source of the noise, on the CPU.

    Raises:
        InputError: an unknown kind, a subject outside the prompt, an empty answer.
    """
    start, stop = subject
    if kind not in KINDS or not 0 <= start < stop <= len(prompt) or not len(answer) or min(window, samples) < 1:
        raise InputError(
            f"kind must be one of {KINDS}, subject a span of {len(prompt)} tokens, answer not empty, window and "
            f"samples at least 1; came {kind!r}, {subject}, {len(answer)} tokens, {window}, {samples}"
        )
    held = decoder_layers(model)
    sources = [layer if kind == "hidden" else parts_of(layer, kind)[-1] for layer in held]
    embedding = model.get_input_embeddings()  # type: ignore[operator]
    ids = torch.cat([prompt, answer[:-1]]).unsqueeze(0)

    states: list[Tensor] = []
    with ExitStack() as hooks:
        for source in sources:
            hooks.enter_context(_changed(source, lambda state: (states.append(state), state)[1]))
        clean = _probability(model, ids, answer)

    size = (samples, stop - start, embedding.weight.shape[1])
    shake = noise * torch.randn(size, generator=generator).to(embedding.weight)
    copies = ids.expand(samples, -1)
    with _changed(embedding, _adds(shake, start, stop)):
        corrupted = _probability(model, copies, answer)
        restored = torch.zeros(len(sources), len(prompt), dtype=torch.float64)
        for layer in range(len(sources)):
            first = max(0, layer - window // 2)
            near = range(first, min(len(sources), layer - window // 2 + window))
            for token in range(len(prompt)):
                with ExitStack() as hooks:
                    for number in near:
                        hooks.enter_context(_changed(sources[number], _puts_back(states[number], token)))
                    restored[layer, token] = _probability(model, copies, answer)
    return CausalTrace(clean, corrupted, restored, stop - 1)


@component("unlearning-sha256")
def layers_of_facts(traces: Sequence[CausalTrace], count: int = 6) -> list[int]:
    """The run of layers with the largest effect at the last token of the subject, averaged over facts.

    Args:
        traces: of the facts, all of one model.
        count: layers in the run.

    Raises:
        InputError: no traces, or a count that the model has not.
    """
    if not traces or not 1 <= count <= len(traces[0].restored):
        raise InputError(f"traces must be at least one, and count in 1..the number of layers, not {count}")
    effect = torch.stack([trace.effect[:, trace.subject_end] for trace in traces]).mean(0)  # (l,)
    first = int(effect.unfold(0, count, 1).sum(1).argmax())
    return list(range(first, first + count))


def _probability(model: nn.Module, ids: Int[Tensor, "b t"], answer: Int[Tensor, "a"]) -> float:
    """Of the answer after the prompt, averaged over the copies."""
    found: Any = model(ids)
    logits = widen(getattr(found, "logits", found)[:, -len(answer) :])
    chosen = logits.log_softmax(-1).gather(2, answer.expand(len(ids), -1).unsqueeze(2))
    return float(chosen.sum((1, 2)).double().exp().mean())


@contextmanager
def _changed(module: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within this context the module's output, or its first one, is changed."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _adds(shake: Float[Tensor, "s k d"], start: int, stop: int) -> Callable[[Tensor], Tensor]:
    """Noise at the subject."""
    return lambda state: torch.cat([state[:, :start], state[:, start:stop] + shake, state[:, stop:]], 1)


def _puts_back(clean: Float[Tensor, "1 t d"], token: int) -> Callable[[Tensor], Tensor]:
    """The clean state at one token."""
    return lambda state: torch.cat(
        [state[:, :token], clean[:, token : token + 1].expand(len(state), -1, -1), state[:, token + 1 :]], 1
    )

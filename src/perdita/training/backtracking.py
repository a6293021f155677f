"""A language model that may take back its last token: what it reads, how it is noised, sampled and trained.

Sequences are actions: column 0 is a start that nothing takes back, each further column a token or the backspace, whose
effect is that the last token that stands is gone. On a text of nothing but its start a backspace changes nothing.

Source: Cundy and Ermon, "SequenceMatch", ICLR 2024, arXiv 2306.05426. A reconstruction: no official code is known; the
masked input is made so that a text with corrections in it gives the logits of the text without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from perdita.core import InputError, component
from perdita.core.numerics import widen
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.sequence.occupancy import sequence_match

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    LogitsOf = Callable[["BackspaceInputs"], Float[Tensor, "b t c"]]
    Sources = torch.Generator | Sequence[torch.Generator] | None

IGNORED = -100


@dataclass(frozen=True)
class BackspaceInputs:
    """What a causal model is given for sequences of actions, and what it should answer."""

    input_ids: Int[Tensor, "b t"]  # the token on top of the text at each place: after a backspace, that below it again
    position_ids: Int[Tensor, "b t"]
    attention_mask: Bool[Tensor, "b 1 t t"]  # each place sees the text that stands there, and nothing taken back
    labels: Int[Tensor, "b t"]  # the next action, as `perdita.functional.sequence_match` takes it

    def kwargs(self) -> dict[str, Tensor]:
        """The arguments of a Hugging Face model, with an additive mask that every attention takes."""
        shut = torch.zeros(self.attention_mask.shape, device=self.attention_mask.device)
        mask = shut.masked_fill(~self.attention_mask, torch.finfo(shut.dtype).min)
        return {"input_ids": self.input_ids, "position_ids": self.position_ids, "attention_mask": mask}


@component("sequencematch")
def backspace_inputs(
    actions: Int[Tensor, "b t"], backspace: int | None, *, lengths: Int[Tensor, "b"] | None = None, protected: int = 1
) -> BackspaceInputs:
    """Inputs with which one forward pass gives the logits of every state of the sequences.

    Args:
        actions: (b, t) a start, then tokens and backspaces.
        backspace: its id; None where there is none.
        lengths: (b,) columns that count, for sequences padded on the right; the labels of the others are -100.
        protected: number of first columns that no backspace takes back: the start, or a prompt.

    Raises:
        InputError: protected outside 1..t.
    """
    depth, stacks = _replay(actions, backspace, protected)
    columns = torch.arange(actions.shape[1], device=actions.device)
    below = columns < depth.unsqueeze(2)
    seen = torch.zeros_like(stacks).scatter_add(2, stacks, below.long()) > 0
    seen = seen | torch.eye(len(columns), dtype=torch.bool, device=actions.device)
    labels = torch.cat([actions[:, 1:], actions.new_full((len(actions), 1), IGNORED)], 1)
    if lengths is not None:
        labels = labels.masked_fill(columns + 1 >= lengths.unsqueeze(1), IGNORED)
    top = stacks.gather(2, depth.unsqueeze(2)).squeeze(2)
    return BackspaceInputs(actions.gather(1, top), depth, seen.unsqueeze(1), labels)


@component("sequencematch")
def apply_backspaces(
    actions: Int[Tensor, "b t"], backspace: int | None, *, lengths: Int[Tensor, "b"] | None = None, protected: int = 1
) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b"]]:
    """The texts that the actions have written, and the length of each; what lies beyond it means nothing.

    Args:
        actions, backspace, lengths, protected: as in `backspace_inputs`.

    Example:
        >>> text, length = apply_backspaces(torch.tensor([[0, 5, 6, 9, 7]]), backspace=9)
        >>> text[0, : length[0]].tolist()
        [0, 5, 7]
    """
    depth, stacks = _replay(actions, backspace, protected)
    last = torch.full_like(depth[:, 0], actions.shape[1] - 1) if lengths is None else lengths - 1
    columns = stacks.take_along_dim(last[:, None, None], 1).squeeze(1)
    return actions.gather(1, columns), depth.gather(1, last.unsqueeze(1)).squeeze(1) + 1


@component("sequencematch")
def with_corrections(
    actions: Int[Tensor, "b t"],
    lengths: Int[Tensor, "b"],
    backspace: int,
    *,
    tokens: int,
    rate: float = 0.001,
    generator: Sources = None,
) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b"]]:
    """Sequences in which, before some tokens, a wrong one is written and taken back: data for the backspace.

    Args:
        actions: (b, t) a start, then tokens; padded on the right.
        lengths: (b,) columns that count.
        backspace: its id.
        tokens: wrong ones are drawn from 0..tokens-1, without the right one.
        rate: probability of a wrong token before each.
        generator: source of randomness, on the CPU; or several, each of an equal share of the rows.

    Returns:
        (b, t') sequences, as wide as the longest is, and their lengths.

    Raises:
        InputError: fewer than two tokens, a rate outside [0, 1], rows that several generators cannot share equally.
    """
    if tokens < 2 or not 0 <= rate <= 1:
        raise InputError(f"tokens must be at least 2 and rate in [0, 1], not {tokens} and {rate!r}")
    count, width = actions.shape
    columns = torch.arange(width, device=actions.device)
    drawn = _drawn(generator, torch.rand, (count, width)).to(actions.device) < rate
    noisy = drawn & (columns > 0) & (columns < lengths.unsqueeze(1))
    wrong = _drawn(generator, torch.randint, (count, width), tokens - 1).to(actions.device)
    wrong = wrong + (wrong >= actions)
    place = columns + 2 * noisy.cumsum(1)  # of each token in the new sequence
    room = 3 * width
    moved = actions.new_zeros(count, room).scatter(1, place, actions)
    moved = moved.scatter(1, torch.where(noisy, place - 2, room - 1), wrong)  # the last column is never a token's
    moved = moved.scatter(1, torch.where(noisy, place - 1, room - 1), backspace)
    found = lengths + 2 * noisy.sum(1)
    return moved[:, : int(found.max())], found


@component("sequencematch")
@torch.no_grad()
def sample_actions(
    logits_of: LogitsOf,
    start: Int[Tensor, "b p"],
    steps: int,
    *,
    backspace: int | None,
    end: int,
    temperature: float = 1.0,
    generator: Sources = None,
) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b"], Bool[Tensor, "b"]]:
    """Let a model go on from a start, and execute its backspaces; the start is protected from them.

    The whole text is computed anew for each action: taking back changes what is seen.

    Args:
        logits_of: logits (b, t, c) from `BackspaceInputs`; for a Hugging Face model
            ``lambda given: model(**given.kwargs()).logits``.
        start: (b, p) first columns.
        steps: most actions that are drawn.
        backspace: its id; None for a model without one.
        end: id of the token that ends a text.
        temperature: of the draw; 0 takes the most probable action.
        generator: source of randomness, on the CPU; or several, each of an equal share of the rows.

    Returns:
        (b, p + steps) sequences, their lengths with the end, and whether they ended.
    """
    actions, protected = start, start.shape[1]
    ended = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    lengths = torch.full((len(start),), protected, device=start.device)
    for _ in range(steps):
        given = backspace_inputs(actions, backspace, protected=protected)
        logits = widen(logits_of(given)[:, -1])
        if temperature > 0:
            uniform = _drawn(generator, torch.rand, logits.shape, dtype=torch.float64).clamp_min(1e-300)
            logits = logits / temperature - torch.log(-uniform.log()).to(logits)
        action = torch.where(ended, end, logits.argmax(1))
        actions = torch.cat([actions, action.unsqueeze(1)], 1)
        lengths = lengths + ~ended
        ended = ended | (action == end)
    return actions, lengths, ended


@component("sequencematch")
def match_sequences(
    logits_of: LogitsOf,
    parameters: Iterable[Tensor],
    data: Int[Tensor, "n t"],
    lengths: Int[Tensor, "n"],
    *,
    end: int,
    tokens: int,
    backspace: int | None,
    steps: int,
    batch_size: int = 32,
    anneal: tuple[float, float] = (0.3, 0.6),
    final: float = 1.0,
    rate: float = 0.001,
    room: int = 4,
    buffer: int = 10,
    every: int = 10,
    learning_rate: float = 1e-3,
    generator: Sources = None,
    **options: Any,
) -> list[float]:
    """Train a model by maximum likelihood, and then more and more by `sequence_match` on data and its own samples.

    Args:
        logits_of: as in `sample_actions`.
        parameters: what is trained, by Adam.
        data: (n, t) a start token, the tokens of a text and its end; padded on the right.
        lengths: (n,) columns that count.
        end: id of the token that ends a text.
        tokens: number of ordinary tokens: ids 0..tokens-1.
        backspace: its id; None trains without one.
        steps: optimiser steps.
        batch_size: of the data, and of the model's samples beside them.
        anneal: shares of the steps between which the weight of `sequence_match` rises from 0 to ``final``.
        final: its last weight; 0 is maximum likelihood to the end.
        rate: probability of a correction before each token of the data, as in `with_corrections`.
        room: samples may have this many more actions than the longest text.
        buffer: batches of samples that are kept.
        every: steps from one batch of samples to the next.
        learning_rate: of Adam.
        generator: source of randomness, on the CPU. With several, as many models of one shape learn, each as it would
            alone: of n texts each has an equal share, and ``logits_of`` is given the rows of one after another's.
        **options: of `perdita.functional.sequence_match`.

    Returns:
        The loss of each step, the mean over the models.
    """
    optimizer = torch.optim.Adam(list(parameters), lr=learning_rate)
    models = len(generator) if isinstance(generator, Sequence) else 1
    if not models or len(data) % models:
        raise InputError(f"data must hold as many texts for each of {models} generators, not {len(data)} in all")
    share, longest, kept, losses = len(data) // models, data.shape[1] + room, [], []
    begin = torch.arange(models).mul(share).repeat_interleave(batch_size)
    first, last = (part * steps for part in anneal)
    for step in range(steps):
        weight = final * min(1.0, max(0.0, (step - first) / max(last - first, 1.0)))
        rows = (begin + _drawn(generator, torch.randint, begin.shape, share)).to(data.device)
        real, ends = data[rows], lengths[rows]
        if backspace is not None:
            real, ends = with_corrections(real, ends, backspace, tokens=tokens, rate=rate, generator=generator)
        given = backspace_inputs(real, backspace, lengths=ends)
        logits = logits_of(given).transpose(1, 2)
        loss = (1 - weight) * _means(cross_entropy, models, given.labels != IGNORED, logits, given.labels)
        if weight > 0:
            if step % every == 0 or not kept:
                says = {"backspace": backspace, "end": end, "generator": generator}
                fresh = sample_actions(logits_of, data[rows, :1], longest, **says)
                kept = [*kept, [part.chunk(models) for part in fresh]][-buffer:]
            which = _drawn(generator, torch.randint, (models,), len(kept)).tolist()
            drawn, sizes, ended = (torch.cat([kept[k][i][j] for j, k in enumerate(which)]) for i in range(3))
            own = backspace_inputs(drawn[:, : int(sizes.max())], backspace, lengths=sizes)
            facts = {"is_data": torch.zeros_like(ended), "finished": ended, **options}
            match = _means(sequence_match, models, ends > 1, logits, given.labels, is_data=ends > 0, **options)
            written = logits_of(own).transpose(1, 2)
            match = match + _means(sequence_match, models, sizes > 1, written, own.labels, **facts)
            loss = loss + weight * match / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()) / models)
    return losses


def _drawn(given: Sources, draw: Callable[..., Tensor], shape: Sequence[int], *first: int, **options: Any) -> Tensor:
    """Rows from one source, or an equal share of them from each of several."""
    sources = given if isinstance(given, Sequence) else [given]
    if not sources or shape[0] % len(sources):
        raise InputError(f"{shape[0]} rows cannot be shared equally among {len(sources)} generators")
    size = (shape[0] // len(sources), *shape[1:])
    return torch.cat([draw(*first, size, generator=own, **options) for own in sources])


def _means(
    loss: Callable[..., Tensor], models: int, counted: Bool[Tensor, "b *t"], *tensors: Tensor, **options: Any
) -> Float[Tensor, ""]:
    """The sum of the models' mean losses, each over what counts of its share of the rows."""
    items = counted.view(models, -1).sum(1).clamp_min(1)
    return loss(*tensors, weight=(1 / items).repeat_interleave(len(counted) // models), reduction="sum", **options)


def _replay(
    actions: Int[Tensor, "b t"], backspace: int | None, protected: int
) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b t t"]]:
    """After each column: the place of the last token that stands, and the column of the token at every place."""
    if not 1 <= protected <= actions.shape[1]:
        raise InputError(f"protected must be in 1..{actions.shape[1]}, not {protected}")
    columns = torch.arange(actions.shape[1], device=actions.device)
    if backspace is None:
        return columns.expand_as(actions), columns.expand(*actions.shape, -1)
    gone = (actions == backspace) & (columns >= protected)
    walk = torch.where(gone, -1, 1).cumsum(1) - 1  # as if there were no start to stop at
    lack = torch.where(columns < protected, 0, (protected - 1 - walk).clamp_min(0))
    depth = walk + lack.cummax(1).values  # held back at the start: reflected there
    pushed = torch.where(gone, 0, columns).unsqueeze(2)
    marks = actions.new_zeros(*actions.shape, actions.shape[1]).scatter(2, depth.unsqueeze(2), pushed)
    return depth, marks.cummax(1).values

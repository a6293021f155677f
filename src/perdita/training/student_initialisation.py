"""A student that starts as some of its teacher's layers."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from perdita.core import InputError, MissingExtraError, component

if TYPE_CHECKING:
    from torch import Tensor

DISTILBERT_LAYERS = (0, 2, 4, 7, 9, 11)  # of twelve
RENAMED = (  # in a layer and around the layers: BERT's name → DistilBERT's
    (r"^bert\.encoder\.layer\.", "distilbert.transformer.layer."),
    (r"^bert\.embeddings\.", "distilbert.embeddings."),
    (r"\.attention\.self\.(q|k|v)(?:uery|ey|alue)\.", r".attention.\1_lin."),
    (r"\.attention\.output\.dense\.", ".attention.out_lin."),
    (r"\.attention\.output\.LayerNorm\.", ".sa_layer_norm."),
    (r"\.intermediate\.dense\.", ".ffn.lin1."),
    (r"\.output\.dense\.", ".ffn.lin2."),
    (r"\.output\.LayerNorm\.", ".output_layer_norm."),
    (r"^cls\.predictions\.transform\.dense\.", "vocab_transform."),
    (r"^cls\.predictions\.transform\.LayerNorm\.", "vocab_layer_norm."),
    (r"^cls\.predictions\.decoder\.", "vocab_projector."),
    (r"^cls\.predictions\.bias$", "vocab_projector.bias"),
)
M = TypeVar("M", bound=nn.Module)


@component("distilbert")
def layer_subset(state: Mapping[str, Tensor], stack: str, layers: Sequence[int]) -> dict[str, Tensor]:
    """A teacher's state with the chosen layers of a stack alone, numbered anew; all else stays.

    Args:
        state: name → tensor, as of ``state_dict()``.
        stack: name of the stack of layers, as "bert.encoder.layer".
        layers: which ones, in the student's order.

    Raises:
        InputError: no layers chosen, or one that the stack does not have.
    """
    inside = re.compile(rf"{re.escape(stack)}\.(\d+)\.")
    held = {int(match[1]) for name in state if (match := inside.match(name))}
    if not layers or set(layers) - held:
        raise InputError(f"layers must be some of the {len(held)} of {stack}, counted from 0, not {tuple(layers)}")
    found = {name: tensor for name, tensor in state.items() if not inside.match(name)}
    for new, old in enumerate(layers):
        lead = f"{stack}.{old}."
        found |= {f"{stack}.{new}.{n.removeprefix(lead)}": t for n, t in state.items() if n.startswith(lead)}
    return found


@component("distilbert")
def copy_layers(student: M, teacher: nn.Module, layers: Sequence[int], *, stack: str | None = None) -> M:
    """Start a student of the teacher's kind from some of the teacher's layers, and from all that is not a layer.

    What the teacher has and the student has not (token types, a pooler) is left out.

    Args:
        student: changed in place; as many layers as are chosen, all other widths the teacher's.
        teacher: read only.
        layers: which of the teacher's, in the student's order.
        stack: name of the stack of layers; None takes the teacher's longest ``nn.ModuleList``.

    Returns:
        The student.

    Raises:
        InputError: layers that the teacher lacks, or a tensor of the student that the teacher lacks or has in another
            shape.
    """
    chosen = layer_subset(teacher.state_dict(), stack or longest_stack(teacher), layers)
    return _load(student, chosen)


@component("distilbert")
def student_of(teacher: M, layers: Sequence[int] = DISTILBERT_LAYERS, *, stack: str | None = None) -> M:
    """A model of the teacher's own class with some of its layers: for any Hugging Face model whose configuration
    counts ``num_hidden_layers``.

    Raises:
        InputError: a model without such a configuration, or layers that it lacks.
    """
    config = copy.deepcopy(getattr(teacher, "config", None))
    if not hasattr(config, "num_hidden_layers"):
        raise InputError(f"teacher must have a config with num_hidden_layers, which {type(teacher).__name__} lacks")
    config.num_hidden_layers = len(layers)
    if getattr(config, "layer_types", None):  # one for each layer
        config.layer_types = [config.layer_types[index] for index in layers]
    return copy_layers(type(teacher)(config), teacher, layers, stack=stack)


@component("distilbert")
def distilbert_of(teacher: Any, layers: Sequence[int] = DISTILBERT_LAYERS) -> Any:
    """A ``DistilBertForMaskedLM`` that starts from some layers of a ``BertForMaskedLM``.

    Token types and the pooler are dropped, as in the released recipe: a student with all layers then differs from its
    teacher by the embedding of the first token type alone.

    Args:
        teacher: the BERT, with its masked-language head.
        layers: which of its layers; every second one or so.

    Raises:
        InputError: no BERT with such a head, or layers that it lacks.
        MissingExtraError: transformers is not installed.
    """
    try:
        from transformers import BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM
    except ModuleNotFoundError as error:
        raise MissingExtraError("transformers", "hf") from error
    if not isinstance(teacher, BertForMaskedLM):
        raise InputError(f"teacher must be a BertForMaskedLM, not {type(teacher).__name__}")
    own = teacher.config
    config = DistilBertConfig(
        vocab_size=own.vocab_size, max_position_embeddings=own.max_position_embeddings, n_layers=len(layers),
        n_heads=own.num_attention_heads, dim=own.hidden_size, hidden_dim=own.intermediate_size,
        dropout=own.hidden_dropout_prob, attention_dropout=own.attention_probs_dropout_prob, activation=own.hidden_act,
        initializer_range=own.initializer_range, pad_token_id=own.pad_token_id,
    )  # fmt: skip
    chosen = layer_subset(teacher.state_dict(), "bert.encoder.layer", layers)
    return _load(DistilBertForMaskedLM(config), {_renamed(name): tensor for name, tensor in chosen.items()})


def longest_stack(model: nn.Module) -> str:
    """Name of the ``nn.ModuleList`` with the most modules, the first of several."""
    stacks = {name: len(module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    if not stacks:
        raise InputError(f"{type(model).__name__} has no nn.ModuleList of layers; name its stack")
    return max(stacks, key=lambda name: stacks[name])


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _load(student: M, state: Mapping[str, Tensor]) -> M:
    for name, tensor in student.state_dict().items():
        if name not in state:
            raise InputError(f"the teacher has nothing for the student's {name}; choose as many layers as it has")
        if state[name].shape != tensor.shape:
            shapes = f"{tuple(tensor.shape)} in the student and {tuple(state[name].shape)} in the teacher"
            raise InputError(f"{name} must have one shape, but is {shapes}")
    student.load_state_dict({name: state[name] for name in student.state_dict()})
    return student

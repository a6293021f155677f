"""What a loss of no library may take: forms of input that are named or tried, and sizes that it tells."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from perdita.core.errors import InputError
from perdita.core.signature import Field, parse_shapes
from perdita.testing.sample import SIZED, Sample, Sampler

PREDICTION, CLASSES = 'Float[Tensor, "n"]', 'Float[Tensor, "n c"]'
VECTORS, LABELS = 'Float[Tensor, "n d"]', 'Int[Tensor, "n"]'
FORMS: dict[str, tuple[tuple[str, str, str], ...]] = {  # task → (argument, its shape, its domain)
    "multiclass": (("input", CLASSES, "real"), ("target", LABELS, "labels")),
    "embeddings": (("input", VECTORS, "real"), ("target", LABELS, "labels")),
    "regression": (("input", PREDICTION, "real"), ("target", PREDICTION, "real")),
    "binary": (("input", PREDICTION, "real"), ("target", PREDICTION, "binary")),
    "probabilities": (("input", PREDICTION, "unit"), ("target", PREDICTION, "binary")),
    "vectors": (("input", VECTORS, "real"), ("target", VECTORS, "real")),
    "soft": (("input", CLASSES, "real"), ("target", CLASSES, "simplex")),
    "multilabel": (("input", CLASSES, "real"), ("target", CLASSES, "binary")),
    "sign": (("input", PREDICTION, "real"), ("target", PREDICTION, "sign")),
    "counts": (("input", PREDICTION, "real"), ("target", PREDICTION, "nonnegative")),
    "log_probs": (("input", CLASSES, "log_probs"), ("target", CLASSES, "simplex")),
    "triplet": (("anchor", VECTORS, "real"), ("positive", VECTORS, "real"), ("negative", VECTORS, "real")),
    "pairs": (("input1", VECTORS, "real"), ("input2", VECTORS, "real"), ("target", PREDICTION, "sign")),
    "ranking": (("input1", PREDICTION, "real"), ("input2", PREDICTION, "real"), ("target", PREDICTION, "sign")),
    "variance": (("input", PREDICTION, "real"), ("target", PREDICTION, "real"), ("var", PREDICTION, "positive")),
}
GUESSED = (
    "multiclass", "embeddings", "regression", "binary", "probabilities", "vectors", "soft", "multilabel", "triplet",
    "pairs", "ranking", "variance",
)  # fmt: skip
OF_TORCH = {  # where no trial tells, for other forms are accepted too
    **dict.fromkeys(("KLDivLoss", "kl_div"), "log_probs"),
    **dict.fromkeys(("PoissonNLLLoss", "poisson_nll_loss"), "counts"),
    **dict.fromkeys(("SoftMarginLoss", "soft_margin_loss", "HingeEmbeddingLoss", "hinge_embedding_loss"), "sign"),
}
AT_ITS_TARGET = ("regression", "vectors")  # their loss is least where the prediction is the target
USELESS = {  # what is wrong with a loss's value, whatever it takes → what to look for
    "no gradient": "Look for argmax, comparisons, detach, torch.no_grad and NumPy between the prediction and the value",
    "it gives a": "Give a floating tensor, of one value or one for each item: no .item(), float() or dictionary",
}
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


def form_fields(form: str) -> tuple[Field, ...]:
    """The tensor arguments of a form."""
    return tuple(Field(own, parse_shapes(shape), domain) for own, shape, domain in FORMS[form])


def parameters_of(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The arguments of a function, or of a module's forward; none where it does not tell them."""
    with contextlib.suppress(TypeError, ValueError):
        return inspect.signature(call.forward if isinstance(call, nn.Module) else call).parameters
    return {}


def takes_tensors(call: Callable[..., Any], count: int) -> str:
    """Why a callable cannot be given so many tensors by position, or "" where it can."""
    known = [own for own in parameters_of(call).values() if own.kind in POSITIONAL]
    least = len(needed(call))
    if not known or least <= count <= len(known):
        return ""
    most = f" to {len(known)}" if len(known) > least else ""
    return f"it takes {least}{most} arguments, not {count} tensors"


def needed(call: Callable[..., Any]) -> list[inspect.Parameter]:
    """The arguments that come by position and have no default."""
    return [own for own in parameters_of(call).values() if own.default is own.empty and own.kind in POSITIONAL]


def annotated_fields(call: Callable[..., Any]) -> tuple[Field, ...]:
    """The arguments of a callable whose annotations tell every shape; empty where they do not."""
    shapes = {own.name: parse_shapes(str(own.annotation)) for own in needed(call)}
    if not shapes or not all(shapes.values()):
        return ()
    return tuple(Field(name, found, "labels" if found[0].kind == "Int" else "real") for name, found in shapes.items())


def sampled_fields(sampler: Sampler) -> tuple[Field, ...]:
    """The arguments as a sampler draws them: a dimension that grows with the items is n, any other has its size."""
    drawn = []
    for n in (4, 5):
        try:
            found = sampler(torch.Generator().manual_seed(0), n=n, dtype=torch.float64)
            drawn.append(dict(found.tensors if isinstance(found, Sample) else found))
        except Exception as error:
            form = "a function of (generator, n, dtype) that gives tensors by name"
            raise InputError(f"sampler must be {form}; it raises {reason(error)}") from error
    fewer, more = drawn
    fields = []
    for name, tensor in more.items():
        sizes = zip(fewer[name].shape, tensor.shape, strict=True)
        dims = " ".join("n" if size != before else str(size) for before, size in sizes)
        kind = "Float" if tensor.is_floating_point() else "Bool" if tensor.dtype is torch.bool else "Int"
        domain = "real" if kind == "Float" else "indices"
        fields.append(Field(name, parse_shapes(f'{kind}[Tensor, "{dims}"]'), domain))
    return tuple(fields)


def has_target(call: Callable[..., Any]) -> bool:
    """Whether an argument is called a target, so that three tensors are no triplet."""
    return any(own.name.lower().startswith(("target", "label", "y")) for own in needed(call))


def told_sizes(call: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, int]:
    """The number of classes c and of features d, where a constructor's argument or a module's attribute tells them."""
    sources = [arguments, vars(call) if isinstance(call, nn.Module) else {}]
    found: dict[str, int] = {}
    for source in reversed(sources):
        found |= {SIZED[name]: size for name, size in source.items() if name in SIZED and type(size) is int}
    return found


def refusal(name: str, tried: Mapping[str, list[str]]) -> str:
    """What to say of a loss that takes no form, or that takes some and cannot train a model.

    Args:
        name: of the loss.
        tried: why it is refused → the forms that it is refused in.
    """
    for start, advice in USELESS.items():
        for why, forms in tried.items():
            if why.startswith(start):
                return (
                    f"{name} cannot train a model, taken for a loss of {', '.join(forms)}: {why}. {advice}; where it "
                    "takes something else, name a task, or draw its tensors by a sampler"
                )
    reasons = "; ".join(f"as {', '.join(forms)}: {why}" for why, forms in tried.items())
    return (
        f"{name} takes none of the inputs tried, the prediction first and then the target ({reasons}). Name a task, "
        "annotate its tensors (logits: 'Float[Tensor, \"n c\"]'), or draw them by a sampler of (generator, n, dtype)"
    )


def reason(error: Exception) -> str:
    """An error in a few words, with the line of the user's code that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(LIBRARIES)]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    said = " ".join(str(error).split())[:120] or "no message"
    return f"{type(error).__name__}: {said}{place}"

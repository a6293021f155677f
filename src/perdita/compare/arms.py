"""Which losses are compared: names, patterns and configurations become arms, each linked to the model's outputs."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.compare.spec import LossSpec
from perdita.core import Card, InputError, card, cards
from perdita.core.card import REQUIRED

if TYPE_CHECKING:
    from jaxtyping import Float, Num

BASELINES = {
    "multiclass": "cross_entropy",
    "binary": "cross_entropy",
    "ordinal": "cross_entropy",
    "regression": "mse",
    "embedding": "contrastive",  # the oldest and plainest of the pair losses
}
SIZES = ("classes", "dimension")  # hyper-parameters that a comparison of embeddings knows: losses have no default

CONFIGURED = {"loss", "sum", "terms"}  # a mapping with one of these is a configuration, not labels of several


def resolve(losses: Any, task: str, targets: int = 1, sizes: Mapping[str, int] | None = None) -> tuple[LossSpec, ...]:
    """The arms for a task.

    Args:
        losses: None or "all" (every loss that applies), names and glob patterns (a list, or a string with commas),
            configurations for `perdita.build` or `perdita.compound.build`, criteria, ``module:loss``, a YAML or JSON
            file of {label: configuration}, or a mapping of labels to any of these.
        task: multiclass, binary, ordinal, regression or embedding.
        targets: numbers to predict for an example, in a regression.
        sizes: of an embedding: the ``classes`` that are trained on and the ``dimension``, for losses that ask for them.

    Raises:
        InputError: an unknown loss, a pattern that matches nothing, a loss that does not fit the task.
    """
    found: dict[str, LossSpec] = {}
    for label, item in _items(losses):
        for spec in _specs(label, item, task, targets, sizes or {}):
            found.setdefault(spec.label, spec)
    if not found:
        raise InputError("losses must name at least one loss")
    return tuple(found.values())


def _items(losses: Any) -> Iterable[tuple[str | None, Any]]:
    if losses is None:
        return [(None, "all")]
    if isinstance(losses, str):
        path = Path(losses)
        if path.suffix in (".json", ".yaml", ".yml"):
            return list(_read(path).items())
        return [(None, name.strip()) for name in losses.split(",") if name.strip()]
    if isinstance(losses, Mapping):
        return [(None, losses)] if CONFIGURED & set(losses) else list(losses.items())
    if isinstance(losses, Sequence):
        return [(None, item) for item in losses]
    return [(None, losses)]


def _load_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:  # is no ValueError, as that of json.loads is
        raise ValueError(error) from error


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"no such file: {path}")
    try:
        found = (json.loads if path.suffix == ".json" else _load_yaml)(path.read_text())
    except ImportError as error:
        raise InputError(f"{path}: YAML needs the package pyyaml; JSON works without it") from error
    except ValueError as error:
        raise InputError(f"{path} is no valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} must hold a mapping from labels to losses")
    return found


def _specs(label: str | None, item: Any, task: str, targets: int, sizes: Mapping[str, int]) -> list[LossSpec]:
    if isinstance(item, nn.Module):
        if not hasattr(item, "to_config"):
            raise InputError(f"{type(item).__name__} is no perdita criterion; register it with @perdita.loss")
        return [_spec(label, item.to_config(), task, targets, sizes)]
    if isinstance(item, Mapping):
        return [_spec(label, dict(item), task, targets, sizes)]
    if not isinstance(item, str):
        item = getattr(item, "card", None) and item.card.name
        if item is None:
            raise InputError("losses must be names, configurations or criteria")
    if item == "all":
        return [_spec(None, {"loss": c.name}, task, targets, sizes) for c in cards() if fits(c, task, targets)]
    if any(character in item for character in "*?["):
        matched = [c for c in cards() if fnmatch.fnmatch(c.name, item) and fits(c, task, targets)]
        if not matched:
            raise InputError(f"no loss for the task {task} matches {item!r}")
        return [_spec(None, {"loss": c.name}, task, targets, sizes) for c in matched]
    return [_spec(label, {"loss": card(item).name}, task, targets, sizes)]


def _spec(label: str | None, config: dict[str, Any], task: str, targets: int, sizes: Mapping[str, int]) -> LossSpec:
    given, config = config, _sized(config, sizes)
    criterion = LossSpec("", json.dumps(config)).build()
    for part in parts_of(criterion):
        _check_fit(part.card, task, targets)
    own = getattr(criterion, "card", None)
    if own is not None:
        config = {**config, "loss": _importable(own)}
    elif blind := _without_gradients(criterion):
        raise InputError(f"the weighting {blind} needs each term's gradients: only the outermost compound gets them")
    name = label or (own.name if own is not None else "+".join(criterion.criteria))
    usual = own.signature.defaults if own is not None else {}
    hidden = (*CONFIGURED, "reduction")
    shown = {key: value for key, value in given.items() if key not in hidden and value != usual.get(key, REQUIRED)}
    if label is None and own is not None and shown:
        name += "(" + ", ".join(f"{key}={value}" for key, value in sorted(shown.items())) + ")"
    return LossSpec(name, json.dumps(config, sort_keys=True))


def _sized(config: Any, sizes: Mapping[str, int]) -> Any:
    """The configuration, of a loss or of several, with the sizes that each asks for.

    Raises:
        InputError: another size than the comparison's.
    """
    if isinstance(config, list):
        return [_sized(item, sizes) for item in config]
    if not sizes or not isinstance(config, Mapping):
        return config
    if "loss" not in config:
        named = {key: {"loss": item} if key == "criterion" and isinstance(item, str) else item
                 for key, item in config.items()}  # fmt: skip
        if isinstance(terms := named.get("terms"), Mapping):
            named["terms"] = {
                key: {"criterion": item} if isinstance(item, str) else item for key, item in terms.items()
            }
        return {key: _sized(item, sizes) for key, item in named.items()}
    asked = card(config["loss"]).signature.defaults
    own = {name: size for name, size in sizes.items() if asked.get(name) is REQUIRED}
    for name, size in own.items():
        if config.get(name, size) != size:
            raise InputError(f"{config['loss']} has {name}={config[name]}, but this comparison has {size}")
    return {**own, **config}


def parts_of(criterion: nn.Module) -> list[Any]:
    """The single criteria of a sum or a compound, nested ones too; or the one criterion."""
    if not hasattr(criterion, "criteria"):
        return [criterion]
    return [part for own in criterion.criteria.values() for part in parts_of(own)]


def _without_gradients(criterion: nn.Module) -> str:
    """The weighting of a nested compound that needs gradients, which only the outermost one is given; or ""."""
    inner = (part for own in getattr(criterion, "criteria", {}).values() for part in own.modules())
    weightings = (part.weighting for part in inner if hasattr(part, "weighting"))
    return next((weighting.name for weighting in weightings if weighting.reads_gradients), "")


def _check_fit(loss: Card, task: str, targets: int) -> None:
    if fits(loss, task, targets):
        return
    if task == loss.task == "embedding":
        asked = ", ".join(item.name for item in loss.signature.fields if not item.optional)
        raise InputError(f"{loss.name} asks for {asked}; a comparison has embeddings (n, d) and labels (n,), no more")
    several = f" with {targets} targets" if targets > 1 else ""
    if loss.link != "softmax":
        raise InputError(f"{loss.name} reads its logits through {loss.link}, and a comparison reads every arm's alike")
    raise InputError(f"{loss.name} is a loss for the task {loss.task}; it does not fit the task {task}{several}")


def _importable(own: Card) -> str:
    """The name under which a worker process finds a loss: the catalogue's, or module:loss for one of the user's own."""
    module = own.per_example.__module__
    if module.startswith("perdita.") or module == "__main__":
        return own.name
    return f"{module}:{own.per_example.__qualname__.split('.')[0]}"


def only_here(spec: LossSpec) -> bool:
    """Whether a loss is defined in the running script or notebook, where no other process can import it."""
    return any(part.card.per_example.__module__ == "__main__" for part in parts_of(spec.build()))


def fits(loss: Card, task: str, targets: int = 1) -> bool:
    """Whether a loss takes a model's outputs and the target for this task, and nothing else."""
    signature = loss.signature
    tensors = [item for item in signature.fields if not item.optional]
    if task == "embedding":
        return _fits_labelled_items(loss)
    if loss.link != "softmax":  # the metrics of a comparison read every arm's outputs alike
        return False
    if len(tensors) != 2 or not all(item.positional for item in tensors) or REQUIRED in signature.defaults.values():
        return False
    outputs, target = tensors
    dims = outputs.shapes[0].before
    if task == "regression":
        several = outputs.shapes[0].variadic is not None or targets == 1
        return (
            several
            and loss.task == "regression"
            and dims == ("n",) == target.shapes[0].before
            and outputs.domain == "real"
        )
    one_logit_each = loss.task == "multiclass" or (task == "ordinal" and loss.task == "ordinal")
    if one_logit_each or (loss.task == "binary" and task == "binary" and dims == ("n", "c")):
        labels = any(shape.kind == "Int" and "c" not in shape.dims for shape in target.shapes)
        return dims == ("n", "c") and outputs.name == "logits" and labels
    return task == "binary" and loss.task == "binary" and dims == ("n",) and outputs.name == "logits"


def _fits_labelled_items(loss: Card) -> bool:
    """Whether a loss takes embeddings (n, d) and labels (n,), and nothing else but sizes that a comparison knows."""
    tensors = [item for item in loss.signature.fields if not item.optional]
    asked = {name for name, default in loss.signature.defaults.items() if default is REQUIRED}
    if loss.task != "embedding" or len(tensors) != 2 or not all(item.positional for item in tensors):
        return False
    dims = [(shape.kind, shape.dims) for item in tensors for shape in item.shapes]
    return dims == [("Float", ("n", "d")), ("Int", ("n",))] and tensors[1].domain == "labels" and asked <= set(SIZES)


class Linked(nn.Module):
    """A criterion behind the link that fits it to the model's outputs.

    A model for two classes has two outputs, so that all losses train the same weights; a loss on one logit sees their
    difference, whose sigmoid is the softmax of the two. A regression with one target loses its last axis.
    """

    def __init__(self, criterion: nn.Module, task: str) -> None:
        super().__init__()
        self.criterion = criterion
        self.task = task
        self.fields = [part.card.signature.fields for part in parts_of(criterion)]
        self.links = [self._link(fields) for fields in self.fields]
        if len(set(self.links)) > 1:
            raise InputError("the parts of a sum must read the outputs alike; here they are " + ", ".join(self.links))
        self.card = getattr(criterion, "card", None)

    def _link(self, fields: Sequence[Any]) -> str:
        if self.task == "regression":
            return "regression"
        if self.task == "embedding" or "c" in fields[0].shapes[0].dims:
            return "classes"
        return {"sign": "margin"}.get(fields[1].domain, "logit")

    def link(self, outputs: Float[Tensor, "n k"], target: Num[Tensor, "n *d"]) -> tuple[Tensor, Tensor]:
        """What the criterion sees of the model's outputs and of the target."""
        kind = self.links[0]
        if kind == "regression":
            return (outputs.squeeze(-1) if target.ndim < outputs.ndim else outputs), target
        if kind == "classes":
            return outputs, target.long()
        logit = outputs[..., 1] - outputs[..., 0]
        binary = target.to(logit.dtype)
        return logit, binary if kind == "logit" else 2 * binary - 1

    def per_example(self, outputs: Tensor, target: Tensor, **options: Any) -> Any:
        return self.criterion.per_example(*self.link(outputs, target), **options)

    def _call_options(self) -> dict[str, Any]:
        return self.criterion._call_options()

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The scalar loss."""
        return self.criterion(*self.link(outputs, target))


def criterion(spec: LossSpec, task: str, steps: int = 1, steps_per_epoch: int = 1) -> nn.Module:
    """The arm's criterion, linked to the outputs of a model for this task."""
    return Linked(spec.build(steps, steps_per_epoch), task)


def probe(linked: nn.Module, rows: int, outputs: int, task: str, classes: int | None = None) -> int:
    """Peak bytes of one value and gradient on a batch, beyond the outputs themselves; a class for each output, unless
    there is another number of ``classes``."""
    from perdita.compare.train.memory import peak_bytes

    generator = torch.Generator().manual_seed(0)
    given = torch.randn(rows, outputs, generator=generator).requires_grad_()
    target = (
        torch.randn(rows, generator=generator) if task == "regression" else torch.arange(rows) % (classes or outputs)
    )
    if task == "regression" and outputs > 1:
        target = torch.randn(rows, outputs, generator=generator)
    return peak_bytes(lambda: torch.autograd.grad(linked(given, target), given))

"""What is done to the data that a model learns from: label noise, imbalance, outliers, few labels.

Only the training part changes, and its size after the change is the same for every seed. Noise and outliers also reach
the validation part, because whoever selects a model by it has no cleaner labels than those to train on; imbalance and
few labels leave it as it is, or nothing would be left to select by. The test part is never touched.
"""

from __future__ import annotations

import math

import numpy as np

from perdita.compare.spec import Condition
from perdita.core.errors import InputError, nearest

KINDS = {
    "clean": "the data as they are",
    "noise": "a share of labels changed, in (0, 1)",
    "imbalance": "largest over smallest class, > 1",
    "outliers": "a share of targets or rows, in (0, 1)",
    "few": "examples for each class, or in all for a regression, an integer >= 1",
}
OUTLIER_SHIFT = 10.0  # standard deviations
STREAMS = {"training": 2, "validation": 3}


def parse_stress(text: str) -> tuple[Condition, ...]:
    """Read "clean,noise=0.3,imbalance=50".

    Raises:
        InputError: an unknown kind, an amount that is missing, no number or out of range, the same condition twice.
    """
    found: list[Condition] = []
    for item in text.split(","):
        kind, equals, amount = (part.strip() for part in item.partition("="))
        if kind not in KINDS:
            raise InputError(f"unknown condition {kind!r}{nearest(kind, KINDS)}; there are {', '.join(KINDS)}")
        if kind == "clean" and equals:
            raise InputError(f"clean takes no amount, but {item.strip()!r} came")
        condition = Condition() if kind == "clean" else Condition(kind, _amount(kind, amount))
        if condition in found:
            raise InputError(f"the condition {condition.name} comes twice")
        found.append(condition)
    return tuple(found)


def _amount(kind: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        raise InputError(f"{kind} needs an amount ({KINDS[kind]}), as in {kind}=…, not {text!r}") from None
    share = kind in ("noise", "outliers")
    whole = kind == "few"
    if not (0 < amount < 1 if share else 1 <= amount < math.inf if whole else 1 < amount < math.inf):
        raise InputError(f"{kind} must be {KINDS[kind]}, not {text}")
    if whole and amount != int(amount):
        raise InputError(f"{kind} must be {KINDS[kind]}, not {text}")
    return amount


def apply_condition(
    condition: Condition, target: np.ndarray, *, task: str, classes: int = 0, seed: int = 0, part: str = "training"
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a part under a condition, and their targets.

    * noise r: round(r · n) targets change: a label becomes one of the other classes, each as likely; the target of a
      regression becomes that of another row.
    * imbalance ρ: class k of c, the most frequent first, keeps a share of rows proportional to ρ^(-k / (c - 1)).
    * outliers r: round(r · n) targets of a regression move up or down by 10 standard deviations. In a classification
      as many rows keep their label and take the features of a row of another class.
    * few k: k rows for each class (all, where it has fewer), or k rows in all for a regression.

    Args:
        condition: kind and amount.
        target: of the part, (n,) classes, or numbers (n,) or (n, k).
        task: multiclass, binary, embedding (where a part has classes of its own) or regression.
        classes: how many; 0 for a regression.
        seed: fixes what is drawn; a larger amount of noise changes the rows that a smaller one does, and more.
        part: training or validation.

    Returns:
        index: (m,) positions in the part whose features are used.
        target: (m, …) their targets, in the units and coding of ``target``.

    Raises:
        InputError: a condition that this part cannot meet.
    """
    generator = np.random.default_rng([seed, STREAMS[part]])
    everything = np.arange(len(target))
    if condition.kind == "clean" or (part == "validation" and condition.kind in ("imbalance", "few")):
        return everything, target
    if condition.kind == "few":
        if task == "embedding" and condition.amount < 2:
            raise InputError("few must be at least 2 for the task embedding: a pair needs two examples of a class")
        index = _few(int(condition.amount), target, classes, generator)
        return index, target[index]
    if condition.kind == "imbalance":
        if task == "regression":
            raise InputError("imbalance speaks of classes; a regression has none")
        index = _long_tail(condition.amount, target, classes, generator)
        return index, target[index]
    if len(target) < 2:
        raise InputError(f"{condition.name} needs at least two rows in the {part} part")
    chosen = generator.permutation(len(target))[: max(1, round(condition.amount * len(target)))]
    changed = target.copy()
    if condition.kind == "noise":
        if task == "regression":
            changed[chosen] = target[_others(len(target), chosen, generator)]
        else:
            changed[chosen] = (target[chosen] + generator.integers(1, classes, len(chosen))) % classes
    elif condition.kind == "outliers":
        if task != "regression":
            everything[chosen] = _impostors(target, chosen, generator)
        else:
            sign = generator.choice([-1.0, 1.0], target[chosen].shape)
            changed[chosen] += OUTLIER_SHIFT * target.std(axis=0) * sign
    else:
        raise InputError(f"unknown condition {condition.kind!r}{nearest(condition.kind, KINDS)}")
    return everything, changed


def _few(wanted: int, target: np.ndarray, classes: int, generator: np.random.Generator) -> np.ndarray:
    strata = target if classes else np.zeros(len(target), dtype=int)
    largest = np.bincount(strata).max()
    if wanted >= largest:
        whose = "the largest class" if classes else "the training part"
        raise InputError(f"few={wanted} leaves nothing out: {whose} has {largest} rows to train on")
    picked = [generator.permutation(np.flatnonzero(strata == k))[:wanted] for k in range(strata.max() + 1)]
    return np.sort(np.concatenate(picked))


def _long_tail(ratio: float, target: np.ndarray, classes: int, generator: np.random.Generator) -> np.ndarray:
    counts = np.bincount(target, minlength=classes)
    order = np.argsort(-counts, kind="stable")  # the most frequent class first; of equals, the first
    profile = ratio ** (-np.arange(classes) / (classes - 1))
    head = (counts[order] / profile).min()  # the largest first class that the other classes can follow
    if head < ratio:
        raise InputError(f"imbalance={ratio:g} would leave a class without a row: at most imbalance={int(head)} fits, "
                         f"since the classes have {counts.min()} to {counts.max()} rows to train on")  # fmt: skip
    sizes = np.floor(head * profile + 1e-9).astype(int)
    picked = [generator.permutation(np.flatnonzero(target == k))[:size] for k, size in zip(order, sizes, strict=True)]
    return np.sort(np.concatenate(picked))


def _others(rows: int, chosen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each chosen row another one, each as likely."""
    return (chosen + generator.integers(1, rows, len(chosen))) % rows


def _impostors(target: np.ndarray, chosen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each chosen row one of another class, each as likely: a draw from the rows sorted by class, less its own."""
    by_class = np.argsort(target, kind="stable")
    counts = np.bincount(target)
    if counts.max() == len(target):
        raise InputError("outliers need rows of at least two classes in the part")
    size = counts[target[chosen]]
    start = (np.cumsum(counts) - counts)[target[chosen]]
    place = generator.integers(0, len(target) - size)
    return by_class[np.where(place >= start, place + size, place)]

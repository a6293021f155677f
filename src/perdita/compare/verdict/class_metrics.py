"""Measures of predicted classes: one dataclass of what was guessed, and a function of it for each measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

BINS = 15  # of equal width, over the confidences from 0 to 1


def reliability(probs: Any, target: Any, bins: int = BINS) -> list[list[float]]:
    """How often predictions of each confidence are right.

    The confidence is the largest probability, in two classes too. Bin b holds the confidences in (b / bins, (b + 1) /
    bins]; the first also holds 0.

    Args:
        probs: (n, c) probabilities, or (n,) of the second class.
        target: (n,) classes.
        bins: how many, of equal width.

    Returns:
        A row [mean confidence, accuracy, share of predictions] for each bin; [middle, 0, 0] for an empty one.
    """
    probs, target = np.asarray(probs), np.asarray(target)
    if probs.ndim == 1:
        probs = np.stack([1 - probs.astype(np.float64), probs], axis=1)
    largest, guess = torch.from_numpy(np.require(probs, requirements=["C", "W"])).max(1)  # NumPy takes one core
    right = guess.numpy() == target
    place = torch.bucketize(largest.double(), torch.arange(1, bins).double() / bins).numpy()
    confidence = largest.double().numpy()
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    middle, some = (np.arange(bins) + 0.5) / bins, np.maximum(counts, 1)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    rows = np.stack([np.where(filled, sums / some, middle), hits / some, counts / max(len(target), 1)], axis=1)
    return [list(map(float, row)) for row in rows]


@dataclass(frozen=True)
class Guess:
    """What a model said of each row, and what was true."""

    target: np.ndarray  # (n,)
    log_probs: np.ndarray  # (n, c)
    probs: np.ndarray
    indicator: np.ndarray  # (n, c), True at the target
    confusion: np.ndarray  # (c, c) counts: row is the target, column the guess (of equals the first class)


def guess_of(outputs: np.ndarray, target: np.ndarray) -> Guess:
    """From logits (n, c), or logits (n,) or (n, 1) of the second class, and classes (n,)."""
    from scipy.special import log_expit, log_softmax

    if outputs.ndim == 2 and outputs.shape[1] > 2:
        log_probs = log_softmax(outputs, axis=1)
    else:  # the difference of two logits is the logit of the second class
        logit = outputs[:, 1] - outputs[:, 0] if outputs.shape[1:] == (2,) else outputs.reshape(len(outputs))
        log_probs = np.stack([log_expit(-logit), log_expit(logit)], axis=1)
    classes = log_probs.shape[1]
    pairs = target * classes + log_probs.argmax(axis=1)
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return Guess(target, log_probs, np.exp(log_probs), target[:, None] == np.arange(classes), confusion)


def _accuracy(guess: Guess) -> float:
    return np.trace(guess.confusion) / guess.confusion.sum()


def _balanced_accuracy(guess: Guess) -> float:
    """Mean recall of the classes that have rows."""
    rows = guess.confusion.sum(axis=1)
    return (np.diag(guess.confusion)[rows > 0] / rows[rows > 0]).mean()


def _macro_f1(guess: Guess) -> float:
    """Mean F1 of the classes that have rows or guesses."""
    either = guess.confusion.sum(axis=0) + guess.confusion.sum(axis=1)
    return (2 * np.diag(guess.confusion)[either > 0] / either[either > 0]).mean()


def _log_loss(guess: Guess) -> float:
    return -guess.log_probs[guess.indicator].mean()


def _brier(guess: Guess) -> float:
    square = np.square(guess.probs - guess.indicator).sum(axis=1).mean()
    return square / 2 if guess.probs.shape[1] == 2 else square  # of two classes: the square of the second one's


def _ece(guess: Guess) -> float:
    rows = reliability(guess.probs, guess.target)
    return sum(share * abs(accuracy - confidence) for confidence, accuracy, share in rows)


def _auc(guess: Guess) -> float:
    """Each class against the rest by the rank sum of its rows, mean over the classes with rows on both sides."""
    from scipy.stats import rankdata

    members = guess.indicator.sum(axis=0)
    both = (members > 0) & (members < len(guess.target))
    if not both.any():
        return float("nan")
    rank_sums = (rankdata(guess.log_probs, axis=0) * guess.indicator).sum(axis=0)
    pairs = members * (len(guess.target) - members)
    return ((rank_sums - members * (members + 1) / 2)[both] / pairs[both]).mean()


def _label_mae(guess: Guess) -> float:
    """How many levels the most probable one is away from the target's."""
    return np.abs(guess.log_probs.argmax(axis=1) - guess.target).mean()


def _quadratic_kappa(guess: Guess) -> float:
    """Cohen's kappa with squared distances; NaN where guesses and targets are all one class."""
    from sklearn.metrics import cohen_kappa_score

    guessed = guess.log_probs.argmax(axis=1)
    if len(np.union1d(guessed, guess.target)) == 1:
        return float("nan")
    return cohen_kappa_score(guess.target, guessed, weights="quadratic")


def _ranked_probability(guess: Guess) -> float:
    """Mean over the rows of Σ (cumulative probability - cumulative indicator)², the sum over all levels."""
    return np.square(np.cumsum(guess.probs - guess.indicator, axis=1)).sum(axis=1).mean()


OF_CLASSES: dict[str, Callable[[Guess], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "log_loss": _log_loss,
    "brier": _brier,
    "ece": _ece,
    "auc": _auc,
    "label_mae": _label_mae,
    "quadratic_kappa": _quadratic_kappa,
    "ranked_probability_score": _ranked_probability,
}

"""Dice and Tversky of tags, item by item."""

from __future__ import annotations

import numpy as np

from tests.references.classification.focal import log_probabilities
from tests.references.soft import distribution, expected


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def fade(p, alpha):
    return (1 - p) ** alpha * p


def dice_term(w, y, smooth, square):
    below = (w**2 + y**2 if square else w + y) + smooth
    return 1 - (2 * w * y + smooth) / below


def binary_self_adjusting_dice(logits, target, alpha=0.01, smooth=1.0, square=False):
    values = np.zeros(logits.shape)
    for place in np.ndindex(logits.shape):
        values[place] = dice_term(fade(sigmoid(logits[place]), alpha), float(target[place]), smooth, square)
    return values


def example_tversky(logits, target, false_positive_weight=0.5, false_negative_weight=0.5, smooth=1.0):
    values = np.zeros(logits.shape)
    for place in np.ndindex(logits.shape):
        p, y = sigmoid(logits[place]), float(target[place])
        errors = false_positive_weight * p * (1 - y) + false_negative_weight * (1 - p) * y
        values[place] = 1 - (p * y + smooth) / (p * y + errors + smooth)
    return values


def class_probabilities(logits, place):
    return np.exp(log_probabilities(np.moveaxis(logits, 1, -1)[place]))


@expected
def self_adjusting_dice(logits, target, alpha=0.01, smooth=1.0):
    values = np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        p = class_probabilities(logits, place)[target[place]]
        values[place] = dice_term(fade(p, alpha), 1.0, smooth, False)
    return values


def one_versus_rest_dice(logits, target, alpha=0.01, smooth=1.0, label_smoothing=0.0, hard_negatives=None, mask=None):
    truth = np.moveaxis(distribution(target, logits.shape[1], label_smoothing), 1, -1)
    places = [place for place in np.ndindex(truth.shape[:-1]) if mask is None or mask[place]]
    values = np.zeros(truth.shape[:-1])
    for k in range(truth.shape[-1]):
        p = {place: class_probabilities(logits, place)[k] for place in places}
        kept = places
        if hard_negatives is not None:
            positives = [place for place in places if np.asarray(target)[place] == k]
            negatives = sorted((place for place in places if place not in positives), key=lambda place: -p[place])
            kept = positives + negatives[: int(hard_negatives * len(positives))]
        for place in kept:
            values[place] += dice_term(fade(p[place], alpha), truth[place][k], smooth, True)
    return values


REFERENCES = {
    "binary_self_adjusting_dice": binary_self_adjusting_dice,
    "example_tversky": example_tversky,
    "self_adjusting_dice": self_adjusting_dice,
    "one_versus_rest_dice": one_versus_rest_dice,
}

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


def one_versus_rest_dice(logits, target, alpha=0.01, smooth=1.0, label_smoothing=0.0):
    truth = np.moveaxis(distribution(target, logits.shape[1], label_smoothing), 1, -1)
    values = np.zeros(truth.shape[:-1])
    for place in np.ndindex(values.shape):
        for k, p in enumerate(class_probabilities(logits, place)):
            values[place] += dice_term(fade(p, alpha), truth[place][k], smooth, True)
    return values


REFERENCES = {
    "binary_self_adjusting_dice": binary_self_adjusting_dice,
    "example_tversky": example_tversky,
    "self_adjusting_dice": self_adjusting_dice,
    "one_versus_rest_dice": one_versus_rest_dice,
}

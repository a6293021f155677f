"""CTC by counting every path: each sequence of classes over the input steps that collapses to the target."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch


def collapse(path, blank):
    return [int(label) for label, _ in itertools.groupby(path) if label != blank]


def ctc(log_probs, targets, input_lengths, target_lengths, blank=0, zero_infinity=False):
    classes = log_probs.shape[2]
    values = np.zeros(len(targets))
    for i, (steps, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        wanted = targets[i, :length].tolist()
        total = 0.0
        for path in itertools.product(range(classes), repeat=int(steps)):
            if collapse(path, blank) == wanted:
                total += math.exp(sum(log_probs[t, i, k] for t, k in enumerate(path)))
        values[i] = -math.log(total) if total else (0.0 if zero_infinity else math.inf)
    return values


def sample_ctc(generator, n=5, dtype=torch.float64):
    """Inputs of 5 or 6 steps over 4 classes, targets of 1 to 3 classes without repeats; class 0 is the blank."""
    log_probs = torch.randn(6, n, 4, generator=generator, dtype=torch.float64).log_softmax(2)
    targets = 1 + torch.rand(n, 3, generator=generator).argsort(1)
    input_lengths = 5 + torch.randint(2, (n,), generator=generator)
    target_lengths = 1 + torch.randint(3, (n,), generator=generator)
    return {
        "log_probs": log_probs.to(dtype), "targets": targets, "input_lengths": input_lengths,
        "target_lengths": target_lengths,
    }  # fmt: skip


REFERENCES = {"ctc": ctc}
SAMPLES = {"ctc": sample_ctc}

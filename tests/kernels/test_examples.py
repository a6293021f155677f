"""The examples in the docstrings of fused losses run."""

import doctest

import pytest
import torch

import perdita
from perdita.kernels import (
    cross_entropy,
    cut_cross_entropy,
    fused_linear,
    fused_log_probabilities,
    fused_preference,
    fused_rows,
    fused_sequence_log_probability,
)
from perdita.losses.sequence.aggregation import aggregate_tokens

FUNCTIONS = [
    aggregate_tokens, cross_entropy, cut_cross_entropy, fused_linear, fused_log_probabilities, fused_preference,
    fused_rows, fused_sequence_log_probability,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_examples_run(function):
    (test,) = doctest.DocTestFinder(recurse=False).find(
        function, function.__name__, globs={"torch": torch, "perdita": perdita}
    )
    assert test.examples
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert results.failed == 0

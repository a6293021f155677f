"""Losses computed at scale: the same values and gradients as their definitions, without the memory."""

from perdita.kernels.linear import fused_linear
from perdita.kernels.one_pass import cross_entropy
from perdita.kernels.responses.log_probabilities import fused_log_probabilities, fused_sequence_log_probability
from perdita.kernels.responses.preference import fused_preference
from perdita.kernels.row_loss import Head
from perdita.kernels.rows import fused_rows
from perdita.kernels.tiled_cross_entropy import cut_cross_entropy
from perdita.kernels.vocabulary_parallel import vocabulary_parallel_cross_entropy, vocabulary_parallel_linear

__all__ = [
    "Head",
    "cross_entropy",
    "cut_cross_entropy",
    "fused_linear",
    "fused_log_probabilities",
    "fused_preference",
    "fused_rows",
    "fused_sequence_log_probability",
    "vocabulary_parallel_cross_entropy",
    "vocabulary_parallel_linear",
]

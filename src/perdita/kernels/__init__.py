"""Losses computed at scale: the same values and gradients as their definitions, without the memory."""

from perdita.kernels.linear import fused_linear
from perdita.kernels.one_pass import cross_entropy
from perdita.kernels.row_loss import Head
from perdita.kernels.rows import fused_rows
from perdita.kernels.tiled_cross_entropy import cut_cross_entropy
from perdita.kernels.vocabulary_parallel import vocabulary_parallel_cross_entropy, vocabulary_parallel_linear

__all__ = [
    "Head",
    "cross_entropy",
    "cut_cross_entropy",
    "fused_linear",
    "fused_rows",
    "vocabulary_parallel_cross_entropy",
    "vocabulary_parallel_linear",
]

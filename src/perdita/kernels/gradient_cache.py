"""Batches larger than an encoder's activations: embed in chunks, compare all, embed again for the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.checkpoint import checkpoint

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float


def encode_in_chunks(encoder: Callable[..., Tensor], *inputs: Any, chunk: int, **named: Any) -> Float[Tensor, "n d"]:
    """Embeddings of a large batch, with the gradient of the whole batch, in the memory of one chunk's activations.

    The first pass keeps the embeddings alone. Backward goes through the encoder once more, chunk by chunk, each under
    the random state of its first pass: dropout drops the same places, and the gradient is that of the whole batch at
    once. The loss in between sees all embeddings: compare them with `perdita.kernels.pairs.blockwise_pairs`, so that
    its matrix needs no memory either. Any loss of the embeddings will do, and any number of encoders.

    An encoder with batch statistics sees each chunk's alone, and updates its running ones in both passes.

    Args:
        encoder: function of the inputs that gives (b, d) for b items; usually a module.
        inputs, named: of the encoder, for all n items: tensors, or lists and dictionaries of tensors, whose first
            dimension is the items'. Whatever is no tensor goes to every chunk as it is.
        chunk: items at a time.

    Returns:
        (n, d) embeddings.

    Raises:
        InputError: no tensor among the inputs, tensors of different lengths, a chunk below 1.

    Source:
        Gao, Zhang, Han, Callan, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", 2021,
        arXiv 2101.06983.
    """
    if chunk < 1:
        raise InputError(f"chunk must be at least 1, not {chunk}")
    lengths = {len(leaf) for leaf in tree_leaves((inputs, named)) if isinstance(leaf, Tensor)}
    if len(lengths) != 1:
        raise InputError(f"inputs must hold tensors of one length, not of lengths {sorted(lengths)}")
    parts = []
    for start in range(0, max(lengths.pop(), 1), chunk):

        def cut(leaf: Any, start: int = start) -> Any:
            return leaf[start : start + chunk] if isinstance(leaf, Tensor) else leaf

        given, options = tree_map(cut, (inputs, named))
        parts.append(checkpoint(encoder, *given, use_reentrant=False, preserve_rng_state=True, **options))
    return torch.cat(parts)

"""Embeddings in chunks: the gradient of the whole batch, with dropout on, in the memory of one chunk."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import perdita.functional as P
from perdita.compare.train.memory import peak_bytes
from perdita.core.errors import InputError
from perdita.kernels.gradient_cache import encode_in_chunks
from perdita.kernels.pairs import blockwise_pairs


class Encoder(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, 4))

    def forward(self, features: Tensor, scale: float = 1.0) -> Tensor:
        return scale * self.body(features)


def gradients(encoder: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(encoder.parameters())))


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_gradient_with_dropout(chunk: int) -> None:
    encoder, first, second = Encoder().double(), torch.randn(20, 8).double(), torch.randn(20, 8).double()

    def embed(chunked: bool) -> list[Tensor]:
        torch.manual_seed(3)
        if chunked:
            return [encode_in_chunks(encoder, view, chunk=chunk, scale=2.0) for view in (first, second)]
        return [torch.cat([encoder(part, 2.0) for part in view.split(chunk)]) for view in (first, second)]

    plain, cached = embed(False), embed(True)
    torch.testing.assert_close(cached, plain, rtol=0, atol=0)
    expected = P.info_nce(plain[0], plain[1], symmetric=True)
    found = blockwise_pairs(P.info_nce, cached[0], reference=cached[1], symmetric=True, block=6)
    torch.rand(3)  # the random state of the first pass is restored, not assumed
    torch.testing.assert_close(gradients(encoder, found), gradients(encoder, expected), rtol=0, atol=1e-12)


def test_other_dropout_would_be_seen() -> None:
    encoder, x, y = Encoder().double(), torch.randn(20, 8).double(), torch.arange(20) // 2
    first = gradients(encoder, P.sup_con(encoder(x), y))
    second = gradients(encoder, P.sup_con(encoder(x), y))
    assert not torch.allclose(first[0], second[0])


def test_trees_of_inputs() -> None:
    def encoder(tokens: dict[str, Tensor], names: list[str]) -> Tensor:
        assert names == ["kept", "whole"]
        return tokens["ids"] * tokens["mask"]

    tokens = {"ids": torch.randn(5, 3), "mask": torch.ones(5, 1)}
    torch.testing.assert_close(encode_in_chunks(encoder, tokens, names=["kept", "whole"], chunk=2), tokens["ids"])


def test_memory_of_a_chunk() -> None:
    encoder, x, y = Encoder(512), torch.randn(512, 8), torch.arange(512) // 2
    taken = peak_bytes(
        lambda: blockwise_pairs(P.sup_con, encode_in_chunks(encoder, x, chunk=32), y, block=32).backward()
    )
    assert taken < 0.5 * peak_bytes(lambda: P.sup_con(encoder(x), y).backward())


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="chunk"):
        encode_in_chunks(Encoder(), torch.randn(4, 8), chunk=0)
    with pytest.raises(InputError, match="lengths"):
        encode_in_chunks(lambda a, b: a, torch.randn(4, 8), torch.randn(3, 8), chunk=2)
    with pytest.raises(InputError, match="inputs"):
        encode_in_chunks(Encoder(), "no tensor", chunk=2)

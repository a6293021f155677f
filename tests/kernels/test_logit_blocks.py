"""Memory laid out for speed changes no value: rows that lie apart, large pages where Linux has them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses import FakeTensorMode

from perdita.kernels import fused_linear
from perdita.kernels.logit_blocks import LINE, PAGE, block_buffer, in_large_pages, linear_into, softmax_of_rows, times

MAPS = Path("/proc/self/smaps")
ROWS, FEATURES, CLASSES = 7, 5, 1026  # long rows, which lie apart in either dtype; parts for two and three threads


@pytest.fixture
def restored_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def flags(tensor: Tensor, at: int) -> set[str]:
    """Flags of the mapping that holds a byte of the tensor."""
    place, inside = tensor.data_ptr() + at, False
    for line in MAPS.read_text().splitlines():
        first, *rest = line.split()
        if "-" in first and not first.endswith(":"):
            start, stop = (int(bound, 16) for bound in first.split("-"))
            inside = start <= place < stop
        elif inside and first == "VmFlags:":
            return set(rest)
    raise AssertionError(f"no mapping holds {place:#x}")


@pytest.mark.skipif(not (MAPS.exists() and hasattr(mmap, "MADV_HUGEPAGE")), reason="Linux alone has the advice")
def test_linux_is_asked_for_large_pages_in_the_middle() -> None:
    plain, asked = torch.empty(20 * PAGE // 4), in_large_pages(torch.empty(20 * PAGE // 4))
    assert "hg" in flags(asked, asked.nbytes // 2)
    assert "hg" not in flags(plain, plain.nbytes // 2)


def test_what_has_no_large_page_stays_as_it_is() -> None:
    for small in (torch.empty(0), torch.ones(3), torch.empty(PAGE, device="meta")):
        assert in_large_pages(small) is small
    with FakeTensorMode():
        fake = torch.empty(PAGE)
        assert in_large_pages(fake) is fake


@pytest.mark.parametrize("classes", [1024, 1031, 16384, 32000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_long_rows_lie_an_odd_number_of_lines_apart(classes: int, dtype: torch.dtype) -> None:
    buffer = block_buffer(torch.empty(0, dtype=dtype), 3, classes)
    apart = buffer.stride(0) * buffer.element_size()
    assert (*buffer.shape, buffer.dtype) == (3, classes, dtype)
    assert (apart % LINE, apart // LINE % 2) == (0, 1)
    assert apart - classes * buffer.element_size() < 2 * LINE


def test_short_rows_and_half_precision_lie_together() -> None:
    assert block_buffer(torch.empty(0), 3, 64).is_contiguous()
    assert block_buffer(torch.empty(0, dtype=torch.bfloat16), 3, 16384).is_contiguous()


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("rows", [slice(None), slice(2, 5), slice(4, 5), slice(0, 0)])
def test_softmax_of_rows(rows: slice, in_place: bool) -> None:
    drawn = torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(0))
    drawn[2, 5], drawn[3, 7], drawn[6, 9] = torch.inf, torch.nan, -torch.inf
    buffer = block_buffer(drawn, ROWS, CLASSES)
    assert not buffer.is_contiguous()
    buffer.copy_(drawn)
    found = softmax_of_rows(buffer[rows], in_place=in_place)
    torch.testing.assert_close(found, drawn[rows].softmax(1), equal_nan=True)
    rest = torch.ones(ROWS, dtype=torch.bool)
    rest[rows] = not in_place
    torch.testing.assert_close(buffer[rest], drawn[rest], equal_nan=True, rtol=0, atol=0)
    assert not in_place or found.data_ptr() == buffer[rows].data_ptr()


@pytest.mark.parametrize("block_rows", [1, 3, ROWS])
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("cross_entropy", {}),
        ("cross_entropy", {"reduction": "none"}),
        ("cross_entropy", {"label_smoothing": 0.1, "z_penalty": 0.1}),
        ("cross_entropy", {"return_lse": True, "z_penalty": 0.1}),
        ("cross_entropy", {"softcap": 2.0, "example_weight": torch.linspace(0, 1, ROWS).double()}),
        ("focal", {}),
        ("focal", {"softcap": 2.0, "return_lse": True}),
        ("brier", {}),
        ("squentropy", {"softcap": 2.0}),
    ],
    ids=str,
)
def test_losses_of_rows_that_lie_apart(
    loss: str, options: dict[str, Any], block_rows: int, restored_threads: None
) -> None:
    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(0)
    hidden, weight, bias = (
        torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((ROWS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    )
    target = torch.randint(CLASSES, (ROWS,), generator=generator)
    target[2] = -100

    def found(impl: str) -> tuple[Any, ...]:
        settings = {"ignore_index": -100, "block_rows": block_rows, **options}
        value = fused_linear(loss, hidden, weight, target, bias=bias, impl=impl, **settings)
        parts = value if isinstance(value, tuple) else (value,)
        total = sum((part * torch.arange(1.0, 1 + part.numel()).view_as(part)).sum() for part in parts)
        return (*parts, *torch.autograd.grad(total, (hidden, weight, bias)))

    torch.testing.assert_close(found("auto"), found("reference"))


@pytest.mark.parametrize("threads", [1, 2, 3, 5])  # the last does not divide the classes
def test_a_product_in_parts_of_the_classes(threads: int, restored_threads: None) -> None:
    generator = torch.Generator().manual_seed(0)
    slope = block_buffer(torch.empty(0, dtype=torch.float64), ROWS, CLASSES)
    slope.copy_(torch.randn(ROWS, CLASSES, generator=generator))
    weight = torch.randn(FEATURES, CLASSES, generator=generator, dtype=torch.float64).T
    out = slope.new_empty(ROWS, FEATURES)
    torch.set_num_threads(threads)
    times(slope, weight, out)
    torch.testing.assert_close(out, slope @ weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threads", [1, 2, 8])  # five parts, the last of two classes; three; one
@pytest.mark.parametrize("with_bias", [False, True])
def test_logits_of_some_classes_at_a_time(
    with_bias: bool, threads: int, dtype: torch.dtype, restored_threads: None
) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden, weight, bias = (
        torch.randn(*shape, generator=generator).to(dtype) / 8 for shape in ((ROWS, 1024), (CLASSES, 1024), (CLASSES,))
    )
    torch.set_num_threads(threads)
    out = block_buffer(hidden, ROWS, CLASSES).fill_(torch.nan)
    assert linear_into(out, hidden, weight, bias if with_bias else None) is out
    torch.testing.assert_close(out, F.linear(hidden, weight, bias if with_bias else None))


@pytest.mark.parametrize("shape", [(0, 4, 6), (3, 0, 6), (3, 4, 0)])
def test_logits_of_nothing(shape: tuple[int, int, int]) -> None:
    rows, features, classes = shape
    hidden, weight = torch.ones(rows, features), torch.ones(classes, features)
    assert torch.equal(linear_into(torch.empty(rows, classes), hidden, weight), hidden @ weight.T)

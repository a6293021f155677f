"""The Triton kernels equal float64, in Triton's interpreter and, where there is one, on a CUDA device."""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import torch

from perdita import InputError
from perdita.kernels import cut_cross_entropy, fused_linear
from tests import interpreter
from tests.kernels import tile_cases
from tests.kernels.tile_cases import FILTERED, FUSED, OTHERS

pytest.importorskip("triton", reason="needs the package triton")

ROOT = Path(__file__).resolve().parents[2]
SRC = Path(fused_linear.__code__.co_filename).parents[2]
CASES = [*FUSED, *FILTERED, *OTHERS]
on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def python(*arguments: str, **environment: str) -> CompletedProcess[str]:
    own = {**os.environ, "PYTHONPATH": f"{SRC}{os.pathsep}{ROOT}", **environment}
    return interpreter.python(*arguments, folder=ROOT, environment=own)


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every case in one process of Triton's interpreter."""
    file = tmp_path_factory.mktemp("interpreted") / "errors.json"
    run = python("-m", "tests.kernels.tile_cases", str(file), TRITON_INTERPRET="1")
    assert run.returncode == 0, run.stderr
    return json.loads(file.read_text())


def check(name: str, found: dict[str, float]) -> None:
    """Values come in float32; gradients are rounded to the inputs' dtype, and so is each tile before its products."""
    dtype = FUSED[name][0] if name in FUSED else torch.float32
    for what, error in found.items():
        if what == "left out":
            assert 0.1 < error < 0.9
            continue
        own = torch.float32 if what in ("value", "lse") else dtype
        allowed = torch.finfo(own).eps * (4 if own is torch.float32 else 1)
        assert error <= allowed, f"{what}: {error:.3g} against {allowed:.3g}"


@pytest.mark.parametrize("name", CASES)
def test_equal_to_float64(name: str, interpreted: dict[str, Any]) -> None:
    assert len(interpreted[name]) >= 1
    check(name, interpreted[name])


def test_nothing_left_is_a_connected_zero(interpreted: dict[str, Any]) -> None:
    assert interpreted["nothing left"] == [0.0, [True] * 3]


def test_a_filter_never_hides_a_nan(interpreted: dict[str, Any]) -> None:
    assert interpreted["NaN stays"] == [True, True]


@on_cuda
def test_a_filter_never_hides_a_nan_on_a_device() -> None:
    assert tile_cases.nan_stays("cuda") == [True, True]


@on_cuda
@pytest.mark.parametrize("name", CASES)
def test_equal_to_float64_on_a_device(name: str) -> None:
    check(name, tile_cases.cases("cuda")[name]())


@on_cuda
def test_nothing_left_on_a_device() -> None:
    assert tile_cases.nothing_left("cuda") == (0.0, [True] * 3)


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from perdita.kernels.tiles import device, launch

POINTERS = {"target": "*i64", "order": "*i64", "class_order": "*i64", "count": "*i32"}
NUMBERS = {"all_rows": "i32", "all_classes": "i32", "features": "i32", "span": "i32", "softcap": "fp32",
           "smoothing": "fp32", "threshold": "fp32"}
NARROW = ("hidden", "weight", "bias", "by_weight", "by_bias")

def build(kernel, blocks, on):
    sizes = {"ROWS": blocks.rows, "CLASSES": blocks.classes, "FEATURES": blocks.features}
    names = [item.name for item in kernel.params]
    constant = {name: True for name in names if name.isupper()} | {"PRECISION": "ieee", "WIDEN": False} | sizes
    kinds = {name: "*bf16" if name in NARROW else {**POINTERS, **NUMBERS}.get(name, "*fp32") for name in names}
    kinds |= {name: "constexpr" for name in constant}
    known = [at for at, name in enumerate(names) if kinds[name] not in ("constexpr", "fp32")]
    aligned = {(at,): [["tt.divisibility", 16]] for at in known}
    source = ASTSource(kernel, kinds, {(names.index(name),): value for name, value in constant.items()}, aligned)
    options = {"num_warps": blocks.warps, "num_stages": blocks.stages}
    return compile(source, target=GPUTarget("cuda", 80, 32), options=options).metadata.shared

print(build(device.sums, launch.HALF.sums, 80), build(device.slopes, launch.HALF.slopes, 80))
"""


@pytest.mark.slow
def test_the_kernels_compile_for_a_device_that_is_not_there(tmp_path: Path) -> None:
    """And fit the shared memory of an A100, 163 KiB for one block."""
    run = python("-W", "ignore", "-c", COMPILE, TRITON_CACHE_DIR=str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert all(0 < int(size) <= 163 * 1024 for size in run.stdout.split())


PACKAGE = """
import torch
from perdita.kernels import fused_linear

torch.manual_seed(0)
hidden, weight = torch.randn(2, 8, 6, requires_grad=True), torch.randn(20, 6, requires_grad=True)
target, items = torch.randint(20, (2, 8)), torch.rand(2, 8)
target[0, 3] = -100
mask = (torch.arange(8) != 5).expand(2, 8)
for options in ({"softcap": 2.0}, {"example_weight": items, "mask": mask}, {"reduction": "none", "shift": 1}):
    found = []
    for impl in ("cut-cross-entropy", "reference"):
        value = fused_linear("cross_entropy", hidden, weight, target, impl=impl, **options)
        upstream = torch.linspace(1, 2, value.numel()).reshape(value.shape)
        found.append([value, *torch.autograd.grad(value, [hidden, weight], upstream)])
    torch.testing.assert_close(*found)
"""


@pytest.mark.slow
def test_the_package_gives_the_same() -> None:
    pytest.importorskip("cut_cross_entropy")
    run = python("-W", "ignore", "-c", PACKAGE)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("loss", "dtype", "options", "message"),
    [("cross_entropy", torch.float32, {"impl": "triton"}, "CUDA device.*impl=\"blocked\""),
     ("squentropy", torch.float32, {"impl": "triton"}, "takes cross_entropy or a function of it"),
     ("focal", torch.float32, {"impl": "cut-cross-entropy"}, "has cross_entropy alone"),
     ("cross_entropy", torch.float32, {"impl": "cut-cross-entropy", "z_penalty": 0.1}, "without bias, label_sm"),
     ("cross_entropy", torch.float32, {"impl": "liger"}, "impl must be one of")],
)  # fmt: skip
def test_refused(loss: str, dtype: torch.dtype, options: dict[str, Any], message: str) -> None:
    hidden, weight, target = torch.zeros(2, 3, dtype=dtype), torch.zeros(4, 3, dtype=dtype), torch.tensor([0, 1])
    with pytest.raises(InputError, match=message):
        fused_linear(loss, hidden, weight, target, **options)


def test_tiles_refuse_too() -> None:
    hidden, weight, target = torch.zeros(2, 3), torch.zeros(4, 3), torch.tensor([0, 1])
    for impl, message in (("triton", "CUDA device"), ("reference", "impl must be")):
        with pytest.raises(InputError, match=message):
            cut_cross_entropy(hidden, weight, target, impl=impl)

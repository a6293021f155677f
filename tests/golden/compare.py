"""Golden vectors: files, cases, and where an adapter's outputs differ from what a case expects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

RTOL, ATOL = 1e-9, 1e-12
NOT_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
FILE_KEYS = {"slug", "source", "note", "rtol", "atol", "cases"}
CASE_KEYS = {"name", "source", "note", "rtol", "atol", "inputs", "params", "expected"}


@dataclass(frozen=True)
class Case:
    """One case of a file: what goes in, what must come out, and how near."""

    slug: str
    name: str
    inputs: Mapping[str, Any]
    params: Mapping[str, Any]
    expected: Mapping[str, Any]
    rtol: float = RTOL
    atol: float = ATOL


def read_cases(path: Path) -> list[Case]:
    """The cases of a file. Raises ValueError for a file that is no JSON, has no case, or a key that is not known."""
    try:
        data = _numbers(json.loads(path.read_text()))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from error
    if not data.get("cases"):
        raise ValueError(f"{path.name} has no cases")
    _known(path.name, data, FILE_KEYS)
    return [_case(path.name, data, case) for case in data["cases"]]


def _case(file: str, data: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    _known(f"{file}: {case['name']}", case, CASE_KEYS)
    if not case["expected"]:
        raise ValueError(f"{file}: {case['name']} expects nothing")
    near = {key: float(case.get(key, data.get(key, default))) for key, default in (("rtol", RTOL), ("atol", ATOL))}
    return Case(data["slug"], case["name"], case["inputs"], case["params"], case["expected"], **near)


def _known(where: str, found: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := set(found) - keys:
        raise ValueError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")


def _numbers(value: Any) -> Any:
    """The same data, with numbers that JSON cannot write, and that stand there as strings, as numbers."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return NOT_NUMBERS.get(value, value) if isinstance(value, str) else value


def differences(expected: Any, got: Any, rtol: float = RTOL, atol: float = ATOL, at: str = "") -> Iterator[str]:
    """One line for each place where ``got`` is not what is expected; a mapping may hold more than is expected."""
    if isinstance(got, torch.Tensor | np.ndarray | np.generic):
        if str(got.dtype).removeprefix("torch.") in ("float32", "float16", "bfloat16"):
            yield f"{at} came as {got.dtype}, expected 64 bits"
        got = got.tolist()
    if isinstance(expected, dict):
        if not isinstance(got, Mapping):
            yield f"{at} is {got!r}, expected a mapping"
            return
        for key, item in expected.items():
            if key in got:
                yield from differences(item, got[key], rtol, atol, f"{at}.{key}" if at else str(key))
            else:
                yield f"{at}.{key} is missing" if at else f"{key} is missing: the adapter gives {', '.join(got)}"
    elif isinstance(expected, list):
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            size = f"{len(got)} elements" if isinstance(got, list | tuple) else repr(got)
            yield f"{at} has {size}, expected {len(expected)}"
            return
        for index, (wanted, item) in enumerate(zip(expected, got, strict=True)):
            yield from differences(wanted, item, rtol, atol, f"{at}[{index}]")
    elif not _same(expected, got, rtol, atol):
        yield f"{at} is {got!r}, expected {expected!r}"


def _same(expected: Any, got: Any, rtol: float, atol: float) -> bool:
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        return type(got) is type(expected) and bool(got == expected)
    if isinstance(got, bool) or not isinstance(got, int | float):
        return False
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    return got == expected or (math.isfinite(expected) and abs(got - expected) <= atol + rtol * abs(expected))

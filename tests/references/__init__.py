"""Slow float64 definitions of the losses in plain NumPy, and inputs for those whose signature cannot tell them.

Every module below this package may have

- ``REFERENCES``: name of a loss → function of its tensors (arrays) and hyper-parameters by keyword, which gives the
  values of the items, or (values, counts);
- ``SAMPLES``: name of a loss → function of (generator, n, dtype) that draws its tensors;
- ``ARGUMENTS``: name of a loss that is a class → arguments of its constructor. The reference of such a loss takes them
  too, and the module's parameters as ``state``, a dict of arrays.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def _collect(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in _MODULES:
        for name, entry in getattr(module, kind, {}).items():
            if name in found:
                raise ValueError(f"{module.__name__}: {kind} has {name!r} already")
            found[name] = entry
    return found


_MODULES = [importlib.import_module(item.name) for item in pkgutil.walk_packages(__path__, f"{__name__}.")]
REFERENCES = _collect("REFERENCES")
SAMPLES = _collect("SAMPLES")
ARGUMENTS = _collect("ARGUMENTS")

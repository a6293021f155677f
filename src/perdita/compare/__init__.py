"""Which loss, on your data: train every loss under the same conditions and compare them with honest statistics.

The package itself can be called: ``perdita.compare(model, data, losses=…)`` is `perdita.compare.run.compare`.
"""

import sys
import types
from typing import Any


class _Callable(types.ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        from perdita.compare.run import compare

        return compare(*args, **options)


sys.modules[__name__].__class__ = _Callable

"""Every loss: pure functions, a folder for each task, a file for each family. Importing this fills the catalogue."""

import gc
import importlib
import pkgutil

_collecting = gc.isenabled()
gc.disable()  # nothing here is garbage, and each full collection would walk all that torch holds: half of the time
try:
    for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(_module.name)
finally:
    if _collecting:
        gc.enable()

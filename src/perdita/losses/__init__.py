"""Every loss: pure functions, a folder for each task, a file for each family. Importing this fills the catalogue."""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

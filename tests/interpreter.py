"""Python run in a process of its own, forked from one that has imported PyTorch: a fresh one takes seconds to do so.

What a fresh interpreter is needed for (what an import loads, how a process ends, signals) starts one with `subprocess`.
"""

from __future__ import annotations

import os
import runpy
import sys
import types
import warnings
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryDirectory

from tests.ranks import import_early


def python(
    *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None, timeout: float = 300
) -> CompletedProcess[str]:
    """``python *arguments``, where the arguments are ``[-W error] -c CODE …``, ``-m MODULE …`` or ``SCRIPT …``.

    Args:
        folder: where it runs; here if None.
        environment: all of it; as here if None.
        timeout: seconds after which it is killed, and `subprocess.TimeoutExpired` raised.
    """
    import_early()
    with TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        given = (arguments, folder or Path.cwd(), dict(os.environ if environment is None else environment), out, err)
        process = get_context("forkserver").Process(target=_run, args=given)
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise TimeoutExpired(arguments, timeout, out.read_bytes(), err.read_bytes())
        assert process.exitcode is not None
        return CompletedProcess(arguments, process.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))


def _run(arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    encoding, _, errors = environment.get("PYTHONIOENCODING", "utf-8").partition(":")
    for stream, otherwise in ((sys.stdout, errors or "strict"), (sys.stderr, "backslashreplace")):
        stream.reconfigure(encoding=encoding, errors=otherwise)
    os.chdir(folder)
    added = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = ["", *added, *(path for path in sys.path if path not in ("", *added))]
    try:
        _interpret([*arguments])
    except SystemExit as ended:
        sys.stdout.flush()
        if ended.code is None or isinstance(ended.code, int):
            raise
        print(ended.code, file=sys.stderr)
        raise SystemExit(1) from None
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None


def _interpret(arguments: list[str]) -> None:
    if arguments[0] == "-W":
        warnings.simplefilter(arguments[1])
        del arguments[:2]
    kind, rest = arguments[0], arguments[1:]
    if kind == "-c":
        main = types.ModuleType("__main__")
        sys.modules["__main__"], sys.argv = main, ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    elif kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = arguments, str(Path(kind).parent)
        runpy.run_path(kind, run_name="__main__")

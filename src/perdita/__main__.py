"""``perdita`` and ``python -m perdita``: run a command; an expected error is one line on stderr and exit code 2."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 for bad input, 130 where it was interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?" in its place
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # a user's own losses and models lie where the command is called
    try:
        from perdita.cli import app
    except ModuleNotFoundError as missing:
        return _fail(f"{missing.name} is not installed; run: pip install 'perdita[cli]'")
    except KeyboardInterrupt:
        return 130
    try:
        code = app(None if arguments is None else list(arguments), prog_name="perdita", standalone_mode=False)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        return _fail(message) if message else 130
    return code if isinstance(code, int) else 0


def _message(error: Exception) -> str | None:
    """What to tell of an expected error; "" where the user stopped it, None where the error is a defect."""
    from typer import Abort

    if isinstance(error, Abort):
        return ""
    if hasattr(error, "format_message"):  # an unknown option or command, a value of the wrong type
        return str(error.format_message())
    if isinstance(error, OSError) and error.filename is not None:  # a file that cannot be read or written
        return f"{error.filename}: {error.strerror}"
    if not isinstance(error, ValueError | ImportError):
        return None
    from perdita.core.errors import InputError, MissingExtraError

    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("perdita"):
        library = error.name.partition(".")[0]
        error = MissingExtraError(library, "cli" if library == "rich" else "compare")
    return str(error) if isinstance(error, InputError | MissingExtraError) else None


def _fail(message: str) -> int:
    print("perdita:", " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

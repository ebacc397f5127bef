"""Withhold what other packages say: a message of theirs may quote a value of the data."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import quickstack

#: Set to 1, it lets every message through.
SHOW = "QUICKSTACK_TRACEBACK"
_ROOT = Path(quickstack.__file__).resolve().parents[1]


def shown() -> bool:
    """Whether somebody asked to see the messages."""
    return os.environ.get(SHOW) == "1"


def withheld(error: BaseException) -> str:
    """Describe a foreign exception without its message: its type and where it was raised."""
    if shown():
        return "".join(traceback.format_exception(error))
    return (
        f"unexpected {type(error).__name__}{_place(error.__traceback__)}. Its message is withheld, "
        f"since it may quote a value of the data; {SHOW}=1 shows it"
    )


def _place(where: TracebackType | None) -> str:
    """Name the innermost line of this library, or of the other package where there is none."""
    frames = traceback.extract_tb(where)
    own = [f for f in frames if Path(f.filename).resolve().is_relative_to(_ROOT)] or frames
    if not own:
        return ""
    path = Path(own[-1].filename).resolve()
    inside = path.is_relative_to(_ROOT)
    name = f"src/{path.relative_to(_ROOT).as_posix()}" if inside else path.name
    return f" at {name}:{own[-1].lineno}"


@contextmanager
def withheld_messages(name: str) -> Iterator[None]:
    """Withhold, for a while, the text of warnings, log records and exceptions in threads.

    What is left says that there was one, its kind and its place in the code.

    Parameters
    ----------
    name
        Whose lines they are: the stage.
    """
    if shown():
        yield
        return
    make = logging.getLogRecordFactory()

    # The factory is asked before any handler, so that files and other handlers get no text either.
    def record(*values: Any, **more: Any) -> logging.LogRecord:
        made = make(*values, **more)
        if not made.name.startswith("quickstack"):
            kind = made.exc_info[0] if isinstance(made.exc_info, tuple) else None
            what = f" of {kind.__name__}" if kind is not None else ""
            made.msg = f"{made.name} logged a message{what} at {made.filename}:{made.lineno}"
            made.args, made.exc_info, made.exc_text, made.stack_info = (), None, None, None
        return made

    def warned(
        message: Warning | str,  # noqa: ARG001 - withheld
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        _say(f"{name}: {category.__name__} at {Path(filename).name}:{lineno}")

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
            _say(f"{name}: in a thread: {withheld(failed.exc_value)}")

    def unraisable(failed: sys.UnraisableHookArgs) -> None:
        if failed.exc_value is not None:
            _say(f"{name}: {withheld(failed.exc_value)}")

    kept = warnings.showwarning, threading.excepthook, sys.unraisablehook
    logging.setLogRecordFactory(record)
    warnings.showwarning = warned
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)
        warnings.showwarning, threading.excepthook, sys.unraisablehook = kept


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

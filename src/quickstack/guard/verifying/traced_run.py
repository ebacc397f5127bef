"""Run a script as `python SCRIPT` does, and write down what it touches.

Called by path, `python runner.py RECORD SCRIPT`, so that the script imports its own checkout's
library; it therefore imports the standard library alone. Each line of RECORD is a JSON list: what
was done (`read`, `list`, `write`, `start`, `connect`, or `said` for a path in the message of the
exception that ended it) and to what.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import sys
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LISTS = {"os.listdir", "os.scandir"}
#: Events of a path, and where among their arguments the folder is that it is relative to.
_CHANGES = {
    "os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.truncate": None, "os.chmod": 2, "os.chown": 3,
    "os.utime": 3, "os.setxattr": None,
}  # fmt: skip
_PAIRS = {"os.rename", "os.link", "os.symlink"}
_STARTS = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"}
_PATH = re.compile(r"[\w.@+-]+(?:/[\w.@+-]+)+|[\w@+-]+\.\w+")


class Recorder:
    """An audit hook that writes each thing once, at once: the script may be killed."""

    def __init__(self, record: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(record, flags, 0o600)
        self._seen: set[tuple[str, str]] = set()

    def note(self, what: str, name: str) -> None:
        """Write a line, unless it was written before."""
        if (what, name) not in self._seen:
            self._seen.add((what, name))
            os.write(self._file, (json.dumps([what, name]) + "\n").encode())

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Take one event of the interpreter."""
        if event == "open":
            path, mode, flags = args
            writing = any(letter in (mode or "") for letter in "wax+")
            writing = writing or (isinstance(flags, int) and bool(flags & _WRITING))
            self._path("write" if writing else "read", path)
        elif event in _LISTS:
            self._path("list", args[0] if args[0] is not None else ".")
        elif event == "subprocess.Popen":
            self.note("start", _text(args[0] or (args[1][0] if args[1] else "")))
        elif event in _STARTS:
            self.note("start", _text(args[0] if args[0] != 0 else args[1]))
        elif event in ("socket.connect", "socket.sendto"):
            address = args[1]
            if isinstance(address, tuple):  # a text is a socket in the file system
                self.note("connect", f"{address[0]}:{address[1]}")
        else:
            self._change(event, args)

    def _change(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _CHANGES:
            place = _CHANGES[event]
            self._path("write", args[0], -1 if place is None else args[place])
        elif event in _PAIRS:
            source, target, *folders = args
            self._path("write", source, folders[0] if len(folders) > 1 else -1)
            self._path("write", target, folders[-1])
        elif event == "sqlite3.connect":
            self._path("write", args[0])

    def _path(self, what: str, path: Any, folder: int = -1) -> None:
        if isinstance(path, int):  # a file that is open already
            return
        named = _text(path)
        if folder >= 0:  # as shutil.rmtree removes what is in a folder
            try:
                named = str(Path(f"/proc/self/fd/{folder}").readlink() / named)
            except OSError:  # not on this system: the folder itself is noted when it is removed
                return
        # Symbolic links stay: the stage named the path like this.
        self.note(what, os.path.abspath(named))  # noqa: PTH100 - resolve() follows them


def _text(value: Any) -> str:
    try:
        return os.fsdecode(value)
    except TypeError:
        return str(value)


def main() -> None:
    """Put the hook in place and become the script."""
    record, script = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    sys.path[0] = str(Path(script).resolve().parent)
    recorder = Recorder(record)
    sys.addaudithook(recorder.hook)
    try:
        runpy.run_path(script, run_name="__main__")
    except BaseException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ModuleNotFoundError) and cause.name:
                # A room as a whole is missing, or one module of what is here.
                missing = Path(script).parent.joinpath(*cause.name.split(".")).as_posix()
                recorder.note("said", missing)
                recorder.note("said", f"{missing}.py")
            # The message may quote data; only what looks like a path leaves, and only what is
            # one of the repository is shown.
            with contextlib.suppress(Exception):
                for path in _PATH.findall(str(cause)):
                    recorder.note("said", path)
            cause = cause.__cause__ or cause.__context__
        raise


if __name__ == "__main__":
    main()

"""Programs of this environment, of which `dvc` and `quickstack` start without importing all anew.

Starting one takes one to two seconds of a processor, nearly all of it for imports, and tests start
hundreds. They are forked from a process that has imported all and done nothing: each still has a
process, a folder, an environment and an exit code of its own.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_FORKS = multiprocessing.get_context("forkserver") if os.name == "posix" else None
_MAIN = {"dvc": ("dvc.cli", "main"), "quickstack": ("quickstack.cli.main", "app")}
_PRELOADED = (
    "__main__", "boto3", "dvc.cli", "dvc.cli.parser", "dvc.repo.experiments",
    "dvc.repo.reproduce", "dvc_s3", "pandas", "pyarrow.parquet", "quickstack.cli.main", "s3fs",
)  # fmt: skip
if _FORKS:
    _FORKS.set_forkserver_preload(list(_PRELOADED))


def run(
    command: Sequence[str], cwd: Path, given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program with this environment's programs first on PATH; never raise by its code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, **environment}
    # What only an interpreter that starts looks at asks for one that starts.
    started = given is not None or any(name.startswith("PYTHON") for name in environment)
    if command[0] not in _MAIN or started or not _FORKS:
        return subprocess.run(
            command, cwd=cwd, env=variables, capture_output=True, text=True, check=False,
            input=given,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _FORKS.Process(target=_main, args=(tuple(command), cwd, variables, out, err))
        process.start()
        try:
            process.join()
        finally:
            process.kill()
        said = (path.read_text(encoding="utf-8") for path in (out, err))
        return subprocess.CompletedProcess(command, process.exitcode or 0, *said)


def _main(
    command: tuple[str, ...], cwd: Path, variables: Mapping[str, str], out: Path, err: Path
) -> NoReturn:
    """Be the program: in its folder, with its environment, its output in two files."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    for number, path in enumerate((Path(os.devnull), out, err)):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        os.dup2(os.open(path, flags), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    module, name = _MAIN[command[0]]
    sys.argv = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    code: object = 1
    try:
        main = getattr(importlib.import_module(module), name)
        code = main(sys.argv[1:]) if command[0] == "dvc" else main()
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))

"""Push and pull as DVC does, and whole also after one that was killed.

DVC 3.67 (dvc-data 3.18) notes on disk which objects a version consists of, output by output, and
the next command takes whatever is noted for the whole. After a push or pull that was killed
meanwhile, plain `dvc push` sends a part and succeeds. No setting of DVC changes that, so here the
note is dropped first, and afterwards the remotes are looked at.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

from quickstack.guard.verifying.stored_objects import put_back, sentences, unpushed
from quickstack.runtime.repository.killed_writes import works_here
from quickstack.runtime.repository.needed_objects import WORKSPACE


def forget_collected(root: Path) -> None:
    """Let DVC's next command collect anew which objects a version consists of.

    Raises
    ------
    QuickstackError
        Where another command of DVC is at work.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo, repo.lock:
            repo.drop_data_index()
    except LockError:
        raise works_here(root) from None


def transfer(root: Path, what: Literal["push", "pull"], arguments: list[str]) -> int:
    """Call `dvc push` or `dvc pull` with the same arguments, and return its exit code."""
    forget_collected(root)
    return subprocess.run([sys.executable, "-m", "dvc", what, *arguments], check=False).returncode


def lacking(root: Path, arguments: list[str]) -> tuple[int, list[str]]:
    """Look, after a push, whether the remotes hold what the workspace pins; put back what is here.

    Parameters
    ----------
    arguments
        Of the push. One of chosen targets is not looked at, one to a named remote only there.

    Returns
    -------
    int
        How many objects were put back, which DVC had left out.
    list of str
        One sentence for each output that a remote still lacks.
    """
    from dvc.cli import parse_args

    asked = parse_args(["push", *arguments])
    if asked.targets:
        return 0, []
    missing = unpushed(root, {WORKSPACE: "this state"}, asked.remote)
    still = list(put_back(root, missing))
    said = [sentence.rpartition("; ")[0] for sentence in sentences(still)]
    return len(missing) - len(still), said

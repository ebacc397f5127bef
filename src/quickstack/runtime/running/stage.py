"""Run a stage with its own parameters, and say in a sentence why it fails."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import quickstack
from quickstack.facts.errors import QuickstackError
from quickstack.facts.params import ComputeParams, Params, read_dataset, read_params
from quickstack.facts.paths import contract_path
from quickstack.runtime.running.messages import withheld, withheld_messages
from quickstack.runtime.running.previous_outputs import (
    Identity,
    clear_leftovers,
    keep_outputs,
    note_outputs,
    restore_outputs,
)
from quickstack.runtime.running.run_records import recorded

if TYPE_CHECKING:
    from quickstack.facts.contract import Contract


@dataclass(frozen=True)
class Stage:
    """What a stage is given: its name, the data set and how to read its parameters.

    Attributes
    ----------
    facts
        What its run record holds beside time and memory.
    """

    name: str
    dataset: str
    facts: dict[str, Any] = field(default_factory=dict)

    def params(self, section: type[Params]) -> Params:
        """Read the stage's own section of `params.yaml`."""
        return read_params(section)

    @property
    def compute(self) -> ComputeParams:
        """Where the work runs."""
        return read_params(ComputeParams)

    def contract(self) -> Contract:
        """Read the contract of the data set."""
        from quickstack.facts.contract import load_contract

        return load_contract(contract_path(self.dataset))

    def log(self, text: str, rows: int | None = None) -> None:
        """Write one line about a step that is done; the run record keeps how many rows it took."""
        if rows is not None:
            self.facts["rows"] = rows
        print(f"{self.name}: {text}", flush=True)


def run(name: str, work: Callable[[Stage], None]) -> None:
    """Run a stage as `python src/<name>.py` does, and exit with 1 or 2 where it fails.

    The message of an exception that is not Quickstack's own is withheld, because those of pandas,
    pyarrow and scikit-learn quote values of the data; `QUICKSTACK_TRACEBACK=1` shows it. So are
    those of their warnings, log records and threads.
    """
    before: dict[Path, Identity | None] = {}
    try:
        require_own_modules()
        clear_leftovers(name)
        before = note_outputs(name)
        with recorded(name) as facts:
            with withheld_messages(name):
                work(Stage(name, read_dataset(), facts))
            keep_outputs(name)
    except QuickstackError as error:
        _fail(name, before, error.sentence(), error.exit_code)
    except KeyboardInterrupt:
        _fail(name, before, "interrupted; nothing half-written is left", 130)
    except MemoryError:
        _fail(
            name,
            before,
            "there is not enough memory. To fix it: give it more, or fewer rows at a time",
            1,
        )
    except OSError as error:
        _fail(name, before, _operating_system(error), 1)
    except SystemExit as error:
        # `sys.exit(text)` prints its text.
        if error.code is None or isinstance(error.code, int):
            raise
        _fail(name, before, withheld(error), 1)
    except BaseException as error:  # of any package: a panic of Rust code is no Exception
        _fail(name, before, withheld(error), 1)


def require_own_modules() -> None:
    """Refuse to run code of another checkout than the one being worked in.

    With an editable install, an experiment in a temporary copy would import the library of the
    original workspace, and its result would belong to other code than its commit says.
    """
    here = Path.cwd().resolve()
    root = next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), None)
    if root is None:
        raise QuickstackError(
            "this is not a DVC repository",
            fix="run the stage in the root of a clone, by `dvc repro`",
        )
    source = Path(quickstack.__file__).resolve().parent
    if source != root / "src" / "quickstack":
        raise QuickstackError(
            "the library that was imported belongs to another checkout than this folder",
            fix="run the stage by its path, `python src/<stage>.py`, in the root of its checkout"
            + (", with PYTHONSAFEPATH unset" if sys.flags.safe_path else ""),
        )


def _operating_system(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOENT, errno.ENAMETOOLONG) and not _is_place(error.filename):
        return withheld(error)
    if error.errno == errno.ENOSPC:
        return f"no space is left on the disk{place}. To fix it: free some, and run it again"
    if isinstance(error, PermissionError):
        return f"no permission{place}. To fix it: make the file readable, the folder writable"
    if error.errno is None:
        return withheld(error)
    return f"{os.strerror(error.errno)}{place}"


def _is_place(name: object) -> bool:
    """Whether a name is one of this repository's, and no value that was taken for a file name."""
    return (
        isinstance(name, str) and len(Path(name).parts) > 1 and Path(Path(name).parts[0]).is_dir()
    )


def _fail(
    name: str, before: dict[Path, Identity | None], sentence: str, exit_code: int
) -> NoReturn:
    print(f"{name} stopped: {sentence}", file=sys.stderr, flush=True)
    lost = restore_outputs(name, before)
    if lost:
        print(f"{name}: to bring {', '.join(lost)} back, run `dvc repro`", file=sys.stderr)
    raise SystemExit(exit_code)

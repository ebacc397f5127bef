"""How far ingest is: a bar on a terminal, a line at every tenth in a log."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from quickstack.data.readers.partitions import find_partitions
from quickstack.facts.contract import Contract

#: A log gets its lines only for work of this size, in bytes.
_LARGE = 100 << 20


class Progress:
    """Shows rows, bytes, rate and time left.

    Parameters
    ----------
    log
        Writes one line where there is no terminal.
    """

    def __init__(self, contract: Contract, log: Callable[[str], None]) -> None:
        self._log = log
        tables = (*contract.tables, contract)
        self._total = sum(p.size for table in tables for p in find_partitions(table))
        self._rows = self._bytes = 0
        self._said = 0
        self._lock = threading.Lock()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and self._total:
            from rich import progress as bars
            from rich.console import Console

            self._bar = bars.Progress(
                bars.TextColumn("{task.fields[rows]:,} rows"),
                bars.BarColumn(),
                bars.DownloadColumn(),
                bars.TransferSpeedColumn(),
                bars.TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("ingest", total=self._total, rows=0)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, file: str, rows: int, size: int) -> None:  # noqa: ARG002 - a caller names it
        """Add the rows and bytes of a block; called from several threads."""
        with self._lock:
            self._rows += rows
            self._bytes += size
            if self._bar is not None:
                self._bar.update(self._task, completed=self._bytes, rows=self._rows)
            elif self._total > _LARGE:
                tenth = min(10 * self._bytes // self._total, 10)
                if tenth > self._said:
                    self._said = tenth
                    self._log(f"{tenth}0 % read, {self._rows:,} rows")

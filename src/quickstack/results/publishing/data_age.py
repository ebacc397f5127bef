"""When the data arrived, how old they are, and what the contract promises about both."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from quickstack.facts.contract import Contract
from quickstack.facts.paths import RAW

#: Where the time of arrival comes from, as people are told.
SOURCES = {
    "git": "the commit that names the raw data",
    "landing": "the record of the landing",
    "files": "the raw files' own time, which copying may change",
    "unknown": "nothing: no raw data are here",
}


@dataclass(frozen=True)
class DataArrival:
    """When the newest raw data arrived, UTC without zone, and which of `SOURCES` says so."""

    moment: datetime | None
    source: str


def newest_row(quality: Mapping[str, Any], contract: Contract) -> datetime | None:
    """Return the newest time in the data, UTC without zone; None without a time column."""
    if "newest" not in quality or contract.time_column is None:
        return None
    zone = ZoneInfo(contract.column(contract.time_column).clock_zone)
    return _naive(datetime.fromisoformat(quality["newest"]).replace(tzinfo=zone))


def span_text(span: timedelta) -> str:
    """Write a span of time in the unit that fits it."""
    seconds = span.total_seconds()
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if abs(seconds) >= 2 * size:
            return f"{round(seconds / size, 1):,g} {unit}"
    return f"{seconds:,.0f} seconds"


def arrival(root: Path, dataset: str) -> DataArrival:
    """Find out when the newest raw data of a data set arrived.

    The commit that last changed the `.dvc` pointer of the raw data comes first: it is the same in
    every clone. A shallow clone does not know it. Then the records of landings, then the times of
    the files, which a copy or a checkout may have changed.
    """
    folder = root / RAW / dataset
    sources = (("git", _committed), ("landing", _landed), ("files", _modified))
    for name, moments in sources:
        if found := list(moments(root, folder)):
            return DataArrival(max(found), name)
    return DataArrival(None, "unknown")


def _committed(root: Path, folder: Path) -> Iterator[datetime]:
    def asked(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    pointers = [folder.with_name(f"{folder.name}.dvc"), *folder.rglob("*.dvc")]
    known = [path.relative_to(root).as_posix() for path in pointers if path.is_file()]
    if known and asked("rev-parse", "--is-shallow-repository") == "false":
        moment = asked("log", "-1", "--format=%cI", "--", *known)
        if moment:
            yield _naive(datetime.fromisoformat(moment))


def _landed(_root: Path, folder: Path) -> Iterator[datetime]:
    for record in sorted(folder.glob("*.landing.json")):
        try:
            files = json.loads(record.read_text(encoding="utf-8"))["files"]
            yield from (_naive(datetime.fromisoformat(file["landed_at"])) for file in files)
        except (ValueError, KeyError, TypeError):
            continue  # no record after all: the next source is asked


def _modified(_root: Path, folder: Path) -> Iterator[datetime]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".dvc" and path.name != ".gitignore":
            yield _naive(datetime.fromtimestamp(int(path.stat().st_mtime), UTC))


def _naive(moment: datetime) -> datetime:
    """Return a time in UTC without its zone, as the tables write it."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def hours(span: timedelta | None) -> float | None:
    """Return a span of time in hours, to the minute's precision."""
    return None if span is None else round(span / timedelta(hours=1), 2)


@dataclass(frozen=True)
class Freshness:
    """How old the data are at publishing, beside what was promised.

    Attributes
    ----------
    age
        From the newest row to publishing; None without a time column. Negative where rows lie in
        the future.
    kept
        Whether `age` keeps the promise; None without one.
    lead
        From arrival to publishing; None where it is not known, or the clock went back.
    lead_kept
        Whether `lead` keeps the promise to publish; None without one.
    """

    promise: timedelta | None
    age: timedelta | None
    kept: bool | None
    lead_promise: timedelta | None
    lead: timedelta | None
    lead_kept: bool | None

    def document(self) -> dict[str, float | bool | None]:
        """Return it in hours, for the page and the manifest."""
        return {
            "promise_hours": hours(self.promise),
            "age_hours": hours(self.age),
            "kept": self.kept,
            "lead_hours": hours(self.lead),
            "lead_promise_hours": hours(self.lead_promise),
            "lead_kept": self.lead_kept,
        }


def freshness(
    published: datetime,
    newest_row: datetime | None,
    arrived: datetime | None,
    promise: timedelta | None,
    publish_promise: timedelta | None,
) -> Freshness:
    """Compare the times of a run with the service levels; all times are UTC without zone."""
    age = None if newest_row is None else published - _naive(newest_row)
    lead = None if arrived is None or arrived > published else published - arrived
    return Freshness(
        promise,
        age,
        None if promise is None or age is None else age <= promise,
        publish_promise,
        lead,
        None if publish_promise is None or lead is None else lead <= publish_promise,
    )

"""`quickstack freshness`: whether the newest data are as new as the contract promises."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

#: Units as contracts write them, in days.
_DAYS = {"h": 1 / 24, "d": 1, "w": 7, "m": 30.44, "y": 365.25}


def freshness() -> None:
    """Compare the newest row with the contract's service level; exit with 1 where it is older.

    The stages never look at a clock, so that one commit has one result; this command does, for
    a schedule to call it.
    """
    from quickstack import paths
    from quickstack.cli.repository import find_root
    from quickstack.contract import load_contract
    from quickstack.errors import DataError
    from quickstack.sources.documents import read_json

    root = find_root()
    quality = read_json(root / paths.QUALITY)
    place = paths.contract_path(quality["dataset"])
    contract = load_contract(root / place)
    limit = age_limit(contract.service_levels.get("freshness", ""))
    if limit is None or "newest" not in quality:
        raise DataError(
            "there is no freshness to check",
            where=place.as_posix(),
            fix="name a timeColumn, and in slaProperties a freshness with its unit, such as 35 d",
        )
    age = datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(quality["newest"])
    sentence = (
        f"{quality['dataset']}: the newest row is {age.days:,} days old, and the contract allows "
        f"{limit / timedelta(days=1):g}"
    )
    if age > limit:
        raise DataError(sentence, fix="bring newer data in, and run `dvc repro`")
    typer.echo(sentence)


def age_limit(text: str) -> timedelta | None:
    """Return the age that a service level allows; None where it says none.

    Parameters
    ----------
    text
        A number and a unit: hours, days, weeks, months or years, also by their first letter.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([hdwmy])[a-z]*\s*", text.lower())
    return timedelta(days=float(found[1]) * _DAYS[found[2]]) if found else None

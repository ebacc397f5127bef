"""`quickstack freshness`: whether the newest data are as new as the contract promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import typer


def freshness() -> None:
    """Check that the newest row is as new as the contract promises.

    Exits with 1 when it is older. Call it from a schedule: stages never read the clock, so that
    one commit has one result.
    """
    from quickstack.cli.repository import find_root
    from quickstack.facts import paths
    from quickstack.facts.contract import load_contract
    from quickstack.facts.errors import DataError
    from quickstack.facts.files import read_json
    from quickstack.results.publishing.data_age import age_limit

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

"""`quickstack freshness`: whether the newest data are as new as the contract promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import typer

#: By so much two clocks may differ.
_SKEW = timedelta(minutes=5)


def freshness() -> None:
    """Check that the newest row is as new as the contract promises.

    Exits with 1 when it is older. Call it from a schedule: stages never read the clock, so that
    one commit has one result.
    """
    from quickstack.cli.repository import find_root
    from quickstack.facts import paths
    from quickstack.facts.contract import load_contract
    from quickstack.facts.contract.service_levels import age_limit
    from quickstack.facts.errors import DataError
    from quickstack.facts.files import read_json
    from quickstack.results.publishing.data_age import newest_row, span_text

    root = find_root()
    quality = read_json(root / paths.QUALITY)
    place = paths.contract_path(quality["dataset"])
    contract = load_contract(root / place)
    limit = age_limit(contract.service_levels.get("freshness", ""))
    newest = newest_row(quality, contract)
    if limit is None or newest is None:
        raise DataError(
            "there is no freshness to check",
            where=place.as_posix(),
            fix="name a timeColumn, and in slaProperties a freshness with its unit, such as 35 d",
        )
    age = datetime.now(UTC).replace(tzinfo=None) - newest
    column = contract.column(contract.time_column or "")
    # A date begins up to 14 hours earlier than in UTC.
    if age < (timedelta(hours=-14) if column.type == "date" else -_SKEW):
        raise DataError(
            f"{quality['dataset']}: the newest row lies {span_text(-age)} in the future, so its "
            "age is not known",
            where=place.as_posix(),
            fix=f"correct the times, or name the zone of '{column.name}' as `defaultTimezone` in "
            "its logicalTypeOptions",
        )
    sentence = (
        f"{quality['dataset']}: the newest row is {span_text(max(age, timedelta()))} old, and the "
        f"contract allows {span_text(limit)}"
    )
    if age > limit:
        raise DataError(sentence, fix="bring newer data in, and run `dvc repro`")
    typer.echo(sentence)

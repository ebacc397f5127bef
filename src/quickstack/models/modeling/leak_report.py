"""What makes a data set's model look too good, and what its contract answers to that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from quickstack.facts.contract.model import Contract
from quickstack.facts.errors import DataError
from quickstack.facts.paths import contract_path
from quickstack.facts.yaml_lines import LinedDocument
from quickstack.models.modeling.features import NAMES_THINGS, Feature, feature_frame
from quickstack.models.modeling.leaks import Suspicion, find_leaks
from quickstack.models.modeling.overlap import equal_rows, shared_things
from quickstack.models.modeling.split import TEST, TRAIN

if TYPE_CHECKING:
    import pandas as pd


def leak_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns that are looked at beside inputs: dates, and names of things."""
    return (*_dates(contract), *_things(contract))


def look_for_leaks(
    table: pd.DataFrame, labels: pd.Categorical, contract: Contract, inputs: Iterable[Feature]
) -> list[Suspicion]:
    """Look at the columns, at equal rows, and at things on both sides of the split.

    Parameters
    ----------
    table
        All rows with the inputs, the target, the split's columns and `leak_columns`.
    labels
        As `split.split_labels` gives them.
    inputs
        What the model will learn from.

    Returns
    -------
    list of Suspicion
        One at most for each column, and one for equal rows. What the contract answers by
        `knownAt` is `answered`, also where nothing looks like a leak.
    """
    inputs = tuple(inputs)
    names = [feature.name for feature in inputs]
    target = contract.target
    found = find_leaks(
        table.loc[labels != TEST],
        target,
        contract.task,
        [*names, *_dates(contract)],
        time=contract.time_column,
        descriptions={column.name: column.description for column in contract.columns},
    )
    frame = feature_frame(table, inputs).assign(**{target: table[target].to_numpy()})
    train, test = labels == TRAIN, labels == TEST
    found += equal_rows(frame[train], frame[test])
    things = table[list(_things(contract))]
    found += shared_things(things[train], things[test])
    return _answered(found, contract)


def report(found: Iterable[Suspicion]) -> list[dict[str, Any]]:
    """Return suspicions as `reports/leaks.json` holds them."""
    return [asdict(each) for each in found]


def told(found: Iterable[Suspicion], unused: dict[str, str]) -> list[str]:
    """Return what the terminal says: what is no input and why, and what is asked."""
    lines = [f"'{name}' is not used: {why}" for name, why in unused.items()]
    for each in found:
        if each.verdict == "asked":
            about = f"'{each.column}': " if each.column else ""
            lines.append(f"please decide: {about}{each.evidence}. To answer: {each.fix}")
    return lines


def require_answers(found: Iterable[Suspicion], contract: Contract) -> None:
    """Refuse to train on columns that are suspected.

    Raises
    ------
    DataError
        Names every such column, its line in the contract and the two answers.
    """
    suspected = [each for each in found if each.verdict == "suspected"]
    if not suspected:
        return
    path = contract_path(contract.id)
    lines = _lines(contract)
    listed = "".join(
        f"\n  {path.as_posix()}{lines.get(each.column or '', '')}: '{each.column}': "
        f"{each.evidence}. To fix it: {each.fix}."
        for each in suspected
    )
    what = "a column seems" if len(suspected) == 1 else f"{len(suspected)} columns seem"
    raise DataError(f"{what} to know the target, and nothing was trained:{listed}\n")


def _answered(found: list[Suspicion], contract: Contract) -> list[Suspicion]:
    reasons = {c.name: c.known_before for c in contract.columns if c.known_before}
    answered = []
    for each in found:
        reason = reasons.pop(each.column or "", "")
        if each.kind == "rows" and contract.group is not None:
            reason = f"rows repeat within '{contract.group}'"
        answer = f"{each.evidence}; the contract answers: {reason}"
        answered.append(
            replace(each, verdict="answered", evidence=answer, fix="") if reason else each
        )
    for name, reason in reasons.items():
        evidence = f"nothing is suspected; the contract answers: {reason}"
        answered.append(Suspicion(name, "declared", "answered", evidence, ""))
    return answered


def _dates(contract: Contract) -> tuple[str, ...]:
    return tuple(
        column.name
        for column in contract.interim_columns
        if column.interim_type in ("date", "timestamp")
        and column.name not in (contract.time_column, contract.target)
        and column.feature is not False
        and not column.leaks_target
        and column.personal is None
    )


def _things(contract: Contract) -> tuple[str, ...]:
    """Return the columns that may name things; none of the key but the one that rows belong to.

    None where the contract names the group, or parts rows by time: later rows of known things.
    """
    split = contract.split
    if contract.group is not None or (split.share is None and split.where is None):
        return ()
    return tuple(
        column.name
        for column in contract.interim_columns
        if column.name == contract.entity
        or (column.key_position is None and column.name != contract.target and _names(column))
    )


def _names(column: Any) -> bool:
    text = column.interim_type == "string" and not column.allowed
    named = NAMES_THINGS.search(column.name) is not None
    return column.personal == "pseudonym" or (named and (text or column.type == "integer"))


def _lines(contract: Contract) -> dict[str, str]:
    """Return where each column stands in the contract's file, as `:57`."""
    try:
        document = LinedDocument(contract_path(contract.id).read_text(encoding="utf-8"))
    except OSError:
        return {}
    return {
        column.name: f":{document.line(('schema', 0, 'properties', index))}"
        for index, column in enumerate(contract.columns)
    }

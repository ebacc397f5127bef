"""Compare the names that a source gives its columns with the contract's."""

from __future__ import annotations

from collections import Counter

from quickstack.facts.contract import Contract
from quickstack.facts.errors import SourceError

#: So many names stand in a sentence.
_SHOWN = 10


def check_header(
    header: list[str],
    contract: Contract,
    where: str,
    delimiter: str | None = None,
    *,
    any_names: bool = False,
) -> None:
    """Refuse a header that differs from the contract, apart from the order of its names.

    Parameters
    ----------
    where
        The location of the header, as messages name it.
    delimiter
        What its cells were split at, for delimited text.
    any_names
        Whether it may hold other names, each once: that of an earlier version of the file.

    Raises
    ------
    SourceError
        Names are quoted only where most of them are the contract's: otherwise the first line may
        be data.
    """
    if not any_names:
        _require_names(header, {column.name for column in contract.columns}, where, delimiter)
    if twice := sorted(name for name, times in Counter(header).items() if times > 1):
        raise SourceError(
            f"the header names {_names(twice)} more than once", where=where, fix="rename one"
        )


def _require_names(header: list[str], wanted: set[str], where: str, delimiter: str | None) -> None:
    found = set(header)
    missing, unknown = sorted(wanted - found), sorted(found - wanted)
    if 2 * len(found & wanted) < len(wanted):
        split = f" ({len(header)} cells, split at {delimiter!r})" if delimiter else ""
        raise SourceError(
            f"the first line holds {len(found & wanted)} of the contract's {len(wanted)} column "
            f"names{split}",
            where=where,
            fix="correct the delimiter in the contract, or deliver the file with a header"
            if delimiter
            else "correct the names in the contract, or deliver the file with them",
        )
    if missing:
        raise SourceError(
            f"the file does not have {_names(missing)}, which the contract names",
            where=where,
            fix="deliver the column, or take it out of the contract",
        )
    if nameless := [i for i, name in enumerate(header, start=1) if not name.strip()]:
        raise SourceError(
            f"column {nameless[0]} of {len(header)} has no name",
            where=where,
            fix="name it, and describe it in the contract, or leave it out",
        )
    if unknown:
        raise SourceError(
            f"the file holds {_names(unknown)}, which the contract does not name",
            where=where,
            fix="describe the column in the contract (it may be personal), or leave it out",
        )


def _names(names: list[str]) -> str:
    kind = "column" if len(names) == 1 else "columns"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{kind} {', '.join(names[:_SHOWN])}{more}"

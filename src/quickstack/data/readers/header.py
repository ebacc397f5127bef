"""Compare the names that a source gives its columns with the contract's."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from quickstack.facts.contract import Contract
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import formats_of

#: So many names stand in a sentence.
_SHOWN = 10


def check_header(
    header: list[str],
    contract: Contract,
    where: str,
    delimiter: str | None = None,
    *,
    any_names: bool = False,
    folders: Iterable[tuple[str, str]] = (),
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
    folders
        The (column, value) that the names of its folders hold.

    Raises
    ------
    SourceError
        Names are quoted only where most of them are the contract's: otherwise the first line may
        be data.
    """
    if again := [name for name, _ in folders if name in header]:
        raise SourceError(
            f"the file holds column {again[0]}, and the name of its folder does, too",
            where=where,
            fix="take it out of the file, or name the folder otherwise",
        )
    if not any_names:
        names = {column.name for column in contract.columns}
        skips = contract.source.format in formats_of("skipLines")
        hint = ", or say in `skipLines` how many lines stand before the header" if skips else ""
        _require_names(header, names, where, delimiter, hint)
    if twice := sorted(name for name, times in Counter(header).items() if times > 1):
        raise SourceError(
            f"the header names {_names(twice)} more than once", where=where, fix="rename one"
        )


def _require_names(
    header: list[str], wanted: set[str], where: str, delimiter: str | None, hint: str
) -> None:
    found = set(header)
    missing, unknown = sorted(wanted - found), sorted(found - wanted)
    alike = [(name, other) for name in missing for other in unknown if _bare(name) == _bare(other)]
    if 2 * (len(found & wanted) + len(alike)) < len(wanted):
        split = f" ({len(header)} cells, split at {delimiter!r})" if delimiter else ""
        raise SourceError(
            f"the first line holds {len(found & wanted)} of the contract's {len(wanted)} column "
            f"names{split}",
            where=where,
            fix=(
                "correct the delimiter in the contract, deliver the file with a header, or write "
                "`header: false` in the contract"
                if delimiter
                else "correct the names in the contract, or deliver the file with them"
            )
            + hint,
        )
    if alike:
        name, other = alike[0]
        more = f" ({len(alike)} names differ so)" if len(alike) > 1 else ""
        raise SourceError(
            f"the file's name of column {name} differs from the contract's in "
            f"{_difference(name, other)}{more}",
            where=where,
            fix=f"write the same name in both; the contract's is {name!r}, the file's {other!r}",
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


def _visible(name: str) -> str:
    """Return a name without letters that cannot be seen, such as a zero-width blank."""
    kept = (x for x in name if unicodedata.category(x) not in ("Cc", "Cf") or x in "\t\r\n")
    return unicodedata.normalize("NFC", "".join(kept))


def _bare(name: str) -> str:
    """Return what is left of a name when case, blanks and invisible letters do not count."""
    plain = unicodedata.normalize("NFKC", _visible(name))
    return re.sub(r"[\s_-]+", "", plain).casefold()


def _difference(one: str, other: str) -> str:
    """Say in which way two names of equal `_bare` differ."""
    if one.casefold() == other.casefold():
        return "upper and lower case"
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return "how letters and their accents are put together (NFC or NFD of Unicode)"
    if _visible(one) == _visible(other):
        odd = sorted(f"U+{ord(x):04X}" for x in {*one} ^ {*other})
        return f"letters that cannot be seen ({', '.join(odd)})"
    if "".join(one.split()) == "".join(other.split()):
        return "blanks"
    return "case, blanks, lines or invisible letters"


def require_no_header(cells: Iterable[str], names: Sequence[str], where: str) -> None:
    """Refuse a first row that names columns, of a file whose contract says `header: false`.

    Raises
    ------
    SourceError
        Where at least half of the names stand there.
    """
    if 2 * len({_bare(str(cell)) for cell in cells} & {*map(_bare, names)}) >= len(names):
        raise SourceError(
            "the first line names the columns, and the contract says `header: false`",
            where=where,
            fix="take `header` out of the contract, or the line out of the file",
        )


def _names(names: list[str]) -> str:
    kind = "column" if len(names) == 1 else "columns"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{kind} {', '.join(names[:_SHOWN])}{more}"

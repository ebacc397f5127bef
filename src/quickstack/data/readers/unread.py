"""What lies beside the files that are read: none is left out without a word."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Contract
from quickstack.facts.formats import FORMATS, PACKINGS, is_left_over
from quickstack.facts.notices import Notice
from quickstack.facts.paths import RAW

#: So many names stand in a sentence.
_SHOWN = 3
#: Texts about a table, whose names end as tables' do.
_ABOUT = ("readme", "license", "licence", "notice", "changelog", "copying", "codebook")


def beside(contract: Contract, partitions: Sequence[Partition]) -> list[Notice]:
    """Return what lies beside the files of one table: owner files, and values in folder names."""
    found = []
    for folder in sorted({p.path.parent for p in partitions if p.url is None}):
        found += [
            Notice(
                "open-workbook",
                path.as_posix(),
                "a program has a workbook of this folder open; what it did not save is not read",
            )
            for path in sorted(folder.glob("~$*"))
        ]
    known = {column.name for column in contract.columns}
    names = dict.fromkeys(k for p in partitions for k, _ in p.values if k not in known)
    if names:
        found.append(
            Notice(
                "folder-values",
                contract.source.path,
                f"the names of folders hold values of {', '.join(names)}, which are not read; "
                "describe such a column in the contract, and it is",
            )
        )
    return found


def copies(
    contract: Contract, partitions: Sequence[Partition], content: Callable[[Partition], str]
) -> Iterator[Notice]:
    """Yield the files of a table whose bytes are those of another: their rows count twice.

    Those in folders that give their rows different values are no copies.

    Parameters
    ----------
    content
        Gives a digest of the bytes of a file.
    """
    known = {column.name for column in contract.columns}
    alike: dict[object, list[Partition]] = defaultdict(list)
    for partition in partitions:
        values = tuple(value for name, value in partition.values if name in known)
        digest = f"{partition.etag} {partition.size}" if partition.url else content(partition)
        alike[digest, values].append(partition)
    for first, *others in alike.values():
        for other in others:
            sentence = f"its bytes are those of {first.shown}, so that each row counts again"
            yield Notice("copy", other.shown, f"{sentence}; remove one where that is not meant")


def unmatched(tables: Iterable[Contract], read: set[Path], dataset: str) -> list[Notice]:
    """Return the files of a data set's folder that look like a table's, and are of none.

    Parameters
    ----------
    tables
        All tables of the contract.
    read
        The files that are read.
    """
    folder = RAW / dataset
    endings = {e for t in tables for e in FORMATS[t.source.format].endings}
    packed = {e for entry in PACKINGS.values() for e in entry.endings}
    left = [
        path.relative_to(folder).as_posix()
        for path in _files(folder)
        if path not in read and _is_table(path.name.lower(), endings, packed)
    ]
    if not left:
        return []
    more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    sentence = f"files that no path of the contract names are not read: {', '.join(left[:_SHOWN])}"
    return [Notice("unread-file", folder.as_posix(), sentence + more)]


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def _is_table(name: str, endings: set[str], packed: set[str]) -> bool:
    path = PurePosixPath(name)
    if path.suffix in packed and path.stem != name:
        path = PurePosixPath(path.stem)
        if not path.suffix:
            return True
    about = path.name.startswith(_ABOUT)
    return path.suffix in endings and not about and not is_left_over(name)

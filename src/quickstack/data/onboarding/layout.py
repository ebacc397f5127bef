"""How files are laid out that no contract describes: format, encoding, dialect, and names.

Only the dialect follows from a sample. The names are those of the whole data set.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quickstack.data.readers.partitions import Partition, folder_values
from quickstack.data.readers.sniffing import check_type
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import Column, Contract, Source, Split
from quickstack.facts.errors import DataError, SourceError
from quickstack.facts.formats import FORMATS, PACKINGS, is_left_over

#: Bytes and rows that the dialect follows from.
_HEAD, _ROWS = 1 << 18, 200
_DELIMITERS = (",", ";", "\t", "|", "\x1f", "\x01", "^", "~")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NUMBER = re.compile(r"\s*[+-]?[0-9][0-9.,' ]*([eE][+-]?[0-9]+)?%?\s*")


@dataclass(frozen=True)
class TableLayout:
    """What is known of the files before a row is read.

    Attributes
    ----------
    source
        As the contract will say it, but for what the values tell: numbers and missing values.
    names
        Of the columns, in the order of the contract.
    notes
        What was guessed, by setting of the source.
    """

    source: Source
    names: tuple[str, ...]
    partitions: tuple[Partition, ...]
    notes: dict[str, str] = field(default_factory=dict)


def find_files(path: Path) -> list[Path]:
    """Return the files of a table: one, or those of a folder and the folders in it.

    Raises
    ------
    SourceError
        Where there is none, or they are of several kinds.
    """
    if not path.exists():
        raise SourceError(
            "there is no such file or folder",
            where=path.as_posix(),
            fix="name a file, or a folder of files with the same columns",
        )
    if path.is_file():
        return [path]
    inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not _no_data(p, path)]
    kinds = Counter(file_ending(p) for p in inside)
    named = {e: n for e, n in kinds.items() if format_of_ending(e)} or dict(kinds)
    if not named:
        raise SourceError(
            "the folder holds no file",
            where=path.as_posix(),
            fix="put the files of one table into it",
        )
    if len(named) > 1:
        listed = " and ".join(f"{n} {e or 'without an ending'}" for e, n in sorted(named.items()))
        raise SourceError(
            f"the folder holds files of several kinds: {listed}",
            where=path.as_posix(),
            fix="name one file, or a folder of one kind",
        )
    return [p for p in inside if file_ending(p) in named]


def _no_data(path: Path, root: Path) -> bool:
    inner = path.relative_to(root)
    hidden = any(part.startswith(".") for part in inner.parts)
    return hidden or path.suffix == ".dvc" or is_left_over(inner.as_posix())


def file_ending(path: Path) -> str:
    """Return how a file's name ends, by format and packing: `.csv.gz`."""
    *_, before, last = ["", "", *path.suffixes]
    packed = any(last.lower() in entry.endings for entry in PACKINGS.values())
    return before + last if packed and format_of_ending(before) else last


def format_of_ending(ending: str) -> str | None:
    """Return the format that an ending names, with or without that of a packing."""
    parts = [f".{part}" for part in ending.lower().split(".")[1:]]
    return next((e.name for e in FORMATS.values() if parts and parts[0] in e.endings), None)


def pattern_of(files: Sequence[Path], folder: str) -> str:
    """Return the contract's path: equal for one file and for many."""
    deep = "**/" if any(len(p.parts) > 1 for p in files) else ""
    return f"{folder}/{deep}*{file_ending(files[0])}"


def find_layout(files: Sequence[Path], root: Path) -> TableLayout:
    """Look at the first file, and at the names of all.

    Parameters
    ----------
    root
        The folder that the files lie in; names of folders below it may hold values.

    Raises
    ------
    SourceError, DataError
        Where a file cannot be read, is empty, or files have different columns.
    """
    partitions = [
        Partition(p, p.stem, size=p.stat().st_size,
                  values=folder_values(p.relative_to(root).as_posix()))
        for p in files
    ]  # fmt: skip
    first = _of_file(partitions[0])
    for other in partitions[1:]:
        _require_same(first, other)
    if first.source.format == "jsonl":
        first = replace(first, names=_json_names(partitions))
    folders = dict.fromkeys(k for p in partitions for k, _ in p.values)
    names = (*first.names, *(k for k in folders if k not in first.names))
    folded = Counter(name.casefold() for name in names)
    if twice := [name for name in names if folded[name.casefold()] > 1]:
        raise DataError(
            f"columns {twice[0]} and {twice[1]} differ at most in case",
            where=partitions[0].shown,
            fix="rename one",
        )
    if len(names) < 2:
        raise DataError(
            "the file holds one column: nothing is left to predict it from",
            where=partitions[0].shown,
            fix="deliver a table of at least two columns, parted by a comma, a semicolon or a tab",
        )
    return replace(first, names=names, partitions=tuple(partitions))


def _require_same(first: TableLayout, partition: Partition) -> None:
    """Refuse a file of other columns or another dialect."""
    if first.source.format not in ("csv", "parquet"):
        return  # their reader says so
    other = _of_file(partition)
    if not set(other.names) ^ set(first.names):
        return
    here, there = (
        sorted(set(other.names) - set(first.names)),
        sorted(set(first.names) - set(other.names)),
    )
    what = [
        f"has {', '.join(here[:5])}" if here else "",
        f"lacks {', '.join(there[:5])}" if there else "",
    ]
    raise DataError(
        f"the file {' and '.join(filter(None, what))}, unlike {first.partitions[0].shown}",
        where=partition.shown,
        fix="files of one table have the same columns: add an empty one where it is missing, "
        "or describe them as two tables",
    )


def text_contract(layout: TableLayout) -> Contract:
    """Return a contract that reads every column as text."""
    columns = tuple(Column(name, "string") for name in layout.names)
    return Contract("", "", "", "", "", layout.source, columns, "binary", "", Split(share=0.5))


def _of_file(partition: Partition) -> TableLayout:
    with open_partition(partition) as stream:
        head = stream.read(_HEAD)
    if not head.strip(b"\xef\xbb\xbf \r\n\t"):
        raise SourceError("the file is empty", where=partition.shown, fix="deliver it again")
    kind = _format(partition.path, head)
    if kind == "parquet":
        return _parquet(partition)
    if kind == "excel":
        return _workbook(partition)
    check_type(head, FORMATS[kind], partition.shown, b"\x1f\x01")
    encoding, sure = _encoding(partition, head)
    notes = {} if sure else {"encoding": "guessed: the bytes are no UTF-8"}
    if kind == "jsonl":
        return TableLayout(Source("", "jsonl", encoding=encoding), (), (partition,), notes)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    return _delimited(text.removeprefix("\ufeff"), encoding, partition, notes)


def _format(path: Path, head: bytes) -> str:
    plain = head.removeprefix(b"\xef\xbb\xbf")
    for name in ("parquet", "excel"):
        if any(s.pattern.match(plain) for s in FORMATS[name].signatures):
            return name
    if any(s.pattern.match(plain) for s in FORMATS["jsonl"].signatures):
        return "jsonl"
    named = format_of_ending(file_ending(path))
    return named if named in ("jsonl",) else "csv"


def _encoding(partition: Partition, head: bytes) -> tuple[str, bool]:
    """Return the encoding, and whether that is sure: UTF-8 of all bytes, or by a mark."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, True
    zeros = head[:2000].count(0)
    if zeros > len(head[:2000]) / 4:
        return ("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"), True
    decoder = codecs.getincrementaldecoder("utf-8")()
    odd = bytearray()
    with open_partition(partition) as stream:
        try:
            while chunk := stream.read(1 << 20):
                odd = bytearray(chunk)
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            upper = set(range(0x80, 0xA0)) & set(odd)
            return ("windows-1252" if upper else "iso-8859-1"), False
    return "utf-8", True


def _records(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(
            io.StringIO(text, newline=""),
            delimiter=delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )
    except csv.Error:
        return


def _delimited(
    text: str, encoding: str, partition: Partition, notes: dict[str, str]
) -> TableLayout:
    """Choose what parts the text into most rows of one width, and find its header."""
    csv.field_size_limit(1 << 24)
    whole = text if len(text) < _HEAD // 4 else text[: text.rfind("\n") + 1 or None]
    whole = whole if "\n" in whole else whole.replace("\r", "\n")
    comment = (
        "#"
        if re.match(r"(#.*\n)+[^#]", whole) and not whole.startswith(("#,", "#;", "#\t"))
        else None
    )
    body = re.sub(r"(?m)^#.*\n", "", whole) if comment else whole
    best: tuple[tuple[float, int, int], str, str, list[list[str]]] | None = None
    for order, delimiter in enumerate(_DELIMITERS):
        for quote in ('"', "'"):
            if quote == "'" and f"{delimiter}'" not in body:
                continue
            rows = [r for r, _ in zip(_records(body, delimiter, quote), range(_ROWS), strict=False)]
            wide = [len(row) for row in rows if len(row) > 1]
            if not wide:
                continue
            width, times = max(Counter(wide).items(), key=lambda item: (item[1], item[0]))
            share = times / max(1, sum(1 for row in rows if row))
            better = (round(share, 1), width if share > 0.7 else 0, -order - (quote == "'"))
            if best is None or better > best[0]:
                best = (better, delimiter, quote, rows)
    if best is None:
        name = body.splitlines()[0].strip() if body.strip() else ""
        return TableLayout(Source("", encoding=encoding), (name,), (partition,), notes)
    (_, delimiter, quote, rows) = best
    source = Source(
        "",
        "csv",
        delimiter,
        encoding,
        quote,
        comment=comment,
        skip_initial_space=_spaced(rows, delimiter),
    )
    if re.search(r'[^\\]\\"', body) and '""' not in body:
        source = replace(source, escape="\\")
    if source.skip_initial_space:
        rows = [[cell.lstrip() for cell in row] for row in rows]
    return _headed(source, rows, partition, notes)


def _spaced(rows: list[list[str]], delimiter: str) -> bool:
    cells = [cell for row in rows for cell in row[1:] if cell.strip()]
    return delimiter != " " and bool(cells) and all(cell.startswith(" ") for cell in cells)


def _headed(
    source: Source, rows: list[list[str]], partition: Partition, notes: dict[str, str]
) -> TableLayout:
    """Find the row that names the columns: the first one as wide as most."""
    widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    width = max(widths.items(), key=lambda item: (item[1], item[0]))[0]
    first = next(i for i, row in enumerate(rows) if len(row) == width and _full(row))
    names, body = rows[first], [r for r in rows[first + 1 :] if len(r) == width]
    if len(names) > 1 and not names[-1] and all(not r[-1] for r in body):
        names, body = names[:-1], [r[:-1] for r in body]
    if first:
        notes = {**notes, "skipLines": f"{first} lines stand above the names"}
        source = replace(source, skip_lines=first)
    if not _is_header(names, body):
        notes = {**notes, "header": "no line names the columns: rename them here"}
        numbered = tuple(f"column_{i}" for i in range(1, len(names) + 1))
        return TableLayout(replace(source, header=False), numbered, (partition,), notes)
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        notes = {**notes, "header": "its line leaves a column without a name of its own"}
        source = replace(source, header=False, skip_lines=source.skip_lines + 1)
        names = _named_apart(names)
    if not body:
        raise SourceError(
            "the file holds a header and no row",
            where=partition.shown,
            fix="deliver it with its rows",
        )
    return TableLayout(source, tuple(names), (partition,), notes)


def _full(row: list[str]) -> bool:
    return sum(1 for cell in row if cell.strip()) * 2 > len(row)


def _named_apart(names: list[str]) -> list[str]:
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        new = name.strip() or f"column_{number}"
        found.append(new if new not in found else f"{new}_{number}")
    return found


def _is_header(names: list[str], body: list[list[str]]) -> bool:
    """Whether a first row names columns: where the others hold numbers, it holds none."""
    columns = list(zip(*body, strict=True))[: len(names)]
    numeric = [i for i, cells in enumerate(columns)
               if any(c.strip() for c in cells)
               and all(_NUMBER.fullmatch(c) for c in cells if c.strip())]  # fmt: skip
    alike = [names[i].strip() for i in numeric if _NUMBER.fullmatch(names[i])]
    years = [int(name) for name in alike if re.fullmatch(r"(19|20)[0-9]{2}", name)]
    if alike and len(years) == len(alike) and len(set(years)) == len(years) > 1:
        return True
    return not alike or len(alike) * 2 < len(numeric)


def _parquet(partition: Partition) -> TableLayout:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(partition.path).names
    except (pa.ArrowException, OSError):
        raise SourceError(
            "this is not a whole Parquet file", where=partition.shown, fix="deliver it again"
        ) from None
    return TableLayout(Source("", "parquet"), tuple(names), (partition,))


def _workbook(partition: Partition) -> TableLayout:
    """Take the visible sheet with most rows; the first full row names the columns."""
    import python_calamine as calamine

    from quickstack.data.readers.workbook import require_harmless

    with open_partition(partition) as stream:
        data = stream.read()
    require_harmless(data, partition.shown)
    try:
        book = calamine.load_workbook(io.BytesIO(data))
        sheets = [s.name for s in book.sheets_metadata
                  if s.visible == calamine.SheetVisibleEnum.Visible
                  and s.typ == calamine.SheetTypeEnum.WorkSheet]  # fmt: skip
        tables = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                  for name in sheets}  # fmt: skip
    except Exception:  # whatever the reader says of a cell, it may quote it
        raise SourceError("the workbook is locked or damaged", where=partition.shown,
                          fix="save it again, without a password") from None  # fmt: skip
    filled = {
        name: rows for name, rows in tables.items() if any(any(c != "" for c in r) for r in rows)
    }
    if not filled:
        raise SourceError("the file is empty", where=partition.shown, fix="deliver it again")
    name = max(filled, key=lambda n: len(filled[n]))
    notes = {}
    source = Source("", "excel")
    if len(filled) > 1:
        source = replace(source, sheet=name)
        notes["sheet"] = f"the longest of {len(filled)} sheets"
    rows = [[_written(cell) for cell in row] for row in filled[name][:_ROWS]]
    width = max(len([c for c in row if c.strip()]) for row in rows)
    return (
        _headed(source, [row[: _last(rows)] for row in rows], partition, notes)
        if width
        else TableLayout(source, (), (partition,))
    )


def _last(rows: list[list[str]]) -> int:
    return max((i + 1 for row in rows for i, cell in enumerate(row) if cell.strip()), default=0)


def _written(cell: Any) -> str:
    return str(cell) if cell is not None else ""


def _json_names(partitions: Sequence[Partition]) -> tuple[str, ...]:
    """Return the keys of all lines, in their usual order."""
    places: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for partition in partitions:
        with open_partition(partition) as stream:
            for line in stream:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    times.update(entry.keys())
                    places.update({key: i for i, key in enumerate(entry)})
    if not times:
        raise SourceError(
            "this is one document of JSON, or none",
            where=partitions[0].shown,
            fix="deliver JSON Lines: one object per line, without brackets around them",
        )
    return tuple(sorted(times, key=lambda key: (places[key] / times[key], key)))

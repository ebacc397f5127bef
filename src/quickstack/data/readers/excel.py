"""Read a workbook: sheets whose cells become the text that their columns expect."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import python_calamine as calamine

from quickstack.data.readers.blocks import Block, ReadOptions, Rejected, RowLocation
from quickstack.data.readers.header import check_header, require_no_header
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.sniffing import sniffed_type
from quickstack.data.readers.streams import open_partition
from quickstack.data.readers.workbook import (
    Inspection,
    damaged,
    inspect_sheet,
    require_harmless,
    with_blanks,
    without_sheet_rows,
)
from quickstack.facts.contract import Column, Contract, Source
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS
from quickstack.facts.notices import Noticed

#: A larger file is not a workbook that Excel opens; it is held in memory as a whole.
_MAX_BYTES = 512 << 20
#: Up to here, and down to its negative, a cell holds every whole number.
_EXACT = 2.0**53
#: A day that both 28 and 29 February 1900 are read as: workbooks count one that never was.
_DOUBTFUL = (1900, 2, 28)
#: Microseconds off a second that come from how a workbook stores times.
_NEAR = 1000


def blocks(partition: Partition, contract: Contract, options: ReadOptions) -> Iterator[Block]:
    """Yield sheets of a workbook in blocks: .xlsx, .xls or .ods.

    Whole numbers come without `.0`, dates and times in ISO 8601. A row that holds an error
    (`#DIV/0!`) or a formula without a stored value is rejected, and each cell
    of a merged one in one column has its value. A sheet is held in memory; MAX_CELLS bounds it.

    Raises
    ------
    SourceError
        Where it is not a workbook, is damaged or locked, or has no such sheet or other columns.
    """
    source, where = contract.source, partition.shown
    with open_partition(partition, contract.source.max_unpacked) as stream:
        data = stream.read(_MAX_BYTES + 1)
    _require_workbook(data, where)
    require_harmless(data, where, source.max_unpacked)
    data = with_blanks(data, where)
    with _told(where):
        book = calamine.load_workbook(io.BytesIO(data))
        names, noticed = _chosen(book, data, contract, where, any_names=options.any_names)
    for name in names:
        at = f"{where}, sheet {name}" if source.sheet else where
        cells, seen = _sheet(book, data, name, where)
        header = _header(cells, contract, at)
        check_header(header, contract, at, any_names=options.any_names, folders=partition.values)
        found = _SheetRows(contract, header, seen, name)
        for number, row in enumerate(cells, start=source.skip_lines + source.header):
            if number == source.skip_lines and not options.any_names:
                require_no_header(row, header, at)
            found.take(number, row)
            if len(found.rows) >= options.rows:
                yield found.block()
        yield found.block(noticed)
        noticed = Counter()


def _require_workbook(data: bytes, where: str) -> None:
    if len(data) > _MAX_BYTES:
        raise SourceError(
            f"the workbook is larger than {_MAX_BYTES >> 20} MB",
            where=where,
            fix="deliver it as CSV or Parquet",
        )
    if not data:
        raise SourceError("the file is empty", where=where, fix="deliver it again")
    expected = FORMATS["excel"]
    if not any(signature.pattern.match(data) for signature in expected.signatures):
        what = sniffed_type(data[: 1 << 16], expected) or "text or something else"
        raise SourceError(
            f"this is not a workbook but {what}",
            where=where,
            fix="deliver the workbook, or correct `format` in the contract",
        )


def without_rows(
    stream: BinaryIO,
    out: BinaryIO,
    rows: Sequence[RowLocation],
    source: Source,  # noqa: ARG001 - as the other formats
    where: str,
) -> None:
    """Write a workbook again without some rows of its sheets, see `write_without`."""
    data = stream.read()
    gone: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        gone[row.part].add(row.line)
    for name, lines in gone.items():
        for (first, _), (last, _) in inspect_sheet(data, name, where).merged:
            if first < last and lines & set(range(first + 1, last + 2)):
                raise SourceError(
                    "a row to take out shares a merged cell with others",
                    where=where,
                    fix="unmerge its cells, and write their value into each",
                )
    without_sheet_rows(data, gone, out, where)


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn whatever the reader of cells raises into a sentence."""
    try:
        yield
    except calamine.PasswordError:
        raise SourceError(
            "the workbook is locked by a password", where=where, fix="save it without one"
        ) from None
    except BaseException as error:  # a panic of the reader is no Exception
        if isinstance(error, (SourceError, KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        raise damaged(where) from None


def _sheet(book: Any, data: bytes, name: str, where: str) -> tuple[Iterator[list[Any]], Inspection]:
    """Return the rows of a sheet, and what is known of it."""
    with _told(where):
        # Before the sheet is opened, which lays it out in memory.
        seen = inspect_sheet(data, name, where)
        sheet = book.get_sheet_by_name(name)
        # Only of an .ods the inspection has seen them.
        for first, last in (not data.startswith(b"PK") and sheet.merged_cell_ranges) or ():
            seen.merged.append((first, last))
    return _rows(sheet, where), seen


def _chosen(
    book: Any, data: bytes, contract: Contract, where: str, *, any_names: bool
) -> tuple[list[str], Noticed]:
    """Return the names of the sheets to read, and count those that are not."""
    source = contract.source
    sheets = [s for s in book.sheets_metadata if s.typ == calamine.SheetTypeEnum.WorkSheet]
    if not sheets:
        raise SourceError("the workbook has no sheet", where=where, fix="deliver it again")
    declared = (source.sheet,) if isinstance(source.sheet, str) else source.sheet or ()
    if declared and declared != ("*",):
        known = {sheet.name for sheet in sheets}
        if lost := [name for name in declared if name not in known]:
            raise SourceError(
                f"the workbook has no sheet '{lost[0]}' ({len(sheets)} others)",
                where=where,
                fix="correct `sheet` in the contract, or name the sheet so",
            )
        return list(declared), Counter()
    shown = {s.name for s in sheets if s.visible == calamine.SheetVisibleEnum.Visible}
    if len(sheets) == 1:
        return [sheets[0].name], Counter()
    kinds = {s.name: _kind(book, data, s.name, contract, where) for s in sheets}
    fitting = [s.name for s in sheets if kinds[s.name] == "fits"]
    found = [name for name in fitting if name in shown or any_names]
    if len(found) > 1 and not declared and not any_names:
        numbers = [str(i) for i, s in enumerate(sheets, start=1) if s.name in found]
        raise SourceError(
            f"{len(found)} of its {len(sheets)} sheets hold the contract's columns: sheets "
            f"{', '.join(numbers[:-1])} and {numbers[-1]}",
            where=where,
            fix="name those to read as `sheet` in the contract, a list for several; "
            '`sheet: "*"` reads all',
        )
    if not found and not fitting:
        found = [s.name for s in sheets if s.name in shown][:1]
    if not found:
        raise SourceError(
            "only a hidden sheet holds the contract's columns",
            where=where,
            fix="name it as `sheet` in the contract, or show it",
        )
    others = sum(kinds[name] == "other" and name not in found for name in shown)
    noticed = {("hidden-sheets",): len(set(fitting) - shown), ("other-sheets",): others}
    return found, Counter({kind: count for kind, count in noticed.items() if count})


def _kind(book: Any, data: bytes, name: str, contract: Contract, where: str) -> str:
    """Return `fits` for a sheet with the contract's columns, `other`, or `empty`."""
    cells, _ = _sheet(book, data, name, where)
    skipped = [next(cells, []) for _ in range(contract.source.skip_lines + 1)]
    header = [_text(cell, None, contract.source) for cell in skipped[-1] if cell != ""]
    if not header and not any(any(cell != "" for cell in row) for row in cells):
        return "empty"
    names = {column.name for column in contract.columns}
    same = names <= set(header) if contract.source.header else len(header) == len(names)
    return "fits" if same else "other"


def _rows(sheet: Any, where: str) -> Iterator[list[Any]]:
    rows = iter(sheet.iter_rows())
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception:  # whatever the reader says of a cell, it may quote it
            raise damaged(where) from None
        yield row


def _header(cells: Iterator[list[Any]], contract: Contract, where: str) -> list[str]:
    """Return the names of the columns, with the rows before the first one taken."""
    skip, row = contract.source.skip_lines, list[Any]()
    for _ in range(skip + contract.source.header):
        row = next(cells, [])
    if not contract.source.header:
        return [column.name for column in contract.columns]
    header = ["" if cell == "" else _text(cell, None, Source(path="")) for cell in row]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise SourceError(
            f"row {skip + 1}, which should name the columns, is empty",
            where=where,
            fix="correct `skipLines` or `sheet` in the contract, or the workbook",
        )
    return header


class _SheetRows:
    """What was read of a sheet since the last block.

    Parameters
    ----------
    header
        The names of its columns.
    seen
        What its inspection found.
    """

    def __init__(self, contract: Contract, header: list[str], seen: Inspection, sheet: str) -> None:
        self.contract, self.header, self.sheet, self._faults = contract, header, sheet, seen.faults
        named = {column.name: column for column in contract.columns}
        self._columns = [named.get(name) for name in header]
        first = contract.source.skip_lines + contract.source.header
        # By row, the merged cells that reach it, as (first row, first column, last column).
        self._merged: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for (top, left), (bottom, right) in seen.merged:
            if left < len(header) and (bottom > top or right > left):
                for row in range(max(top, first), bottom + 1):
                    self._merged[row].append((top if top >= first else -1, left, right))
        self._anchors: dict[tuple[int, int], Any] = {}
        self._texts = seen.texts
        self._begin()

    def _begin(self) -> None:
        self.rows: list[list[str | None]] = []
        self._locations: list[RowLocation] = []
        self._rejected: list[Rejected] = []
        self._blank = 0
        self._noticed: Noticed = Counter()
        self._iso: dict[str, list[int]] = {
            c.name: [] for c in self._columns if c and c.type in ("date", "timestamp")
        }

    def take(self, number: int, row: list[Any]) -> None:
        """Take the row with a number, from 0."""
        width = len(self.header)
        wrong = [c for c in range(len(row)) if (number, c) in self._faults]
        if not wrong and all(cell == "" for cell in row):
            self._blank += 1
            return
        reason = self._unmerged(number, row)
        source = self.contract.source
        if not self._texts:
            row = [_on_second(cell) for cell in row]
            reason = reason or self._doubtful(row)
        cells = [
            None if cell == "" else _text(cell, column, source)
            for cell, column in zip(row, self._columns, strict=False)
        ]
        cells += [None] * (width - len(cells))
        values: dict[str, Any] = dict(zip(self.header, cells, strict=True))
        if behind := [_text(cell, None, source) for cell in row[width:] if cell != ""]:
            values["behind the last column"] = behind
        raw = json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace")
        location = RowLocation(number + 1, None, raw, part=self.sheet)
        if wrong and wrong[0] < width:
            reason = f"column {self.header[wrong[0]]} holds {self._faults[number, wrong[0]]}"
        elif wrong or any(cell != "" for cell in row[width:]):
            reason = "a cell stands behind the last column"
        elif any("\0" in cell for cell in cells if cell):
            reason = "it holds a NUL byte"
        if reason is not None:
            self._rejected.append(Rejected(location, reason))
            return
        for cell, name in zip(row, self.header, strict=False):
            if isinstance(cell, dt.date) and name in self._iso:
                self._iso[name].append(len(self.rows))
        self.rows.append([None if cell in source.missing else cell for cell in cells])
        self._locations.append(location)

    def _doubtful(self, row: list[Any]) -> str | None:
        """Say which cell holds what its text or date may not be."""
        for cell, column in zip(row, self._columns, strict=False):
            if isinstance(cell, dt.date) and cell.timetuple()[:3] == _DOUBTFUL:
                return "it holds 28 or 29 February 1900, which a workbook does not tell apart"
            text = column is not None and column.type == "string"
            if text and isinstance(cell, float) and abs(cell) >= _EXACT:
                return "a column of text holds a number with more digits than a cell keeps"
        return None

    def _unmerged(self, number: int, row: list[Any]) -> str | None:
        """Give each cell of a merged one in one column its value; else say why that is none."""
        for top, left, right in self._merged.get(number, ()):
            if top == number:
                self._anchors[top, left] = row[left] if left < len(row) else ""
            value = self._anchors.get((top, left), "")
            if top < 0:
                return f"column {self.header[left]} holds a cell that is merged with the header"
            if value == "":
                continue
            if right > left:
                return f"column {self.header[left]} holds a cell that is merged with the next one"
            if top < number:
                row += [""] * (left + 1 - len(row))
                row[left] = value
                self._noticed["merged", self.header[left]] += 1
        return None

    def block(self, noticed: Noticed | None = None) -> Block:
        """Return what was taken since the last block, with more that was noticed."""
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(self.header)
        table: pa.Table = pa.table(
            [pa.array(column, pa.string()) for column in columns], names=self.header
        ).select([c.name for c in self.contract.columns if c.name in self.header])
        locations = self._locations

        def of(rows: Sequence[int]) -> list[RowLocation]:
            return [locations[row] for row in rows]

        found = Block(table, of, self._rejected, self._blank, iso=self._iso)
        found.noticed = self._noticed + (noticed or Counter())
        self._begin()
        return found


def _text(cell: Any, column: Column | None, source: Source) -> str:
    """Write a cell as a delimited text would hold it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        if column is not None and column.type == "boolean":
            return (source.true_values if cell else source.false_values)[0]
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        whole = float(cell).is_integer()
        number = str(int(cell)) if whole else repr(float(cell))
        # Where floats no longer hold all whole numbers, an exponent says that it was one.
        if whole and abs(cell) >= _EXACT and column is not None and column.type == "integer":
            number = f"{float(cell):.16e}"
        # In the contract's dialect: 1.234 is never read as if its point parted thousands.
        typed = column is not None and column.type in ("integer", "number", "boolean")
        return number.replace(".", source.decimal) if typed else number
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)


def _on_second(cell: Any) -> Any:
    """Return a time that lies a millisecond off a second as that second.

    Days are stored as fractions, which hold few seconds exactly.
    """
    if not isinstance(cell, (dt.datetime, dt.time)):
        return cell
    if cell.microsecond <= _NEAR:
        return cell.replace(microsecond=0)
    if cell.microsecond < 1_000_000 - _NEAR:
        return cell
    if isinstance(cell, dt.datetime):
        return cell.replace(microsecond=0) + dt.timedelta(seconds=1)
    later = dt.datetime.combine(dt.date.min, cell.replace(microsecond=0)) + dt.timedelta(seconds=1)
    return later.time()

"""Read a workbook: one sheet, whose cells become the text that its columns expect."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import python_calamine as calamine

from quickstack.data.readers.blocks import Block, ReadOptions, Rejected, RowLocation
from quickstack.data.readers.header import check_header
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.sniffing import sniffed_type
from quickstack.data.readers.streams import open_partition
from quickstack.data.readers.workbook import (
    Inspection,
    damaged,
    inspect_sheet,
    require_harmless,
    without_sheet_rows,
)
from quickstack.facts.contract import Column, Contract, Source
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS

#: A larger file is not a workbook that Excel opens; it is held in memory as a whole.
_MAX_BYTES = 512 << 20


def blocks(partition: Partition, contract: Contract, options: ReadOptions) -> Iterator[Block]:
    """Yield a sheet of a workbook in blocks: .xlsx, .xls or .ods.

    Whole numbers come without `.0`, dates as the contract writes them. A row that holds an error
    (`#DIV/0!`) is rejected. The sheet is held in memory; MAX_CELLS bounds it.

    Raises
    ------
    SourceError
        Where it is not a workbook, is damaged or locked, or has no such sheet or other columns.
    """
    source, where = contract.source, partition.shown
    with open_partition(partition) as stream:
        data = stream.read(_MAX_BYTES + 1)
    _require_workbook(data, where)
    require_harmless(data, where)
    name, sheet, seen = _open(data, source, where)
    at = f"{where}, sheet {name}" if source.sheet else where
    cells = _rows(sheet, at)
    header = _header(cells, source.skip_lines, at)
    check_header(header, contract, at, any_names=options.any_names)
    found = _SheetRows(contract, header, seen)
    for number, row in enumerate(cells, start=source.skip_lines + 1):
        found.take(number, row)
        if len(found.rows) >= options.rows:
            yield found.block()
            found = _SheetRows(contract, header, seen)
    yield found.block()


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
    stream: BinaryIO, out: BinaryIO, rows: Sequence[RowLocation], source: Source, where: str
) -> None:
    """Write a workbook again without some rows of its sheet, see `write_without`."""
    data = stream.read()
    name = _open(data, source, where)[0]
    without_sheet_rows(data, name, {row.line for row in rows}, out, where)


def _open(data: bytes, source: Source, where: str) -> tuple[str, Any, Inspection]:
    try:
        book = calamine.load_workbook(io.BytesIO(data))
        table = calamine.SheetTypeEnum.WorkSheet
        sheets = [s.name for s in book.sheets_metadata if s.typ == table]
        if source.sheet is not None and source.sheet not in sheets:
            raise SourceError(
                f"the workbook has no sheet '{source.sheet}' ({len(sheets)} others)",
                where=where,
                fix="correct `sheet` in the contract, or name the sheet so",
            )
        if not sheets:
            raise SourceError("the workbook has no sheet", where=where, fix="deliver it again")
        name = source.sheet or sheets[0]
        # Before the sheet is opened, which lays it out in memory.
        seen = inspect_sheet(data, name, where)
        return name, book.get_sheet_by_name(name), seen
    except SourceError:
        raise
    except calamine.PasswordError:
        raise SourceError(
            "the workbook is locked by a password", where=where, fix="save it without one"
        ) from None
    except BaseException as error:  # a panic of the reader is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        raise damaged(where) from None


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


def _header(cells: Iterator[list[Any]], skip: int, where: str) -> list[str]:
    row: list[Any] = []
    for _ in range(skip + 1):
        row = next(cells, [])
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


@dataclass
class _SheetRows:
    """What was read since the last block."""

    contract: Contract
    header: list[str]
    seen: Inspection
    rows: list[list[str | None]] = field(default_factory=list)
    locations: list[RowLocation] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0

    def __post_init__(self) -> None:
        named = {column.name: column for column in self.contract.columns}
        self._columns = [named.get(name) for name in self.header]

    def take(self, number: int, row: list[Any]) -> None:
        width = len(self.header)
        wrong = [c for c in range(len(row)) if (number, c) in self.seen.errors]
        if not wrong and all(cell == "" for cell in row):
            self.blank += 1
            return
        source = self.contract.source
        cells = [
            None if cell == "" else _text(cell, column, source)
            for cell, column in zip(row, self._columns, strict=False)
        ]
        cells += [None] * (width - len(cells))
        values: dict[str, Any] = dict(zip(self.header, cells, strict=True))
        if behind := [_text(cell, None, source) for cell in row[width:] if cell != ""]:
            values["behind the last column"] = behind
        raw = json.dumps(values, ensure_ascii=False)
        location = RowLocation(number + 1, None, raw.encode("utf-8", "backslashreplace"))
        reason = None
        if wrong and wrong[0] < width:
            reason = f"column {self.header[wrong[0]]} holds an error of the workbook"
        elif wrong or any(cell != "" for cell in row[width:]):
            reason = "a cell stands behind the last column"
        elif any("\0" in cell for cell in cells if cell):
            reason = "it holds a NUL byte"
        if reason is not None:
            self.rejected.append(Rejected(location, reason))
            return
        self.rows.append([None if cell in source.missing else cell for cell in cells])
        self.locations.append(location)

    def block(self) -> Block:
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(self.header)
        table: pa.Table = pa.table(
            [pa.array(column, pa.string()) for column in columns], names=self.header
        ).select([c.name for c in self.contract.columns if c.name in self.header])
        locations = self.locations

        def of(rows: Sequence[int]) -> list[RowLocation]:
            return [locations[row] for row in rows]

        return Block(table, of, self.rejected, self.blank)


def _text(cell: Any, column: Column | None, source: Source) -> str:
    """Write a cell as a delimited text would hold it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        if column is not None and column.type == "boolean":
            return (source.true_values if cell else source.false_values)[0]
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        whole = isinstance(cell, int) or cell.is_integer()
        number = str(int(cell)) if whole else repr(cell)
        decimal = column is not None and column.type == "number"
        return number.replace(".", source.decimal) if decimal else number
    if isinstance(cell, (dt.date, dt.datetime)):
        return _date_text(cell, column)
    return str(cell)


def _date_text(cell: dt.date | dt.datetime, column: Column | None) -> str:
    """Write a date in its column's format; in full where that would lose something of it."""
    if column is None or column.type not in ("date", "timestamp") or column.format is None:
        midnight = isinstance(cell, dt.datetime) and cell.time() == dt.time()
        return (cell.date() if isinstance(cell, dt.datetime) and midnight else cell).isoformat()
    timestamp = (
        cell if isinstance(cell, dt.datetime) else dt.datetime(cell.year, cell.month, cell.day)
    )
    # `%Y` gives years before 1000 without their zeros on some systems.
    text = timestamp.strftime(column.format.replace("%Y", f"{timestamp.year:04}"))
    try:
        kept = dt.datetime.strptime(text, column.format) == timestamp
    except ValueError:
        kept = False
    return text if kept else timestamp.isoformat()

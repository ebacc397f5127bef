"""Look through a workbook before it is read: how large its sheet is, and which cells are errors.

The reader of cells lays a sheet out in memory from its first to its last cell, however few lie
between, and gives an error (`#DIV/0!`) as if the cell were empty.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from quickstack.data.readers.archives import MAX_RATIO, SMALL
from quickstack.facts.errors import SourceError

#: Cells from the first to the last: a full sheet (1,048,576 rows) of 30 columns, 1 GB in memory.
MAX_CELLS = 32 << 20
#: A full sheet of 30 columns is 2 GB of XML.
MAX_UNPACKED = 4 << 30
_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass
class Look:
    """What is known of a sheet.

    Attributes
    ----------
    rows, columns
        Up to the last cell that holds something.
    errors
        (row, column) of the cells that hold an error, from 0.
    """

    where: str
    rows: int = 0
    columns: int = 0
    errors: set[tuple[int, int]] = field(default_factory=set)

    def cell(self, row: int, column: int) -> None:
        """Note a cell that holds something.

        Raises
        ------
        SourceError
            Where the sheet becomes too large.
        """
        self.rows, self.columns = max(self.rows, row + 1), max(self.columns, column + 1)
        if self.rows * self.columns > MAX_CELLS:
            raise SourceError(
                f"the sheet spans more than {MAX_CELLS >> 20} million cells",
                where=self.where,
                fix="delete the stray cells far to the right or below, or deliver it as CSV",
            )


def look(data: bytes, sheet: str | None, where: str) -> Look:
    """Look through one sheet of a workbook.

    Parameters
    ----------
    data
        The workbook: .xlsx, .xls or .ods.
    sheet
        The name of the sheet; None for each of them, where the workbook is an .ods.

    Raises
    ------
    SourceError
        Where it is a bomb, damaged, or a kind of workbook that is not read.
    """
    found = Look(where)
    sheet, every = sheet or "", sheet is None
    if data.startswith(_OLD):
        from quickstack.data.readers.biff import look_biff

        look_biff(data, sheet, found)
        return found
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "content.xml" in names:
                _look_ods(archive, sheet, found, every=every)
            else:
                _look_xlsx(archive, sheet, found)
    except (zipfile.BadZipFile, expat.ExpatError, EOFError, OSError, ValueError, KeyError) as error:
        if isinstance(error, SourceError):
            raise
        raise damaged(where) from None
    return found


def require_harmless(data: bytes, where: str) -> None:
    """Refuse a workbook that unpacks to more than any is, by the sizes it declares.

    Raises
    ------
    SourceError
        Where it does, or is one of Excel's binary kind (.xlsb), whose errors cannot be seen.
    """
    if not data.startswith(_ZIP):
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError):
        raise damaged(where) from None
    infos = archive.infolist()
    total = sum(info.file_size for info in infos)
    if total > min(MAX_UNPACKED, max(SMALL, MAX_RATIO * len(data))):
        raise SourceError(
            "the workbook unpacks to more than any table holds",
            where=where,
            fix="do not trust this file; if it is right, deliver it as CSV",
        )
    if any(info.filename == "xl/workbook.bin" for info in infos):
        raise SourceError(
            "this is a binary workbook (.xlsb), which is not read",
            where=where,
            fix="save it as .xlsx",
        )
    if any(info.filename == "content.xml" for info in infos):
        # All its sheets are laid out as soon as it is opened.
        look(data, None, where)


def damaged(where: str) -> SourceError:
    """Return the sentence for a workbook that cannot be read."""
    return SourceError("the workbook is damaged", where=where, fix="save it anew, and deliver it")


def _parse(
    archive: zipfile.ZipFile, part: str, start: Callable[[str, dict[str, str]], Any]
) -> None:
    """Call `start` with the local name and attributes of each element of a part."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    with archive.open(part) as stream:
        parser.ParseFile(stream)


def _look_xlsx(archive: zipfile.ZipFile, sheet: str, found: Look) -> None:
    row, column, reference, error = -1, -1, False, False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, reference, error
        if name == "c":
            letters = attributes.get("r", "").rstrip("0123456789")
            column = _column(letters) if letters else column + 1
            error = attributes.get("t") == "e"
            reference = True
        elif name in ("v", "is", "f") and reference:
            reference = False
            found.cell(row, column)
            if error:
                found.errors.add((row, column))
        elif name == "row":
            row, column = int(attributes.get("r", row + 2)) - 1, -1

    _parse(archive, _sheet_part(archive, sheet), start)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return which part of the archive holds a sheet."""
    book = _targets(archive, "_rels/.rels", "", "/officeDocument")
    workbook = next(iter(book.values()), "xl/workbook.xml")
    folder, name = posixpath.split(workbook)
    ids: dict[str, str] = {}

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "sheet":
            ids[attributes["name"]] = next(v for k, v in attributes.items() if k.endswith(":id"))

    _parse(archive, workbook, start)
    return _targets(archive, f"{folder}/_rels/{name}.rels", folder, "")[ids[sheet]]


def _targets(archive: zipfile.ZipFile, part: str, folder: str, kind: str) -> dict[str, str]:
    found: dict[str, str] = {}

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "Relationship" and attributes["Type"].endswith(kind):
            target = attributes["Target"]
            absolute = target.startswith("/")
            path = target[1:] if absolute else posixpath.normpath(posixpath.join(folder, target))
            found[attributes["Id"]] = path

    _parse(archive, part, start)
    return found


def _look_ods(archive: zipfile.ZipFile, sheet: str, found: Look, *, every: bool) -> None:
    inside, row, column, times = False, 0, 0, 1

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside, row, column, times
        if name == "table":
            inside, row, times = every or attributes.get("table:name") == sheet, 0, 0
        elif not inside:
            return
        elif name == "table-row":
            row, column = row + times, 0
            times = int(attributes.get("table:number-rows-repeated", 1))
        elif name in ("table-cell", "covered-table-cell"):
            width = int(attributes.get("table:number-columns-repeated", 1))
            if "office:value-type" in attributes or "table:formula" in attributes:
                found.cell(row + times - 1, column + width - 1)
                if attributes.get("calcext:value-type") == "error" and not every:
                    cells = ((row + r, column + c) for r in range(times) for c in range(width))
                    found.errors.update(cells)
            column += width

    _parse(archive, "content.xml", start)

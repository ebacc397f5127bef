"""Inspect a workbook before it is read: how large its sheet is, and which cells are no values.

The reader of cells lays a sheet out in memory from its first to its last cell, however few lie
between, and gives an error (`#DIV/0!`) and a formula without a stored value as if the cell were
empty.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.parsers import expat

from quickstack.data.readers.archives import too_large, unpacked_limit
from quickstack.facts.errors import SourceError

#: Cells from the first to the last: a full sheet (1,048,576 rows) of 30 columns, 1 GB in memory.
MAX_CELLS = 32 << 20
ERROR = "an error of the workbook"
NOT_COMPUTED = "a formula whose value was never computed"
#: What a damaged archive, or XML in it, raises.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, OSError, ValueError, KeyError,
    RuntimeError,
)  # fmt: skip
_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass
class Inspection:
    """What is known of a sheet.

    Attributes
    ----------
    rows, columns
        Up to the last cell that holds something.
    faults
        (row, column), from 0, of the cells that hold no value, and what each holds instead.
    merged
        ((row, column), (row, column)) of the first and the last cell of each merged one.
    texts
        Whether times are stored as text, and not as fractions of a day.
    """

    where: str
    rows: int = 0
    columns: int = 0
    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    texts: bool = False

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


def inspect_sheet(data: bytes, sheet: str | None, where: str) -> Inspection:
    """Inspect one sheet of a workbook.

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
    found = Inspection(where)
    sheet, every = sheet or "", sheet is None
    if data.startswith(_OLD):
        _inspect_biff(data, sheet, found)
        return found
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "content.xml" in names:
                _inspect_ods(archive, sheet, found, every=every)
            else:
                _inspect_xlsx(archive, sheet, found)
    except _BROKEN as error:
        if isinstance(error, SourceError):
            raise
        raise damaged(where) from None
    return found


def require_harmless(data: bytes, where: str, most: int | None = None) -> None:
    """Refuse a workbook that unpacks to more than its limit, by the sizes it declares.

    Parameters
    ----------
    most
        The limit in bytes, as in `unpacked`.

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
    most = unpacked_limit(len(data), most)
    if total > most:
        raise too_large(where, most)
    if any(info.filename == "xl/workbook.bin" for info in infos):
        raise SourceError(
            "this is a binary workbook (.xlsb), which is not read",
            where=where,
            fix="save it as .xlsx",
        )
    if any(info.filename == "content.xml" for info in infos):
        # All its sheets are laid out as soon as it is opened.
        inspect_sheet(data, None, where)


def with_blanks(data: bytes, where: str) -> bytes:
    """Return an .ods with characters for its tabs and line breaks, whose elements calamine drops.

    Any other workbook stays as it is.

    Raises
    ------
    SourceError
        Where it is damaged.
    """
    if not data.startswith(_ZIP):
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if "content.xml" not in archive.namelist():
                return data
            xml = archive.read("content.xml")
            plain = re.sub(rb"<text:line-break\b[^>]*/>", b"\n", xml)
            plain = re.sub(rb"<text:tab\b[^>]*/>", b"\t", plain)
            if plain == xml:
                return data
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as written:
                for info in archive.infolist():
                    part = info.filename == "content.xml"
                    written.writestr(info.filename, plain if part else archive.read(info))
            return out.getvalue()
    except _BROKEN:
        raise damaged(where) from None


def damaged(where: str) -> SourceError:
    """Return the sentence for a workbook that cannot be read."""
    return SourceError("the workbook is damaged", where=where, fix="save it again, and deliver it")


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    start: Callable[[str, dict[str, str]], Any],
    parser: Any = None,
) -> None:
    """Call `start` with the local name and attributes of each element of a part."""
    parser = parser or expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    with archive.open(part) as stream:
        parser.ParseFile(stream)


def _inspect_xlsx(archive: zipfile.ZipFile, sheet: str, found: Inspection) -> None:
    parts, cells, parser = workbook_parts(archive), _Cells(found), expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        cells.element(name, attributes)
        # Only of formulas it matters what is stored, and other cells are read faster so.
        parser.CharacterDataHandler = cells.text if cells.formula else None

    _parse(archive, parts.sheets[sheet], start, parser)
    cells.settle()
    # A program that computes nothing stores 0, and asks Excel to compute all when it opens it.
    if parts.to_compute and cells.stored and not any(cells.stored.values()):
        found.faults.update(dict.fromkeys(cells.stored, NOT_COMPUTED))


@dataclass
class _Cells:
    """Notes the cells of an .xlsx's sheet, element by element."""

    found: Inspection
    row: int = -1
    column: int = -1
    kind: str = ""
    open: bool = False
    formula: bool = False
    value: str | None = None
    #: By formula, whether its stored value is another than 0.
    stored: dict[tuple[int, int], bool] = field(default_factory=dict)

    def element(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self.settle()
            letters = attributes.get("r", "").rstrip("0123456789")
            self.column = _column(letters) if letters else self.column + 1
            self.kind, self.open = attributes.get("t", ""), True
        elif name in ("v", "is", "f") and self.open:
            self.found.cell(self.row, self.column)
            self.formula |= name == "f"
            self.value = "" if name == "v" else None
            if self.kind == "e":
                self.found.faults[self.row, self.column] = ERROR
        elif name == "row":
            self.settle()
            self.row, self.column = int(attributes.get("r", self.row + 2)) - 1, -1
        elif name == "mergeCell":
            first, _, last = attributes["ref"].partition(":")
            self.found.merged.append((_cell(first), _cell(last or first)))

    def text(self, part: str) -> None:
        if self.value is not None:
            self.value += part

    def settle(self) -> None:
        """Look at what the last cell stored, when it is over."""
        place = self.row, self.column
        if self.formula and not self.value and not (self.kind == "str" and self.value == ""):
            self.found.faults.setdefault(place, NOT_COMPUTED)
        elif self.formula and self.kind != "e":
            self.stored[place] = (self.value or "").strip() != "0"
        self.formula, self.value, self.open = False, None, False


def _cell(reference: str) -> tuple[int, int]:
    letters = reference.replace("$", "").rstrip("0123456789")
    return int(reference.replace("$", "")[len(letters) :]) - 1, _column(letters)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


@dataclass(frozen=True)
class WorkbookParts:
    """Which part of an .xlsx holds each sheet, by name, its shared texts, and its relations.

    Attributes
    ----------
    to_compute
        Whether whoever opens it is asked to compute all formulas.
    """

    sheets: dict[str, str]
    texts: str | None
    relations: str
    to_compute: bool


def workbook_parts(archive: zipfile.ZipFile) -> WorkbookParts:
    """Return the parts of an .xlsx; KeyError where it is none."""
    book = _targets(archive, "_rels/.rels", "", "/officeDocument")
    workbook = next(iter(book.values()), "xl/workbook.xml")
    folder, name = posixpath.split(workbook)
    relations = f"{folder}/_rels/{name}.rels"
    known = _targets(archive, relations, folder, "")
    sheets: dict[str, str] = {}
    to_compute = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal to_compute
        if element == "calcPr":
            to_compute = attributes.get("fullCalcOnLoad") in ("1", "true")
        if element == "sheet":
            part = known[next(v for k, v in attributes.items() if k.endswith(":id"))]
            sheets[attributes["name"]] = part

    _parse(archive, workbook, start)
    texts = _targets(archive, relations, folder, "/sharedStrings")
    return WorkbookParts(sheets, next(iter(texts.values()), None), relations, to_compute)


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


def _inspect_ods(archive: zipfile.ZipFile, sheet: str, found: Inspection, *, every: bool) -> None:
    inside, row, column, times = False, 0, 0, 1
    found.texts = True

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
            down = int(attributes.get("table:number-rows-spanned", 1))
            across = int(attributes.get("table:number-columns-spanned", 1))
            if down * across > 1:
                found.merged.append(((row, column), (row + down - 1, column + across - 1)))
            if "office:value-type" in attributes or "table:formula" in attributes:
                found.cell(row + times - 1, column + width - 1)
                if not every and (fault := _ods_fault(attributes)):
                    cells = ((row + r, column + c) for r in range(times) for c in range(width))
                    found.faults.update(dict.fromkeys(cells, fault))
            column += width

    _parse(archive, "content.xml", start)


def _ods_fault(attributes: dict[str, str]) -> str | None:
    if attributes.get("calcext:value-type") == "error":
        return ERROR
    return None if "office:value-type" in attributes else NOT_COMPUTED


_BOF, _EOF, _BOUNDSHEET, _BOOLERR, _FORMULA = 0x0809, 0x000A, 0x0085, 0x0205, 0x0006
_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_DIFAT = 76
_SMALL_STREAM = 4096


def _inspect_biff(data: bytes, sheet: str, found: Inspection) -> None:
    """Note the errors of one sheet.

    Raises
    ------
    SourceError
        Where the file is damaged.
    """
    try:
        stream = _workbook(data)
        start = _sheet_start(stream, sheet)
        if start is None:
            raise damaged(found.where)
        for kind, body in _records(stream, start):
            written = kind == _BOOLERR and body[7] == 1
            computed = kind == _FORMULA and body[6] == 2 and body[12:14] == b"\xff\xff"
            if written or computed:
                found.faults[struct.unpack_from("<HH", body)] = ERROR
    except (struct.error, IndexError, KeyError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise damaged(found.where) from None


def _records(stream: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Give the records up to the end of a sheet; charts inside it have ends of their own."""
    depth = 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        body = stream[position + 4 : position + 4 + size]
        position += 4 + size
        depth += (kind == _BOF) - (kind == _EOF)
        if depth == 1:
            yield kind, body
        if depth == 0:
            return


def _sheet_start(stream: bytes, sheet: str) -> int | None:
    for kind, body in _records(stream, 0):
        if kind == _BOUNDSHEET:
            length, wide = body[6], body[7] & 1
            text = body[8 : 8 + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1")
            if text == sheet:
                return int(struct.unpack_from("<I", body)[0])
    return None


def _workbook(data: bytes) -> bytes:
    """Return the stream that holds the workbook."""
    size = 1 << struct.unpack_from("<H", data, 30)[0]
    small_size = 1 << struct.unpack_from("<H", data, 32)[0]
    (directory,) = struct.unpack_from("<I", data, 48)
    (small_start,) = struct.unpack_from("<I", data, 60)
    sectors = list(struct.unpack_from("<109I", data, _DIFAT))
    (following,) = struct.unpack_from("<I", data, 68)
    per_sector = size // 4
    seen = 0
    while following not in (_END, _FREE) and seen <= len(data) // size:
        more = struct.unpack_from(f"<{per_sector}I", data, (following + 1) * size)
        sectors += more[:-1]
        following = more[-1]
        seen += 1
    table: list[int] = []
    for sector in sectors:
        if sector != _FREE:
            table += struct.unpack_from(f"<{per_sector}I", data, (sector + 1) * size)

    def chained(start: int) -> bytes:
        return b"".join(data[(s + 1) * size : (s + 2) * size] for s in _chain(table, start))

    entries = chained(directory)
    streams = {}
    for at in range(0, len(entries), 128):
        (length,) = struct.unpack_from("<H", entries, at + 64)
        name = entries[at : at + max(0, length - 2)].decode("utf-16-le", "replace")
        streams[name] = struct.unpack_from("<IQ", entries, at + 116)
    start, length = streams.get("Workbook") or streams["Book"]
    length &= 0xFFFFFFFF
    if length >= _SMALL_STREAM:
        return chained(start)[:length]
    small = chained(streams["Root Entry"][0])
    raw = chained(small_start)
    locations = list(struct.unpack(f"<{len(raw) // 4}I", raw))
    parts = (small[s * small_size : (s + 1) * small_size] for s in _chain(locations, start))
    return b"".join(parts)[:length]


def _chain(table: list[int], start: int) -> Iterator[int]:
    for _ in range(len(table) + 1):
        if start == _END:
            return
        yield start
        start = table[start]
    raise ValueError("a loop")


def without_sheet_rows(data: bytes, gone: dict[str, set[int]], out: BinaryIO, where: str) -> None:
    """Write an .xlsx again without some rows; its other parts stay as they are.

    Parameters
    ----------
    gone
        By sheet, numbers of rows, from 1.

    Raises
    ------
    SourceError
        Where the workbook is no .xlsx.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            changed = _changed_parts(archive, gone)
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
                for info in archive.infolist():
                    if "calcChain" not in info.filename:  # Excel makes it again
                        written.writestr(info, changed.get(info.filename) or archive.read(info))
    except (zipfile.BadZipFile, expat.ExpatError, KeyError, ValueError):
        raise SourceError(
            "rows can be taken out of a workbook only where it is an .xlsx",
            where=where,
            fix="save it as .xlsx, and `quickstack add` it",
        ) from None


def _changed_parts(archive: zipfile.ZipFile, gone: dict[str, set[int]]) -> dict[str, bytes]:
    """Return the parts of a workbook that change when rows go from its sheets."""
    parts = workbook_parts(archive)
    changed: dict[str, bytes] = {}
    used, unused = set[int](), set[int]()
    for sheet, part in parts.sheets.items():
        xml, number, cuts = archive.read(part), 0, list[_Element]()
        for row in _elements(xml, "row"):
            number = int(row.attributes.get("r", number + 1))
            going = number in gone.get(sheet, ())
            (unused if going else used).update(row.texts)
            cuts += [row] * going
        if cuts:
            cuts += _orphaned_formulas(xml, cuts)
            changed[part] = _replaced(xml, sorted(cuts, key=lambda cut: cut.begin), "")
    if parts.texts is not None:
        xml = archive.read(parts.texts)
        texts = enumerate(_elements(xml, "si"))
        cuts = [text for number, text in texts if number in unused - used]
        # Those behind keep their numbers, by which cells name them.
        changed[parts.texts] = _replaced(xml, cuts, "<{0}si><{0}t/></{0}si>")
    for part in ("[Content_Types].xml", parts.relations):
        xml = archive.read(part)
        kinds = _elements(xml, "Override") + _elements(xml, "Relationship")
        cuts = [e for e in kinds if any("calcChain.xml" in v for v in e.attributes.values())]
        changed[part] = _replaced(xml, cuts, "")
    return changed


def _orphaned_formulas(xml: bytes, rows: list[_Element]) -> list[_Element]:
    """Return the formulas that stay, where one that goes with a row is shared with others.

    Their cells keep their values. Excel calls a workbook damaged whose shared formula is gone.
    """
    staying, shared = [], False
    for formula in _elements(xml, "f"):
        if any(row.begin < formula.begin < row.end for row in rows):
            shared |= "ref" in formula.attributes
        else:
            staying.append(formula)
    return staying if shared else []


@dataclass
class _Element:
    """An element of XML: its bytes, the prefix of its name, and the shared texts in its cells."""

    begin: int
    prefix: str
    attributes: dict[str, str]
    end: int = 0
    texts: set[int] = field(default_factory=set)


def _elements(xml: bytes, wanted: str) -> list[_Element]:
    """Return the elements of one name, none inside another."""
    if b"\0" in xml[:4]:
        raise ValueError("UTF-16, whose bytes are not looked for here")
    found: list[_Element] = []
    shared, value = False, ""
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal shared, value
        prefix, colon, local = name.rpartition(":")
        value = ""
        if local == wanted:
            found.append(_Element(parser.CurrentByteIndex, prefix + colon, attributes))
        elif local == "c":
            shared = attributes.get("t") == "s"

    def text(part: str) -> None:
        nonlocal value
        value += part

    def end(name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "v" and shared and found:
            found[-1].texts.add(int(value))
        elif local == wanted:
            at, tag = parser.CurrentByteIndex, b"</" + name.encode()
            if xml.startswith(tag, at) and xml[at + len(tag) : at + len(tag) + 1] in b"> \t\r\n":
                at = xml.index(b">", at) + 1
            # Of `<row/>` expat gives where it ends.
            found[-1].end = at

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.Parse(xml, True)
    return found


def _replaced(xml: bytes, elements: list[_Element], instead: str) -> bytes:
    """Return XML with other bytes in the place of some elements."""
    parts, position = [], 0
    for element in elements:
        parts += [xml[position : element.begin], instead.format(element.prefix).encode()]
        position = element.end
    return b"".join([*parts, xml[position:]])

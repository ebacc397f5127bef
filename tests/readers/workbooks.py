"""Small workbooks, written by hand: tests need cells that no library for writing gives."""

from __future__ import annotations

import io
import zipfile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
#: Style 0 general, 1 date, 2 date and time, 3 time.
_STYLES = "".join(f'<xf numFmtId="{n}"/>' for n in (0, 14, 22, 20))


_FORMULAS = {
    "f": "><f>{}</f><v/>",
    "f0": "><f>{}</f><v>0</v>",
    "fstr": ' t="str"><f>{}</f><v></v>',
}


def xlsx(
    *sheets: str,
    names: tuple[str, ...] = ("S", "T", "U"),
    hidden: tuple[int, ...] = (),
    to_compute: bool = False,
) -> bytes:
    """Give a workbook; each sheet is the XML of its rows, and of what `merged` gives behind."""
    states = ("visible", "hidden")
    books = "".join(
        f'<sheet name="{name}" sheetId="{i}" state="{states[i - 1 in hidden]}" r:id="rId{i}"/>'
        for i, (name, _) in enumerate(zip(names, sheets, strict=False), start=1)
    )
    relations = "".join(
        f'<Relationship Id="rId{i}" Type="{_OFFICE}/worksheet" Target="worksheets/s{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        f'<sheets>{books}</sheets><calcPr fullCalcOnLoad="{int(to_compute)}"/></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'{relations}<Relationship Id="rIdS" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        "</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs>{_STYLES}</cellXfs></styleSheet>',
    }
    for i, rows in enumerate(sheets, start=1):
        cells, mark, more = rows.partition("<mergeCells>")
        parts[f"xl/worksheets/s{i}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData>{mark}{more}</worksheet>'
        )
    return packed({name: _HEAD + text for name, text in parts.items()})


def merged(cells: str) -> str:
    """Give the XML of one merged cell; it comes behind the rows."""
    return f'<mergeCells><mergeCell ref="{cells}"/></mergeCells>'


def packed(parts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def row(number: int, *cells: str) -> str:
    """Give the XML of a row; each cell is `text:x`, `KIND:x` (b, e, n), `f:x` (a formula
    without a value; f0 with 0, fstr with an empty text) or `sN:x` of a style."""
    found = []
    for index, cell in enumerate(cells):
        kind, _, value = cell.partition(":")
        place = f'r="{chr(65 + index)}{number}"'
        if kind == "text":
            found.append(f'<c {place} t="inlineStr"><is><t>{value}</t></is></c>')
        elif kind.startswith("f"):
            found.append(f"<c {place}{_FORMULAS[kind].format(value)}</c>")
        elif kind.startswith("s"):
            found.append(f'<c {place} s="{kind[1:]}"><v>{value}</v></c>')
        elif kind:
            found.append(f'<c {place} t="{kind}"><v>{value}</v></c>')
    return f'<row r="{number}">{"".join(found)}</row>'


def ods(*rows: str) -> bytes:
    """Give an OpenDocument sheet; each row is the XML of its cells."""
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    names = ("office", "table", "text")
    spaces = " ".join(f'xmlns:{n}="{office}{n}:1.0"' for n in names)
    extra = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    body = "".join(
        r if r.startswith("<table:table-row") else f"<table:table-row>{r}</table:table-row>"
        for r in rows
    )
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": "<x/>",
            "content.xml": f"{_HEAD}<office:document-content {spaces} {extra}><office:body>"
            f'<office:spreadsheet><table:table table:name="S">{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        }
    )


def ods_text(value: str, more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="string" {more}><text:p>{value}</text:p>'
        "</table:table-cell>"
    )

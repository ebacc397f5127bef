"""Whatever a file is written and packed in: ingest, scan, erase and publish find the same people.

Each file is written here, in every dialect that a contract can declare and every format and packing
that is read; where the two cannot meet, a sentence says why.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import zipfile
from types import SimpleNamespace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import write
from quickstack.data.ingesting.engine import ingest
from quickstack.data.privacy.normal_form import normal_form
from quickstack.data.privacy.pseudonyms import pseudonymise
from quickstack.data.readers.partitions import find_partitions
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import load_contract
from quickstack.facts.errors import ContractError, DataError
from quickstack.facts.params import ComputeParams
from quickstack.guard.erasing.pseudonym_lookup import value_of
from quickstack.guard.erasing.row_removal import holding, remove_rows
from quickstack.guard.erasing.subject import find_subject
from quickstack.guard.scanning.raw_values import personal_values
from quickstack.results.publishing.gates import leak_free

KEY = bytes(range(32))
NAMES = ("visit", "id", "note", "amount", "kind")
PERSON = "Zoë-00103"
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: people
name: People
version: 1.0.0
status: active
servers:
  - server: raw
    type: local
    path: data/raw/people/*
    format: {format}
    encoding: {encoding}
    customProperties:
      - {{property: missingValues, value: [""]}}
      - {{property: maxQuarantinedShare, value: 0.5}}
{settings}
schema:
  - name: people
    logicalType: object
    properties:
      - {{name: visit, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: id, logicalType: string, classification: personal, customProperties: [
          {{property: personalData, value: pseudonym}},
          {{property: pseudonymDomain, value: person}}]}}
      - {{name: note, logicalType: string, classification: personal, customProperties: [
          {{property: personalData, value: drop}}]}}
      - {{name: amount, logicalType: number}}
      - {{name: kind, logicalType: string, classification: public,
         enum: [{{value: a}}, {{value: b}}]}}
customProperties:
  - {{property: task, value: binary}}
  - {{property: target, value: kind}}
  - {{property: positiveLabel, value: a}}
  - {{property: testShare, value: 0.2}}
"""


class Dialect:
    """How the rows are written: settings of the contract, and what a cell looks like."""

    settings: ClassVar[dict[str, str]] = {}
    encoding = "utf-8"
    decimal = "."
    delimiter = ","
    end = "\n"
    notes = ("Ada Lovelace 11", "Bo Quimby 12", "Cy Quell 13", "Di Frost 14", "Ada again 15")

    def cell(self, text: str) -> str:
        return text

    def rows(self) -> list[tuple[str, ...]]:
        ids = ("P000101", "P000102", PERSON, PERSON, "P000101")
        return [
            (str(i), who, note, f"{i}{self.decimal}25", "ab"[i % 2])
            for i, (who, note) in enumerate(zip(ids, self.notes, strict=True), start=1)
        ]

    def text(self, rows: list[tuple[str, ...]]) -> bytes:
        lines = [self.delimiter.join(map(self.cell, row)) for row in (NAMES, *rows)]
        return ("\n".join(lines) + self.end).encode(self.encoding)


class Quoted(Dialect):
    notes = ('Ada "the" Lovelace', "Bo, of 12", "Cy, Quell 13", 'Di "F" Frost', "Ada again 15")

    def cell(self, text: str) -> str:
        return '"' + text.replace('"', '""') + '"'


class Escaped(Quoted):
    settings: ClassVar[dict[str, str]] = {"escape": "\\"}

    def cell(self, text: str) -> str:
        return '"' + text.replace('"', '\\"') + '"'


class Spaced(Quoted):
    settings: ClassVar[dict[str, str]] = {"skipInitialSpace": "true"}
    delimiter = ", "


class LineEnds(Quoted):
    notes = ("Ada Lovelace\nof 11", "Bo\nof, 12", "Cy Quell\n13", "Di, Frost\n14", "Ada again 15")


class Encoded(Dialect):
    encoding = "cp1252"


class DecimalComma(Dialect):
    settings: ClassVar[dict[str, str]] = {"delimiter": ";", "decimal": ","}
    delimiter, decimal = ";", ","


class Unended(Dialect):
    end = ""


class Bare(Dialect):
    settings: ClassVar[dict[str, Any]] = {"header": False}

    def text(self, rows: list[tuple[str, ...]]) -> bytes:
        return super().text(rows).partition(b"\n")[2]


class Commented(Dialect):
    settings: ClassVar[dict[str, Any]] = {"comment": "#"}

    def text(self, rows: list[tuple[str, ...]]) -> bytes:
        return b"# by nobody\n" + super().text(rows) + b'# that"s all'


class Fixed(Dialect):
    settings: ClassVar[dict[str, Any]] = {"columnWidths": [6, 10, 18, 7, 4]}

    def text(self, rows: list[tuple[str, ...]]) -> bytes:
        widths = self.settings["columnWidths"]
        lines = ("".join(map(str.ljust, row, widths)) for row in (NAMES, *rows))
        return "".join(f"{line.rstrip()}\n" for line in lines).encode()


class LongDelimiter(Quoted):
    settings: ClassVar[dict[str, Any]] = {"delimiter": "|~|"}
    delimiter = "|~|"


class UnitSeparator(Dialect):
    settings: ClassVar[dict[str, Any]] = {"delimiter": "\x1f"}
    delimiter = "\x1f"


class Returns(Quoted):
    notes = ("Ada Lovelace\rof 11", "Bo\rof, 12", "Cy Quell\r13", "Di, Frost\r14", "Ada again 15")


class MixedEnds(Dialect):
    def text(self, rows: list[tuple[str, ...]]) -> bytes:
        ends = {"1": "\r", "2": "\r\n", "3": "\r"}
        lines = (",".join(row) + ends.get(row[0], "\n") for row in (NAMES, *rows))
        return "".join(lines).encode()


#: Ways of text alone: no other format has them.
TEXTS = {
    "no header": Bare(), "comments": Commented(), "fixed width": Fixed(),
    "long delimiter": LongDelimiter(), "unit separator": UnitSeparator(),
    "CR in a cell": Returns(), "mixed line ends": MixedEnds(),
}  # fmt: skip
DIALECTS = {
    "plain": Dialect(), "quoted": Quoted(), "escape": Escaped(), "skipInitialSpace": Spaced(),
    "line end in a cell": LineEnds(), "other encoding": Encoded(), "decimal comma": DecimalComma(),
    "no trailing line end": Unended(),
}  # fmt: skip


def typed(row):
    """Give a row with the types of its columns, but numbers with a comma, which are text."""
    visit, who, note, amount, kind = row
    number = amount if "," in amount else float(amount)
    return {"visit": int(visit), "id": who, "note": note, "amount": number, "kind": kind}


def jsonl(dialect, rows):
    lines = (json.dumps(typed(row), ensure_ascii=False) for row in rows)
    return ("\n".join(lines) + dialect.end).encode(dialect.encoding)


def parquet(_, rows):
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([typed(row) for row in rows]), target, row_group_size=2)
    return target.getvalue()


def excel(_, rows):
    """Write a workbook with shared texts, as Excel does, and a second sheet."""
    texts: list[str] = []

    def cell(column: str, number: int, value: object) -> str:
        at = f'r="{column}{number}"'
        if not isinstance(value, str):
            return f"<c {at}><v>{value}</v></c>"
        if value not in texts:
            texts.append(value)
        return f'<c {at} t="s"><v>{texts.index(value)}</v></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    xml = [
        f'<row r="{number}">{"".join(map(cell, "ABCDE", [number] * 5, values))}</row>'
        for number, values in enumerate([NAMES, *(typed(row).values() for row in rows)], start=1)
    ]
    other = f'<row r="1">{cell("A", 1, "kind")}{cell("B", 1, "other sheet")}</row>'
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/><sheet name="T" sheetId="2" r:id="r2"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/s1.xml"/>'
        f'<Relationship Id="r2" Type="{office}/worksheet" Target="worksheets/s2.xml"/>'
        f'<Relationship Id="r3" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/worksheets/s1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(xml)}</sheetData>'
        "</worksheet>",
        "xl/worksheets/s2.xml": f'<worksheet xmlns="{main}"><sheetData>{other}</sheetData>'
        "</worksheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{shared}</sst>',
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return target.getvalue()


def zipped(dialect, rows):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", dialect.text(rows))
    return target.getvalue()


#: By name: the contract's format, the ending of the file, and what writes it.
CARRIERS = {
    "CSV": ("csv", "csv", lambda dialect, rows: dialect.text(rows)),
    "gzip": ("csv", "csv.gz", lambda dialect, rows: gzip.compress(dialect.text(rows))),
    "zip": ("csv", "zip", zipped),
    "JSON Lines": ("jsonl", "jsonl", jsonl),
    "Parquet": ("parquet", "parquet", parquet),
    "Excel": ("excel", "xlsx", excel),
}
CANNOT = {
    ("quoted", "JSON Lines"): "JSON quotes every text, and in one way only",
    ("escape", "JSON Lines"): "JSON has its own escapes, and no others",
    ("skipInitialSpace", "JSON Lines"): "blanks between JSON's values mean nothing anyway",
    ("quoted", "Parquet"): "Parquet writes lengths before texts, and no quotes around them",
    ("escape", "Parquet"): "Parquet writes lengths before texts, so that nothing is escaped",
    ("skipInitialSpace", "Parquet"): "no delimiter stands between Parquet's values",
    ("other encoding", "Parquet"): "text in Parquet is UTF-8 by its specification",
    ("no trailing line end", "Parquet"): "Parquet has no lines",
    ("quoted", "Excel"): "a cell of a workbook is an element of XML, and needs no quotes",
    ("escape", "Excel"): "XML has its own escapes, which every workbook uses",
    ("skipInitialSpace", "Excel"): "no delimiter stands between the cells of a workbook",
    ("other encoding", "Excel"): "a workbook names its encoding itself",
    ("no trailing line end", "Excel"): "a workbook has no lines",
}
CELLS = [cell for cell in itertools.product(DIALECTS, CARRIERS) if cell not in CANNOT]
CELLS += [(name, "CSV") for name in TEXTS]
DIALECTS |= TEXTS


def contract_text(dialect, format_, **more):
    settings: ClassVar[dict[str, str]] = {**dialect.settings, **more}
    if format_ != "csv":
        settings.pop("delimiter", None)
    lines = (f"      - {{property: {k}, value: {json.dumps(v)}}}" for k, v in settings.items())
    text = "\n".join(lines).replace('"true"', "true")
    return CONTRACT.format(format=format_, encoding=dialect.encoding, settings=text)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Give what writes a data set of one file, and returns contract and file."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "params.yaml", "dataset: people\n")

    def make(dialect, carrier):
        format_, ending, content = CARRIERS[carrier]
        path = tmp_path / "configuration/contracts/people.odcs.yaml"
        contract = load_contract(write(path, contract_text(dialect, format_)))
        file = write(tmp_path / f"data/raw/people/a.{ending}", content(dialect, dialect.rows()))
        return contract, file

    return make


def ingested(root, contract):
    """Return the pseudonyms of the people that ingest lets through."""
    folders = [root / name for name in ("interim", "quarantine", "cache")]
    for folder in folders:
        folder.mkdir()
    report = ingest(
        contract, key=KEY, interim=folders[0], quarantine=folders[1], block_bytes=1 << 20,
        compute=ComputeParams(workers=1), cache=folders[2],
    )  # fmt: skip
    assert report["rows"]["quarantined"] == 0
    return {
        token for path in folders[0].glob("*") for token in pq.read_table(path)["id"].to_pylist()
    }


def taken(root):
    """Return the values that the leak scan looks for, by column."""
    found = {}
    for text, shown in personal_values(root).values:
        found.setdefault(shown.split()[1], set()).add(text)
    return found


@pytest.mark.parametrize(("dialect", "carrier"), CELLS)
def test_every_cell_finds_the_same_people(repository, tmp_path, dialect, carrier):
    how = DIALECTS[dialect]
    contract, file = repository(how, carrier)
    rows = how.rows()
    people, notes = {row[1] for row in rows}, {row[2] for row in rows}

    tokens = {
        pseudonymise(pa.array([normal_form(who)]), KEY, "person").to_pylist()[0]: who
        for who in people
    }
    assert ingested(tmp_path, contract) == set(tokens)
    assert taken(tmp_path) == {"id": people, "note": notes}

    page = write(tmp_path / "page.html", "<p>nobody</p>")
    export = SimpleNamespace(sources={"page.html": page}, manifest=write(tmp_path / "m.json", "{}"))
    assert leak_free(tmp_path, export).startswith(f"none of {len(people | notes)} personal values")
    for note in sorted(notes)[::2]:
        page.write_bytes(f"<p>{note}</p>".encode())
        with pytest.raises(DataError, match="the leak scan failed"):
            leak_free(tmp_path, export)

    for token, who in tokens.items():
        assert value_of(tmp_path, [contract], {"k": KEY}, column="id", token=token) == [who]
    for who in people:
        subject = find_subject([contract], {"k": KEY}, column="id", values=[who])
        assert len(holding(file, contract.source.path, subject.tables[0], subject, set())[0]) == 1
    stranger = find_subject([contract], {"k": KEY}, column="id", values=["P00010"])
    assert holding(file, contract.source.path, stranger.tables[0], stranger, set())[0] == []
    subject = find_subject([contract], {"k": KEY}, column="id", values=[PERSON])
    assert remove_rows(file, subject.tables[0], subject) == 2
    others = [row for row in rows if row[1] != PERSON]
    assert taken(tmp_path) == {"id": people - {PERSON}, "note": {row[2] for row in others}}
    if carrier not in ("Parquet", "Excel"):
        writer = jsonl if carrier == "JSON Lines" else lambda how, rows: how.text(rows)
        with open_partition(find_partitions(contract)[0]) as stream:
            assert stream.read() == writer(how, others), "every other byte stays"
    assert file.read_bytes()[:2] == CARRIERS[carrier][2](how, others)[:2], "packed as before"
    for folder in ("interim", "quarantine", "cache"):
        (tmp_path / folder).rename(tmp_path / f"{folder} before")
    assert ingested(tmp_path, contract) == {t for t, who in tokens.items() if who != PERSON}


@pytest.mark.parametrize("dialect", ["quoted", "escape", "skipInitialSpace"])
@pytest.mark.parametrize("carrier", ["JSON Lines", "Parquet", "Excel"])
def test_a_contract_cannot_ask_for_what_cannot_be(tmp_path, dialect, carrier):
    assert CANNOT[dialect, carrier]
    setting = {"quoted": {"quote": "'"}}.get(dialect, DIALECTS[dialect].settings)
    text = contract_text(Dialect(), CARRIERS[carrier][0], **setting)
    with pytest.raises(ContractError, match="is of the format csv; leave it out"):
        load_contract(write(tmp_path / "people.odcs.yaml", text))

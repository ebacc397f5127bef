"""A format is one entry and one module: what that brings, on a format that only this test knows."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import write
from quickstack.data.ingesting.engine import ingest
from quickstack.data.readers import archives
from quickstack.data.readers.blocks import Block, Rejected, RowLocation
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import load_contract
from quickstack.facts.formats import FORMATS, PACKINGS, FileFormat, bare_name
from quickstack.facts.params import ComputeParams
from quickstack.guard.erasing.row_removal import remove_rows
from quickstack.guard.erasing.subject import find_subject
from quickstack.guard.scanning.raw_values import personal_values

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: people
name: People
version: 1.0.0
status: active
servers:
  - {server: raw, type: local, path: data/raw/people/*, format: pairs, customProperties: [
      {property: maxQuarantinedShare, value: 0.5}]}
schema:
  - name: people
    logicalType: object
    properties:
      - {name: visit, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
      - {name: id, logicalType: string, classification: personal, customProperties: [
          {property: personalData, value: pseudonym}, {property: pseudonymDomain, value: person}]}
      - {name: kind, logicalType: string, classification: public,
         enum: [{value: a}, {value: b}]}
customProperties:
  - {property: task, value: binary}
  - {property: target, value: kind}
  - {property: positiveLabel, value: a}
  - {property: testShare, value: 0.2}
"""
ROWS = ["visit=1 id=P-00101 kind=a", "visit=2 id=P-00102 kind=b", "visit=3", "visit=4 kind=a id="]


def blocks(partition, contract, options):
    names = [column.name for column in contract.columns]
    with open_partition(partition) as stream:
        lines = stream.read().decode().splitlines()
    rows, locations, rejected = [], [], []
    for number, line in enumerate(lines, start=1):
        cells = dict(pair.split("=") for pair in line.split(" "))
        location = RowLocation(number, None, line.encode())
        if cells.keys() == set(names):
            rows.append({name: cell or None for name, cell in cells.items()})
            locations.append(location)
        else:
            rejected.append(Rejected(location, f"{len(cells)} values of {len(names)}"))
    table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names]))
    yield Block(table, lambda chosen: [locations[row] for row in chosen], rejected)


def without_rows(stream, out, rows, source, where):
    gone = {row.line for row in rows}
    out.writelines(line for number, line in enumerate(stream, start=1) if number not in gone)


@pytest.fixture
def pairs(monkeypatch):
    module = ModuleType("quickstack.data.readers.pairs")
    module.blocks, module.without_rows = blocks, without_rows
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(FORMATS, "pairs", FileFormat("pairs", "pairs", (".pairs",), "pairs"))


@pytest.mark.parametrize("pack", [bytes, lambda data: pa.compress(data, "lz4", asbytes=True)])
def test_a_format_is_ingested_scanned_and_erased_from(pairs, tmp_path, monkeypatch, pack):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "params.yaml", "dataset: people\n")
    contract = load_contract(write(tmp_path / "configuration/contracts/people.odcs.yaml", CONTRACT))
    file = write(tmp_path / "data/raw/people/a.pairs", pack(("\n".join(ROWS) + "\n").encode()))
    folders = [tmp_path / name for name in ("interim", "quarantine")]
    for folder in folders:
        folder.mkdir()
    report = ingest(
        contract, key=bytes(32), interim=folders[0], quarantine=folders[1], block_bytes=1 << 20,
        compute=ComputeParams(workers=1), cache=tmp_path / "cache",
    )  # fmt: skip
    assert (report["rows"]["clean"], report["rows"]["quarantined"]) == (3, 1)
    assert pq.read_table(folders[0] / "a.parquet")["visit"].to_pylist() == [1, 2, 4]
    assert "1 values of 3" in (folders[1] / "a.jsonl").read_text(encoding="utf-8")

    assert [text for text, _ in personal_values(tmp_path).values] == ["P-00101", "P-00102"]

    subject = find_subject([contract], {}, column="id", values=["P-00101"])
    assert remove_rows(file, subject.tables[0], subject) == 1
    assert [text for text, _ in personal_values(tmp_path).values] == ["P-00102"]
    assert file.read_bytes()[:2] == pack(b"v")[:2].ljust(2, b"i"), "packed as before"


def test_each_entry_is_whole():
    for entry in FORMATS.values():
        reader = import_module(f"quickstack.data.readers.{entry.reader}")
        assert callable(reader.blocks)
        assert callable(reader.without_rows)
    assert archives._CODECS.keys() == PACKINGS.keys()
    endings = [
        e for table in (FORMATS, PACKINGS) for entry in table.values() for e in entry.endings
    ]
    assert len(set(endings)) == len(endings)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("a.csv", "a"), ("a.CSV.GZ", "a"), ("a.b.jsonl.zst", "a.b"), ("a.xlsx", "a"), ("a", "a"),
        ("a.gz.csv", "a.gz"), ("2024.01", "2024.01"), (".csv", ".csv"),
    ],
)  # fmt: skip
def test_names_without_the_endings_of_format_and_packing(name, bare):
    assert bare_name(name) == bare

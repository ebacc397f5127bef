from __future__ import annotations

import bz2
import gzip
import json
import uuid

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import write
from quickstack.facts.errors import SourceError
from quickstack.guard.scanning import raw_values
from quickstack.guard.scanning.raw_values import personal_values
from quickstack.guard.scanning.searched_values import read_values, searchable

REASONS = {
    "abcde": "too short",
    "123456": "too short",
    "2024-02-30": "a date",
    "20240131": "a date",
    "31.12.1999": "a date",
    "2024-02-03T10:11:12": "a date",
    "Direct debit": "declared in the contract",
    "female": "a common word",
    "1111111111": "a repeated character",
    "-----------": "a repeated character",
    "Thomsen": None,
    "1234567": None,
    "C1000000": None,
    "ada@x.io": None,
}


@pytest.mark.parametrize(("text", "reason"), REASONS.items())
def test_what_says_too_little_is_counted_by_reason(text, reason):
    found = searchable([(text, "line 1")], frozenset({"direct debit"}))
    assert found.left_out == ({reason: 1} if reason else {})
    assert len(found.values) == (reason is None)
    assert text not in repr(found)


def test_lines_of_a_file_keep_their_numbers(tmp_path):
    path = write(tmp_path / "values.txt", "\ufeffone value\r\n\r\n  another  \n")
    assert read_values(path) == [("one value", "line 1"), ("another", "line 3")]


@pytest.mark.parametrize("content", [None, "ä".encode("latin-1")])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "values.txt"
    if content:
        write(path, content)
    with pytest.raises(SourceError):
        read_values(path)


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
    format: FORMAT
    customProperties: [{property: delimiter, value: ";"}]
schema:
  - name: people
    logicalType: object
    properties:
      - {name: mail, logicalType: string, classification: personal,
         customProperties: [{property: personalData, value: drop}]}
      - {name: id, logicalType: string, classification: personal, primaryKey: true,
         primaryKeyPosition: 1, customProperties: [{property: personalData, value: pseudonym}]}
      - {name: kind, logicalType: string, classification: public, enum: [{value: aa}, {value: bb}]}
      - {name: amount, logicalType: number}
customProperties:
  - {property: task, value: regression}
  - {property: target, value: amount}
  - {property: testShare, value: 0.2}
"""
LINES = """\
mail;id;kind;amount
a@x.org;P1;aa;1
b@x.org;P2;bb;2
short@x.org
"c@x.org;P3;aa;3
d@x.org;P4;1;2;3;4
"""


def collected(root, limit=100):
    found = personal_values(root, limit)
    return {shown.split()[1]: {t for t, s in found.values if s == shown}
            for _, shown in found.values}, found  # fmt: skip


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_values_come_from_every_row_also_broken_ones(tmp_path, pack):
    write(tmp_path / "configuration/contracts/people.odcs.yaml", CONTRACT.replace("FORMAT", "csv"))
    write(tmp_path / "data/raw/people/a.csv", pack(LINES.encode()))
    values, found = collected(tmp_path)
    assert {"a@x.org", "b@x.org", "short@x.org", "d@x.org"} <= values["mail"]
    assert {"P1", "P2", "P4"} <= values["id"]
    assert {"aa", "bb", "people", "amount"} <= found.public


def test_values_come_from_parquet(tmp_path):
    contract = CONTRACT.replace("FORMAT", "parquet")
    contract = contract.replace('    customProperties: [{property: delimiter, value: ";"}]\n', "")
    write(tmp_path / "configuration/contracts/people.odcs.yaml", contract)
    (tmp_path / "data/raw/people").mkdir(parents=True)
    table = pa.table({"mail": ["a@x.org", None], "id": [1, 2], "other": ["x", "y"]})
    pq.write_table(table, tmp_path / "data/raw/people/a.parquet")
    assert collected(tmp_path)[0] == {"mail": {"a@x.org"}, "id": {"1", "2"}}


def test_a_sample_of_many_values_depends_on_the_values_alone(tmp_path):
    write(tmp_path / "configuration/contracts/people.odcs.yaml", CONTRACT.replace("FORMAT", "csv"))
    rows = [f"person{n}@x.org;P{n};aa;1\n" for n in range(500)]
    taken = []
    for order in (rows, rows[::-1]):
        write(tmp_path / "data/raw/people/a.csv", "mail;id;kind;amount\n" + "".join(order))
        values, found = collected(tmp_path, limit=40)
        taken.append(values)
        assert {name: len(texts) for name, texts in values.items()} == {"mail": 20, "id": 20}
        assert found.distinct == 1000
    assert taken[0] == taken[1]


def test_without_raw_data_there_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match="no raw data"):
        personal_values(tmp_path)


def test_damaged_raw_data_are_said(tmp_path):
    write(tmp_path / "configuration/contracts/people.odcs.yaml", CONTRACT.replace("FORMAT", "csv"))
    write(tmp_path / "data/raw/people/a.csv.gz", gzip.compress(LINES.encode() * 50)[:60])
    with pytest.raises(SourceError, match="compressed file is damaged"):
        personal_values(tmp_path)
    assert raw_values.LIMIT == 200_000


def test_values_come_from_objects_that_stay_on_s3(tmp_path, seaweedfs, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3, bucket = boto3.client("s3"), f"values-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    packed = gzip.compress(LINES.encode())
    etag = s3.put_object(Bucket=bucket, Key="a", Body=packed)["ETag"].strip('"')
    entry = {"url": f"s3://{bucket}/a", "etag": etag, "size": len(packed)}
    write(tmp_path / "configuration/contracts/people.odcs.yaml", CONTRACT.replace("FORMAT", "csv"))
    write(tmp_path / "data/raw/people/s.objects.jsonl", json.dumps(entry) + "\n")
    values, _ = collected(tmp_path)
    assert {"a@x.org", "b@x.org", "short@x.org", "d@x.org"} <= values["mail"]
    s3.delete_object(Bucket=bucket, Key="a")
    with pytest.raises(SourceError, match="its values cannot be taken: the object, or its bucket"):
        collected(tmp_path)


def test_a_file_without_the_personal_columns_is_said(tmp_path):
    write(tmp_path / "configuration/contracts/people.odcs.yaml", CONTRACT.replace("FORMAT", "csv"))
    write(tmp_path / "data/raw/people/a.csv", LINES.replace(";", "\t"))
    with pytest.raises(SourceError, match="none of the contract's personal columns"):
        collected(tmp_path)

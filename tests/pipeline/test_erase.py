"""Erase a person from a repository with history, an S3 server and a key of its own."""

from __future__ import annotations

import json
import re
import shutil
import uuid
import zlib
from pathlib import Path

import boto3
import pyarrow.parquet as pq
import pytest

from examples import write
from quickstack.data.privacy.normal_form import normal_form
from quickstack.data.privacy.pseudonym_keys import epochs
from quickstack.data.privacy.pseudonyms import pseudonymise
from quickstack.guard.verifying.stored_objects import stored
from quickstack.runtime.stores.remotes import read_remote
from quickstack.runtime.stores.s3 import create_buckets

# In parts, since the clone holds this file, and it is searched, too.
SUBJECT = "P00" + "4711"
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
    path: data/raw/people/*.csv
    format: csv
    encoding: utf-8
    customProperties:
      - {property: delimiter, value: ","}
      - {property: missingValues, value: [""]}
      - {property: maxQuarantinedShare, value: 0.1}
schema:
  - name: people
    logicalType: object
    physicalType: file
    dataGranularityDescription: One row per visit.
    properties:
      - name: visit
        logicalType: integer
        primaryKey: true
        primaryKeyPosition: 1
      - name: person
        logicalType: string
        classification: personal
        customProperties:
          - {property: personalData, value: pseudonym}
          - {property: pseudonymDomain, value: person}
      - name: amount
        logicalType: number
        required: true
      - name: note
        logicalType: string
        classification: personal
        customProperties:
          - {property: personalData, value: drop}
      - name: returned
        logicalType: string
        classification: internal
        enum: [{value: "yes"}, {value: "no"}]
customProperties:
  - {property: task, value: binary}
  - {property: target, value: returned}
  - {property: positiveLabel, value: "yes"}
  - {property: testShare, value: 0.2}
"""


def rows(start: int, *more: str) -> str:
    """Write 100 visits, of them one of the subject in three lines, and further rows."""
    lines = [
        f"{i},P{i:06},{i % 7}.5,note,{'yes' if i % 3 else 'no'}" for i in range(start, start + 100)
    ]
    lines[50] = f'{start + 50},{SUBJECT},1.5,"two\nlines, and ""quotes""\n",yes'
    return "\n".join(["visit,person,amount,note,returned", *lines, *more]) + "\n"


class Buckets:
    """Two buckets, the restricted one with versions, and what they hold."""

    def __init__(self, server):
        self.server = server
        self.names = {n: f"{n}-{uuid.uuid4().hex[:12]}" for n in ("storage", "restricted")}
        self.s3 = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name="us-east-1",
        )

    def point(self, root: Path, endpoint: str | None = None) -> None:
        settings = {
            "endpointurl": endpoint or self.server.endpoint,
            "access_key_id": self.server.access_key,
            "secret_access_key": self.server.secret_key,
        }
        text = ""
        for name, bucket in self.names.items():
            own = {"url": f"s3://{bucket}/dvc", **settings}
            text += f"['remote \"{name}\"']\n" + "".join(f"    {k} = {v}\n" for k, v in own.items())
        (root / ".dvc" / "config.local").write_text(text, encoding="utf-8")

    def contents(self) -> dict[str, bytes]:
        """Return all bytes in both buckets, those of earlier versions included."""
        found = {}
        for name, bucket in self.names.items():
            pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
            for item in (item for page in pages for item in page.get("Versions", ())):
                where = {"Bucket": bucket, "Key": item["Key"], "VersionId": item["VersionId"]}
                body = self.s3.get_object(**where)["Body"].read()
                found[f"{name}/{item['Key']}@{item['VersionId']}"] = body
        return found


def decoded(content: bytes, folder: Path) -> str:
    if content[:4] != b"PAR1":
        return content.decode("utf-8", errors="replace")
    path = folder / "object"
    path.write_bytes(content)
    return "\n".join(str(v) for c in pq.read_table(path).columns for v in c.to_pylist())


@pytest.fixture
def repository(fresh_clone, seaweedfs):
    """Give a clone with three versions of its raw data, pushed, and the pseudonyms of all keys."""
    clone = fresh_clone("project")
    buckets = Buckets(seaweedfs)
    buckets.point(clone.path)
    create_buckets([read_remote(clone.path, name) for name in buckets.names])
    buckets.s3.put_bucket_versioning(
        Bucket=buckets.names["restricted"], VersioningConfiguration={"Status": "Enabled"}
    )
    clone.set("^dataset: .*", "dataset: people")
    contract = clone.path / "configuration" / "contracts" / "people.odcs.yaml"
    contract.write_text(CONTRACT, encoding="utf-8")
    clone.run("quickstack", "key", "new")
    raw = clone.path / "data" / "raw" / "people"
    for version in range(3):
        write(raw / "a.csv", rows(0, *([f"77,{SUBJECT},x,broken,no"] if version == 0 else [])))
        write(raw / f"b{version}.csv", rows(1000 * version + 1000))
        write(raw / "other.csv", rows(9000).replace(SUBJECT, "P999999"))
        if version == 2:
            clone.run("quickstack", "key", "rotate")
        clone.run("quickstack", "add", "data/raw/people")
        if version != 1:
            clone.run("dvc", "repro", "ingest")
        clone.commit(f"version {version}")
    clone.run("dvc", "push", "--all-commits", "ingest", "data/raw/people.dvc")
    import pyarrow as pa

    keys = [epoch.key() for epoch in epochs(clone.path)]
    assert len(keys) == 2
    value = pa.array([normal_form(SUBJECT)])
    tokens = [pseudonymise(value, key, "person").to_pylist()[0] for key in keys]
    return clone, buckets, tokens


def holders(clone, buckets, tokens, folder: Path) -> dict[str, bool]:
    """Return every object that holds the subject, from outside the code under test."""
    contents = buckets.contents()
    cache = clone.path / ".dvc" / "cache" / "files" / "md5"
    contents |= {
        f"cache/{p.relative_to(cache)}": p.read_bytes() for p in cache.rglob("*") if p.is_file()
    }
    words = (SUBJECT, *tokens)
    return {n: True for n, c in contents.items() if any(w in decoded(c, folder) for w in words)}


def on_disk(folder: Path, words) -> list[str]:
    """Return the files of the server with one of the words, as they are or packed by gzip."""
    found = []
    for path in sorted(folder.rglob("*")):
        body = path.read_bytes() if path.suffix in (".dat", ".idx", ".log", ".ldb") else b""
        # Of text the server packs each record; Parquet is packed by itself, and known by its MD5.
        packed = [match.start() for match in re.finditer(rb"\x1f\x8b\x08", body)]
        texts = [body, *(zlib.decompressobj(31).decompress(body[at:]) for at in packed)]
        if any(word.encode() in text for text in texts for word in words):
            found.append(path.name)
    return found


def test_a_person_is_erased_from_every_version(repository, fresh_clone, tmp_path):
    clone, buckets, tokens = repository
    before = holders(clone, buckets, tokens, tmp_path)
    assert {name.partition("/")[0] for name in before} == {"cache", "storage", "restricted"}
    value = write(tmp_path / "value", SUBJECT + "\n")
    command = ("quickstack", "erase", "--column", "person", "--value-file", str(value))

    found = clone.run(*command, check=False)
    assert found.returncode == 1
    assert "Nothing was erased. To erase it: add --apply." in found.stdout
    assert holders(clone, buckets, tokens, tmp_path) == before
    commits = clone.run("git", "log", "--format=%h", "-3", "--abbrev=7").stdout.split()
    assert all(commit in found.stdout for commit in commits)
    assert "data/raw/people/a.csv" in found.stdout
    assert "other.csv" not in found.stdout

    # A remote that cannot be reached: nothing is erased anywhere.
    buckets.point(clone.path, endpoint="http://127.0.0.1:9")
    refused = clone.run(*command, "--apply", check=False)
    buckets.point(clone.path)
    assert refused.returncode == 1
    assert "connection refused" in refused.stderr
    assert holders(clone, buckets, tokens, tmp_path) == before

    files = set(buckets.server.folder.rglob("*.dat"))
    done = clone.run(*command, "--apply")
    assert holders(clone, buckets, tokens, tmp_path) == {}
    assert on_disk(buckets.server.folder, (SUBJECT, *tokens)) == []
    assert files <= set(buckets.server.folder.rglob("*.dat")), "no file of the server is deleted"
    for text in (found, refused, done):
        assert not any(w in text.stdout + text.stderr for w in (SUBJECT, *tokens))
    raw = clone.path / "data" / "raw" / "people"
    expected = rows(0)
    row = f'50,{SUBJECT},1.5,"two\nlines, and ""quotes""\n",yes\n'
    assert (raw / "a.csv").read_text() == expected.replace(row, "")
    assert (raw / "other.csv").read_text() == rows(9000).replace(SUBJECT, "P999999")

    clone.run("dvc", "repro", "ingest")
    clone.commit("erased")
    clone.run("dvc", "push", "ingest", "data/raw/people.dvc")
    assert holders(clone, buckets, tokens, tmp_path) == {}
    # Of the other stages nothing was pushed.
    problems = stored(clone.path, days=90, deep=True).problems
    assert any("data/raw/sample" in problem for problem in problems)
    erased_from = ("data/interim", "data/quarantine", "data/raw/people")
    assert not [problem for problem in problems if any(name in problem for name in erased_from)]
    up_to_date = "Data and pipelines are up to date."
    assert clone.run("dvc", "status", "ingest").stdout.strip() == up_to_date
    report = json.loads((clone.path / "reports" / "quality.json").read_text())
    assert report["rows"]["clean"] == 100 + 4 * 100 - 4

    # A fresh clone gets all of HEAD; an old commit lacks the erased objects and no others.
    clone.run("git", "clone", "--quiet", str(clone.path), str(tmp_path / "second"))
    second = type(clone)(tmp_path / "second")
    buckets.point(second.path)
    second.run("dvc", "pull", "ingest", "data/raw/people.dvc")
    assert (second.path / "data/raw/people/a.csv").read_text() == expected.replace(row, "")
    second.run("git", "checkout", "--quiet", commits[0])
    shutil.rmtree(second.path / ".dvc" / "cache")
    old = second.run("dvc", "fetch", "data/raw/people.dvc", check=False)
    gone = {
        "".join(name.split("@")[0].split("/")[-2:]) for name in before if name.startswith("restr")
    }
    named = set(re.findall(r"[0-9a-f]{32}", old.stderr + old.stdout))
    assert old.returncode != 0
    assert named <= gone, "only what was erased is missed"
    cached = {p.parent.name + p.name for p in (second.path / ".dvc/cache/files/md5").rglob("*")}
    assert any(p for p in cached if not p.endswith(".dir") and len(p) == 32), "the others are there"

    (line,) = (clone.path / "reports" / "erasures.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert entry.keys() == {
        "time", "key_fingerprint", "subject", "objects", "places", "commits", "remains",
    }  # fmt: skip
    assert entry["objects"] >= 3
    assert entry["commits"] == 3
    assert {"cache", "restricted", "storage", "workspace"} <= set(entry["places"])
    assert not any(word in line for word in (SUBJECT, *tokens))
    again = clone.run(*command, "--apply")
    assert "no trace of this person" in again.stdout
    assert "nothing to erase" in again.stdout
    assert len((clone.path / "reports" / "erasures.jsonl").read_text().splitlines()) == 1

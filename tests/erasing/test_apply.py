from __future__ import annotations

import gzip
import hashlib
import json
import re
import uuid
import zlib

import boto3
import pyarrow as pa
import pytest

from examples import people_contract, write
from quickstack.data.privacy.normal_form import normal_form
from quickstack.data.privacy.pseudonyms import pseudonymise
from quickstack.data.readers.partitions import read_listing
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import Source
from quickstack.facts.errors import QuickstackError
from quickstack.guard.erasing.apply import apply, resume
from quickstack.guard.erasing.ledger import LEDGER
from quickstack.guard.erasing.search import search
from quickstack.guard.erasing.subject import find_subject
from quickstack.results.publishing.places import published_stores, remember
from quickstack.runtime.storage.server import start, stop
from quickstack.runtime.storage.volumes import contents
from quickstack.runtime.stores.folder_store import FolderStore
from quickstack.runtime.stores.object_stores import all_stores

KEY = bytes(range(32))
VALUE = "P008150"
WITH = f"id,name\n{VALUE},Ada\nP2,Bo\n".encode()
WITHOUT = b"id,name\nP2,Bo\n"
EVERYWHERE = ("cache", "storage", "restricted")


@pytest.fixture
def subject():
    return find_subject([people_contract()], {"k": KEY}, column="id", values=[VALUE])


def versions(repository, subject):
    """Make two commits: raw, quarantine and interim of both hold the subject, one file does not."""
    token = subject.tokens[0].encode()
    for number in range(2):
        a = repository.put(WITH + b"P3,%d\n" % number, "cache", "restricted")
        b = repository.put(WITHOUT, "cache", "restricted")
        raw = repository.folder({"a.csv": a, "b.csv": b}, "cache", "restricted")
        repository.pointer("data/raw/people", raw)
        interim = repository.put(b"%s,%d\n" % (token, number), "cache", "storage")
        lock = {"outs": [{"path": "data/interim", "md5": interim}]}
        write(repository.root / "dvc.lock", json.dumps({"stages": {"ingest": lock}}))
        repository.commit()
    root = repository.root
    write(root / "data/raw/people/a.csv", WITH + b"P3,1\n")
    write(root / "data/raw/people/b.csv", WITHOUT)
    write(root / "data/interim", token)
    write(root / ".dvc/tmp/exps/run/1/1.out", b"failed at " + token)
    write(root / ".quickstack/outputs/reports/x.csv", token)
    write(root / ".quickstack/cache/people/1/part", b"packed, whatever is in it")
    repository.put(b"left by nobody " + token, "cache", "storage")
    write(root.parent / "storage" / "runs" / "ab" / "x", b"md5: 1\n")


def look(repository, subject):
    stores = all_stores(repository.root)
    return search(repository.root, subject, stores), stores


def left(repository, subject):
    """Return the files outside git that hold the subject."""
    words = (VALUE.encode(), subject.tokens[0].encode())
    return sorted(
        path.relative_to(repository.root.parent).as_posix()
        for path in repository.root.parent.rglob("*")
        if path.is_file()
        and ".git" not in path.parts
        and any(word in path.read_bytes() for word in words)
    )


def test_everything_is_found_with_place_and_commits_and_nothing_is_touched(repository, subject):
    versions(repository, subject)
    before = left(repository, subject)
    findings, _ = look(repository, subject)
    assert left(repository, subject) == before
    assert len(findings.objects) == 5
    by_path = {}
    for found in findings.objects:
        by_path.setdefault(found.paths, []).append(found)
    assert by_path.keys() == {("data/raw/people/a.csv",), ("data/interim",), ()}
    for found in by_path[("data/raw/people/a.csv",)]:
        assert sorted(store for store, _ in found.stores) == ["cache", "restricted"]
        assert len(found.commits) == 1
    assert findings.raw == ["data/raw/people/a.csv"]
    assert findings.workspace == [
        ".dvc/tmp/exps/run/1/1.out", ".quickstack/outputs/reports/x.csv", "data/interim",
    ]  # fmt: skip
    assert findings.locations == ["cache", "restricted", "storage", "workspace"]
    assert findings.history == []
    assert len(findings.commits) == 2


def test_all_of_it_is_erased_and_the_ledger_says_so(repository, subject):
    versions(repository, subject)
    findings, stores = look(repository, subject)
    done = apply(repository.root, subject, findings, stores, KEY)
    assert done.rows == {"data/raw/people/a.csv": 1}
    assert done.added == ["data/raw/people.dvc"]
    assert done.remains.places == {}
    assert left(repository, subject) == []
    assert (repository.root / "data/raw/people/a.csv").read_bytes() == b"id,name\nP2,Bo\nP3,1\n"
    assert (repository.root / "data/raw/people/b.csv").read_bytes() == WITHOUT
    assert not (repository.root / ".quickstack" / "cache").exists()
    assert "remote: restricted" in repository.git("show", ":data/raw/people.dvc")
    (line,) = (repository.root / LEDGER).read_text().splitlines()
    entry = json.loads(line)
    assert (entry["objects"], entry["commits"]) == (5, 2)
    assert entry["subject"] == subject.mark(KEY)
    assert not any(word in line for word in (VALUE, *subject.tokens))

    findings, stores = look(repository, subject)
    assert findings.locations == []
    again = apply(repository.root, subject, findings, stores, KEY)
    assert (again.objects, again.added) == (0, [])
    assert (repository.root / LEDGER).read_text() == line + "\n"


@pytest.mark.parametrize("asked", ["Anna.ROE@example.org", " anna.roe@example.org"])
def test_a_person_is_found_whatever_the_spelling_and_others_stay(repository, asked):
    spellings = ("Anna.Roe@Example.org", "anna.roe@example.org ", "\uff21NNA.ROE@example.org")
    keep = "bo.roe@example.org"
    contract = people_contract()
    for number, text in enumerate((*spellings, keep)):
        # The pseudonyms of version 1 of each spelling, and of their common form.
        for version, value in enumerate((text, normal_form(text))):
            (token,) = pseudonymise(pa.array([value]), KEY, "person").to_pylist()
            md5 = repository.put(f"{token},{number}{version}".encode(), "cache", "storage")
            lock = {"outs": [{"path": f"data/interim/{number}{version}", "md5": md5}]}
            write(repository.root / "dvc.lock", json.dumps({"stages": {"ingest": lock}}))
            repository.commit()
    rows = "".join(f'"{text}",Ada\n' for text in (*spellings, keep))
    raw = write(repository.root / "data/raw/people/a.csv", "id,name\n" + rows)
    write(repository.root / "data/quarantine/a.jsonl", json.dumps({"raw": f"x,{spellings[2]}"}))
    person = find_subject([contract], {"k": KEY}, column="id", values=[asked])
    findings, stores = look(repository, person)
    found = sorted(path for item in findings.objects for path in item.paths)
    assert found == [f"data/interim/{n}{v}" for n in range(3) for v in range(2)]
    assert findings.workspace == ["data/quarantine/a.jsonl"]
    apply(repository.root, person, findings, stores, KEY)
    assert raw.read_text() == f'id,name\n"{keep}",Ada\n'
    findings, _ = look(repository, person)
    assert findings.locations == ["workspace"], "quarantine that no stage made is for people"


def test_a_packed_raw_file_is_corrected_and_packed_again(repository, subject):
    versions(repository, subject)
    packed = write(repository.root / "data/raw/people/c.csv", gzip.compress(WITH))
    findings, stores = look(repository, subject)
    done = apply(repository.root, subject, findings, stores, KEY)
    assert done.rows["data/raw/people/c.csv"] == 1
    assert gzip.decompress(packed.read_bytes()) == WITHOUT


@pytest.fixture
def bucket(seaweedfs, monkeypatch):
    """Give the name of a bucket with versions, to which the environment leads, and a client."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3, name = boto3.client("s3"), f"source-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3, name


def list_objects(s3, bucket, contents):
    """Put objects, and return a listing that pins them."""
    lines = []
    for key, content in contents.items():
        put = s3.put_object(Bucket=bucket, Key=key, Body=content)
        entry = {"url": f"s3://{bucket}/{key}", "etag": put["ETag"].strip('"')}
        lines.append(json.dumps(entry | {"size": len(content), "version_id": put["VersionId"]}))
    return "\n".join(lines) + "\n"


def test_objects_that_stay_on_s3_are_corrected_and_pinned_anew(repository, bucket):
    s3, name = bucket
    root, path = repository.root, "data/raw/people/*.objects.jsonl"
    contract = people_contract(source=Source(path=path))
    subject = find_subject([contract], {"k": KEY}, column="id", values=[VALUE])
    # An earlier version of the listing pins earlier objects, of which S3 keeps the versions.
    for number in range(2):
        content = WITH + b"P3,%d\n" % number
        text = list_objects(s3, name, {"a.csv.gz": gzip.compress(content), "b.csv": WITHOUT})
        md5 = repository.put(text.encode(), "cache", "restricted")
        raw = repository.folder({"s.objects.jsonl": md5}, "cache", "restricted")
        repository.pointer("data/raw/people", raw)
        repository.commit()
    listing = write(root / "data/raw/people/s.objects.jsonl", text)
    findings, stores = look(repository, subject)
    assert findings.raw == ["data/raw/people/s.objects.jsonl"]
    assert [part.url for found in findings.objects for part in found.pinned] == [
        f"s3://{name}/a.csv.gz"
    ] * 2
    done = apply(root, subject, findings, stores, KEY)
    assert (done.rows, done.left) == ({findings.raw[0]: 1}, [])
    assert done.remains.places == {}
    here = s3.list_object_versions(Bucket=name)["Versions"]
    texts = {}
    for item in here:
        where = {"Bucket": name, "Key": item["Key"], "VersionId": item["VersionId"]}
        texts.setdefault(item["Key"], []).append(s3.get_object(**where)["Body"].read())
    assert [gzip.decompress(text) for text in texts["a.csv.gz"]] == [WITHOUT + b"P3,1\n"]
    assert texts["b.csv"] == [WITHOUT, WITHOUT]
    (part, other) = read_listing(listing)
    with open_partition(part) as stream:
        assert stream.read() == WITHOUT + b"P3,1\n"
    assert json.loads(text.splitlines()[1])["version_id"] == other.version
    findings, _ = look(repository, subject)
    assert (findings.locations, findings.unread) == ([], 0)


def test_an_erasure_that_ended_between_an_object_and_its_listing_goes_on(
    repository, bucket, monkeypatch
):
    s3, name = bucket
    contract = people_contract(source=Source(path="data/raw/people/*.objects.jsonl"))
    subject = find_subject([contract], {"k": KEY}, column="id", values=[VALUE])
    listing = repository.root / "data/raw/people/s.objects.jsonl"
    write(listing, list_objects(s3, name, {"a.csv": WITH, "b.csv": WITH + b"P3,x\n"}))
    repository.commit()
    findings, stores = look(repository, subject)

    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("quickstack.guard.erasing.row_removal.write_listing", fail)
        with pytest.raises(KeyboardInterrupt):
            apply(repository.root, subject, findings, stores, KEY)
    findings, _ = look(repository, subject)
    assert findings.unread == 1, "the listing pins what is gone"
    resume(repository.root, subject, KEY)
    findings, _ = look(repository, subject)
    assert (findings.unread, findings.raw) == (0, ["data/raw/people/s.objects.jsonl"])
    done = apply(repository.root, subject, findings, stores, KEY)
    assert (done.rows, done.remains.places) == ({findings.raw[0]: 1}, {})
    texts = {}
    for part in read_listing(listing):
        with open_partition(part) as stream:
            texts[part.url.rpartition("/")[2]] = stream.read()
    assert texts == {"a.csv": WITHOUT, "b.csv": WITHOUT + b"P3,x\n"}
    assert len(s3.list_object_versions(Bucket=name)["Versions"]) == 2


def test_an_object_that_changed_since_it_was_pinned_is_not_written_over(repository, bucket):
    s3, name = bucket
    contract = people_contract(source=Source(path="data/raw/people/*.objects.jsonl"))
    subject = find_subject([contract], {"k": KEY}, column="id", values=[VALUE])
    listing = repository.root / "data/raw/people/s.objects.jsonl"
    write(listing, list_objects(s3, name, {"a.csv": WITH}))
    repository.commit()
    s3.put_object(Bucket=name, Key="a.csv", Body=WITH + b"P9,new\n")
    findings, stores = look(repository, subject)
    with pytest.raises(QuickstackError, match="nothing was erased: the object has changed since"):
        apply(repository.root, subject, findings, stores, KEY)
    assert s3.get_object(Bucket=name, Key="a.csv")["Body"].read() == WITH + b"P9,new\n"


@pytest.mark.parametrize("calls", [1, 4])
def test_an_interrupted_erasure_goes_on(repository, subject, monkeypatch, calls):
    versions(repository, subject)
    findings, stores = look(repository, subject)
    delete, count = FolderStore.delete, []

    def fail(self, key):
        count.append(key)
        if len(count) == calls:
            raise KeyboardInterrupt
        delete(self, key)

    monkeypatch.setattr(FolderStore, "delete", fail)
    with pytest.raises(KeyboardInterrupt):
        apply(repository.root, subject, findings, stores, KEY)
    assert not (repository.root / LEDGER).exists()
    monkeypatch.undo()
    findings, stores = look(repository, subject)
    apply(repository.root, subject, findings, stores, KEY)
    assert left(repository, subject) == []
    (line,) = (repository.root / LEDGER).read_text().splitlines()
    assert json.loads(line)["objects"] == 5
    assert not (repository.root / ".quickstack" / "erasing.json").exists()


def test_raw_data_corrected_before_the_interruption_are_versioned_after_it(
    repository, subject, monkeypatch
):
    versions(repository, subject)
    findings, stores = look(repository, subject)

    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("quickstack.guard.erasing.apply.add_restricted", fail)
        with pytest.raises(KeyboardInterrupt):
            apply(repository.root, subject, findings, stores, KEY)
    findings, stores = look(repository, subject)
    assert findings.raw == []
    assert apply(repository.root, subject, findings, stores, KEY).added == ["data/raw/people.dvc"]
    assert left(repository, subject) == []


def import_(repository):
    pointer = repository.root / "data/raw/people.dvc"
    pointer.write_text(pointer.read_text() + "deps:\n- path: https://example.org/a.csv\n")


def stage(repository):
    (repository.root / "data/raw/people.dvc").unlink()
    text = "stages:\n  land:\n    cmd: x\n    outs:\n    - data/raw/people:\n        push: false\n"
    write(repository.root / "dvc.yaml", text)


def absent(repository):
    for path in (repository.root / "data/raw/people").iterdir():
        path.unlink()
    (repository.root / "data/raw/people").rmdir()


REFUSED = {
    "an import": (import_, "is an import"),
    "made by a stage": (stage, "stage land makes this raw file"),
    "not pulled": (absent, "are not here to be corrected; nothing was erased. To fix it: run `dvc"),
    "a file of another kind": (
        lambda r: write(r.root / "data/raw/people/notes.txt", f"about {VALUE}"),
        "notes.txt: this raw file holds the subject, and its rows cannot be taken out here",
    ),
    "of another format": (
        lambda r: write(r.root / "data/raw/people/c.csv", b"%PDF-1.4\n" + WITH),
        "c.csv: this raw file holds the subject, and its rows cannot be taken out here; nothing "
        "was erased: this is not delimited text but a PDF document",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_raw_data_that_cannot_be_corrected_stop_it_before_anything_is_touched(
    repository, subject, case
):
    versions(repository, subject)
    change, sentence = REFUSED[case]
    change(repository)
    before = left(repository, subject)
    findings, stores = look(repository, subject)
    with pytest.raises(QuickstackError) as caught:
        apply(repository.root, subject, findings, stores, KEY)
    assert sentence in str(caught.value)
    assert VALUE not in str(caught.value)
    assert left(repository, subject) == before
    assert not (repository.root / LEDGER).exists()


def test_what_git_keeps_is_named_also_on_a_branch_a_stash_and_an_experiment(repository, subject):
    root, token = repository.root, subject.tokens[0]
    repository.commit()
    repository.git("checkout", "-q", "-b", "side")
    write(root / "reports/side.csv", f"a,{token}\n")
    side = repository.commit()
    repository.git("checkout", "-q", "main")
    write(root / "reports/exp.json", json.dumps({"who": VALUE}))
    experiment = repository.commit()
    repository.git("update-ref", "refs/exps/ab/abcdef/run", experiment)
    repository.git("reset", "-q", "--hard", "HEAD~1")
    write(root / "reports/stash.csv", token)
    repository.git("add", "-A")
    repository.git("stash", "-q")
    findings, stores = look(repository, subject)
    found = dict(findings.history)
    assert found["reports/side.csv"] == (side,)
    assert found["reports/exp.json"] == (experiment,)
    (stash, *_) = found["reports/stash.csv"]
    assert findings.sources[stash] == "refs/stash"
    assert findings.sources[experiment] == "refs/exps/ab/abcdef/run"
    assert findings.workspace == []
    apply(root, subject, findings, stores, KEY)
    assert repository.git("rev-parse", "side") == side


def objects(repository):
    """Return git's objects, as git lists them."""
    listed = repository.git("cat-file", "--batch-all-objects", "--batch-check")
    return {line.split()[0] for line in listed.splitlines()}


def test_git_objects_that_nothing_leads_to_are_erased_and_no_others(repository, subject):
    root, token = repository.root, subject.tokens[0]
    repository.commit()
    before = {}
    for name, text in {"theirs": f"loose {VALUE}", "packed": token, "other": "a note"}.items():
        before[name] = repository.git("hash-object", "-w", str(write(root.parent / "x", text)))
        if name == "packed":
            repository.git("tag", "keep", before["packed"])
            repository.git("repack", "-a", "-d", "-q")
            repository.git("tag", "-d", "keep")
    every = objects(repository)
    findings, stores = look(repository, subject)
    assert findings.unreachable == sorted([before["theirs"], before["packed"]])
    assert apply(root, subject, findings, stores, KEY).remains.places == {}
    assert objects(repository) == every - {before["theirs"], before["packed"]}
    repository.git("fsck", "--strict")


def test_the_local_server_compacts_its_volumes_and_loses_no_file_of_its_own(repository, subject):
    root = repository.root
    server = start(root)
    try:
        settings = {
            "endpoint_url": server.endpoint,
            "aws_access_key_id": server.access_key,
            "aws_secret_access_key": server.secret_key,
        }
        s3 = boto3.client("s3", region_name="us-east-1", **settings)
        s3.create_bucket(Bucket="bucket")
        lines = ["url = s3://bucket/dvc", f"endpointurl = {server.endpoint}"]
        lines += [f"access_key_id = {server.access_key}"]
        lines += [f"secret_access_key = {server.secret_key}"]
        config = "\n    ".join(["['remote \"storage\"']", *lines]) + "\n"
        write(root / ".dvc/config.local", config)
        token = subject.tokens[0]
        large = b"%s;" % token.encode() + bytes(range(256)) * 20_000
        bodies = [f"{token},1".encode() * 50, f"{token},2".encode(), large]
        keys = [md5_key(body) for body in (*bodies, WITHOUT)]
        for key, body in zip(keys, (*bodies, WITHOUT), strict=True):
            s3.put_object(Bucket="bucket", Key=f"dvc/{key}", Body=body)
        # One of them was deleted by somebody, and nobody has compacted since.
        s3.delete_object(Bucket="bucket", Key=f"dvc/{keys[1]}")
        repository.git("add", "-A")
        findings, stores = look(repository, subject)
        assert [found.stores for found in findings.objects] == [
            (("storage", key),) for key in sorted([keys[0], keys[2]])
        ]
        assert findings.volumes
        assert apply(root, subject, findings, stores, KEY).remains.places == {}
        kept = [part for name, part in contents(root) if name.endswith(".dat")]
        assert any(WITHOUT in part for part in kept)
        assert not any(subject.tokens[0].encode() in opened(part) for part in kept)
        assert s3.get_object(Bucket="bucket", Key=f"dvc/{keys[3]}")["Body"].read() == WITHOUT
    finally:
        stop(root)
    assert look_at_volumes(root, token) == []


def md5_key(body):
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def opened(part):
    return gzip.decompress(part) if part[:2] == b"\x1f\x8b" else part


def look_at_volumes(root, token):
    """Return the server's files with a text in them, as they are or packed by gzip anywhere."""
    found = []
    for path in (root / ".quickstack/storage").rglob("*"):
        body = path.read_bytes() if path.is_file() else b""
        packed = [m.start() for m in re.finditer(rb"\x1f\x8b\x08", body)]
        texts = [body, *(zlib.decompressobj(31).decompress(body[at:]) for at in packed)]
        if any(token.encode() in text for text in texts):
            found.append(path)
    return found


def test_an_earlier_run_in_a_published_place_is_erased_and_the_one_in_use_is_named(
    repository, subject, tmp_path
):
    place, token = tmp_path / "share", subject.tokens[0]
    for run in ("one", "two"):
        write(place / f"runs/{run}/predictions.csv", f"id\n{token}\n")
        write(place / f"runs/{run}/page.html", "<p>nobody</p>")
    pointer = {"run": "two", "manifest_sha256": "0", "path": "runs/two/"}
    write(place / "current.json", json.dumps(pointer))
    repository.commit()
    remember(repository.root, str(place))
    remember(repository.root, str(place))
    stores = all_stores(repository.root)
    more, in_use = published_stores(repository.root, stores)
    assert in_use == {str(place): "runs/two/"}
    stores += more
    findings = search(repository.root, subject, stores)
    done = apply(repository.root, subject, findings, stores, KEY, kept=in_use)
    assert [found.stores for found in done.remains.objects] == [
        ((str(place), "runs/two/predictions.csv"),)
    ]
    assert not (place / "runs/one/predictions.csv").exists()
    assert (place / "runs/one/page.html").exists()
    (line,) = (repository.root / LEDGER).read_text().splitlines()
    assert json.loads(line)["remains"] == {str(place): 1}


def test_a_file_that_people_wrote_is_named_and_left(repository, subject):
    repository.commit()
    note = write(repository.root / "notebooks/mine.ipynb", f'"{VALUE}"')
    findings, stores = look(repository, subject)
    done = apply(repository.root, subject, findings, stores, KEY)
    assert done.remains.workspace == ["notebooks/mine.ipynb"]
    (line,) = (repository.root / LEDGER).read_text().splitlines()
    assert json.loads(line)["remains"] == {"workspace": 1}
    assert note.exists()


def test_a_remote_that_is_not_there_stops_the_search(repository, subject):
    versions(repository, subject)
    (repository.root.parent / "storage").rename(repository.root.parent / "away")
    with pytest.raises(QuickstackError, match="folder of the remote storage is not there"):
        look(repository, subject)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("url = gs://bucket/dvc", "third: DVC's package for gs:// is not installed.*dvc-gs"),
        (
            "url = s3://bucket/dvc\n    version_aware = true",
            "third is one that keeps files by name: it cannot be searched here",
        ),
    ],
)
def test_a_remote_that_cannot_be_searched_stops_it(repository, setting, sentence):
    path = repository.root / ".dvc" / "config"
    path.write_text(path.read_text() + f"['remote \"third\"']\n    {setting}\n")
    with pytest.raises(QuickstackError, match=f"remote {sentence}"):
        all_stores(repository.root)


def test_a_value_by_chance_in_other_rows_is_no_finding(repository):
    contract = people_contract()
    subject = find_subject([contract], {"k": KEY}, column="id", values=["17"])
    raw = repository.put(b"id,name\n18,17\n", "cache", "restricted")
    other = repository.put(b"17 rows", "cache", "storage")
    repository.pointer("data/raw/people", repository.folder({"a.csv": raw}, "cache"))
    repository.pointer("models/model", other)
    write(repository.root / "notes", "17")
    repository.commit()
    findings, _ = look(repository, subject)
    assert findings.locations == []


def test_the_run_cache_and_what_experiments_leave_are_searched_and_erased(repository, subject):
    repository.commit()
    root, token = repository.root, subject.tokens[0]
    run = f"params:\n  params.yaml:\n    who: {token}\n"
    write(root / ".dvc/cache/runs/ab/abc/1", run)
    write(root.parent / "storage/runs/ab/abc/1", run + "# another\n")
    write(root.parent / "storage/runs/ab/abc/2", "params: {}\n")
    write(root / ".dvc/tmp/exps/celery/broker/processed/1.msg", json.dumps({"who": token}))
    write(root / ".quickstack/logs/a.log", f"asked for {VALUE}")
    findings, stores = look(repository, subject)
    assert findings.places == {"cache": 1, "storage": 1, "workspace": 2}
    assert apply(root, subject, findings, stores, KEY).remains.places == {}
    assert left(repository, subject) == []
    assert (root.parent / "storage/runs/ab/abc/2").exists()

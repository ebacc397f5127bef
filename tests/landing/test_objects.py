"""`quickstack land s3` from the real SeaweedFS."""

from __future__ import annotations

import json
import uuid

import boto3
import pytest

from quickstack.data.landing import landed_objects
from quickstack.data.landing.landed_objects import land_objects
from quickstack.data.landing.landing_progress import LandingProgress
from quickstack.data.landing.object_patterns import read_source
from quickstack.data.landing.snapshot import opened
from quickstack.runtime.stores.folder_store import ObjectFacts
from quickstack.runtime.stores.s3 import PATIENT, S3Store


class Bucket:
    def __init__(self, server):
        self.name = f"landing-{uuid.uuid4().hex[:12]}"
        self.s3 = boto3.client(
            "s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key, region_name="us-east-1",
        )  # fmt: skip
        self.s3.create_bucket(Bucket=self.name)

    def put(self, **contents):
        for name, text in contents.items():
            key = name.replace("__", "/")
            self.s3.put_object(Bucket=self.name, Key=f"in/{key}.csv", Body=text.encode())

    def delete(self, key):
        self.s3.delete_object(Bucket=self.name, Key=key)


@pytest.fixture
def bucket(seaweedfs, repository, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Bucket(seaweedfs)


def data(repository):
    files = repository.files("sales")
    return {n: b.decode() for n, b in files.items() if not n.endswith(".landing.json")}


def test_new_changed_deleted_and_unchanged_objects(bucket, repository, seaweedfs):
    bucket.put(jan="1\n", feb="2\n", deep__mar="3\n")
    bucket.s3.put_object(Bucket=bucket.name, Key="in/notes.txt", Body=b"x")
    land = ("s3", "sales", f"s3://{bucket.name}/in/**/*.csv")
    code, output = repository.land(*land)
    assert code == 0, output
    assert "3 new, 0 changed, 0 deleted" in output
    assert "Next: quickstack add data/raw/sales" in output
    assert data(repository) == {"jan.csv": "1\n", "feb.csv": "2\n", "deep/mar.csv": "3\n"}
    record = repository.record("sales/sales")
    assert [o["key"] for o in record["objects"]] == ["in/deep/mar.csv", "in/feb.csv", "in/jan.csv"]
    assert record["source"] == land[2]

    before = repository.files("sales")
    code, output = repository.land(*land)
    assert (code, "unchanged: 3 objects" in output, "Next" in output) == (0, True, False)
    assert repository.files("sales") == before

    bucket.put(feb="22\n", apr="4\n")
    bucket.delete("in/jan.csv")
    code, output = repository.land(*land)
    assert "1 new, 1 changed, 1 deleted; 5 bytes transferred; files of deleted" in output
    expected = {"jan.csv": "1\n", "feb.csv": "22\n", "deep/mar.csv": "3\n", "apr.csv": "4\n"}
    assert data(repository) == expected
    assert "unchanged" in repository.land(*land)[1]

    assert repository.land(*land, "--delete")[0] == 0
    del expected["jan.csv"]
    assert data(repository) == expected
    assert "unchanged" in repository.land(*land, "--delete")[1]
    assert repository.staged("sales") == []
    assert repository.holds(seaweedfs.secret_key) == []

    repository.raw("sales/apr.csv").unlink()
    assert repository.land(*land)[0] == 0
    assert data(repository) == expected


def test_objects_that_stay_where_they_are(bucket, repository):
    bucket.put(jan="1\n", feb="22\n")
    land = ("s3", "sales", f"s3://{bucket.name}/in/*.csv", "--in-place")
    assert "2 new" in repository.land(*land)[1]
    name = "sales.objects.jsonl"
    first = repository.raw(f"sales/{name}").read_bytes()
    lines = [json.loads(line) for line in first.splitlines()]
    assert [line["url"] for line in lines] == [
        f"s3://{bucket.name}/in/feb.csv",
        f"s3://{bucket.name}/in/jan.csv",
    ]
    assert [list(line) for line in lines] == [["url", "etag", "size"]] * 2
    assert lines[0]["size"] == 3
    assert list(data(repository)) == [name]
    assert "unchanged" in repository.land(*land)[1]
    assert repository.raw(f"sales/{name}").read_bytes() == first
    bucket.put(jan="11\n")
    assert "0 new, 1 changed, 0 deleted" in repository.land(*land)[1]
    assert repository.land(*land[:3])[0] == 1, "it says that the way is another one"


def test_a_bucket_with_versions(bucket, repository):
    bucket.s3.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    bucket.put(jan="old\n", feb="2\n", mar="3\n")
    bucket.put(jan="new\n")
    bucket.delete("in/mar.csv")
    url = f"s3://{bucket.name}/in/*.csv"
    repository.land("s3", "sales", url, "--in-place", "--name", "list")
    lines = repository.raw("sales/list.objects.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [line["url"][-7:] for line in found] == ["feb.csv", "jan.csv"]
    version = bucket.s3.get_object(
        Bucket=bucket.name, Key="in/jan.csv", VersionId=found[1]["version_id"]
    )
    assert version["Body"].read() == b"new\n"
    assert repository.land("s3", "sales", url)[0] == 0
    assert repository.raw("sales/jan.csv").read_text() == "new\n"


def test_a_transfer_that_ends_in_the_middle_is_continued(bucket, repository, monkeypatch):
    body = bytes(range(256)) * 4096
    bucket.s3.put_object(Bucket=bucket.name, Key="in/big.csv", Body=body)
    bucket.put(small="1\n")
    monkeypatch.setattr(landed_objects, "_CHUNK", 100_000)
    url = f"s3://{bucket.name}/in/*.csv"
    source = read_source(repository.root, url, None)
    ranges = []
    whole = source.store.client.get_object
    monkeypatch.setattr(
        source.store.client, "get_object", lambda **o: ranges.append(o["Range"]) or whole(**o)
    )

    class Interrupted(LandingProgress):
        seen = 0

        def advance(self, amount, *_):
            self.seen += amount
            if self.seen > 300_000:
                raise KeyboardInterrupt

    options = {"in_place": False, "delete": False, "limit": 10**9}
    with opened(repository.root, "sales", "sales") as landing:
        with pytest.raises(KeyboardInterrupt):
            land_objects(landing, source, **options, progress=Interrupted())
        assert repository.files("sales") == {}
        ranges.clear()
        land_objects(landing, source, **options, progress=LandingProgress())
    assert [a for a in ranges if not a.startswith("bytes=0-")], "the big object is continued"
    assert repository.raw("sales/big.csv").read_bytes() == body
    assert repository.staged("sales") == []


def test_an_object_that_changes_between_listing_and_reading(bucket, repository, monkeypatch):
    bucket.put(jan="1\n", feb="2\n")
    url = f"s3://{bucket.name}/in/*.csv"
    repository.land("s3", "sales", url)
    before = repository.files("sales")
    bucket.put(jan="11\n")
    listed = landed_objects.list_objects

    def meddled(source):
        found = listed(source)
        bucket.put(jan="111\n")
        return found

    monkeypatch.setattr(landed_objects, "list_objects", meddled)
    code, output = repository.land("s3", "sales", url)
    assert (code, "changed while" in output) == (1, True), output
    assert repository.files("sales") == before
    monkeypatch.setattr(landed_objects, "list_objects", listed)
    assert repository.land("s3", "sales", url)[0] == 0
    assert data(repository)["jan.csv"] == "111\n"


REFUSED = {
    "nothing matches": ("s3://{bucket}/in/*.parquet", [], {}, "no object matches"),
    "no such bucket": ("s3://{bucket}-x/in/*.csv", [], {}, "does not exist"),
    "no address": ("{bucket}/in/*.csv", [], {}, "not an address of objects"),
    "too much": ("s3://{bucket}/in/*.csv", ["--max-bytes", "1B"], {}, "more than 1 bytes"),
    "no such remote": ("s3://{bucket}/in/*", ["--remote", "x"], {}, "No remote is named x"),
    "hidden file": ("s3://{bucket}/bad/**", [], {}, "can be no name of a file"),
    "climbs out": ("s3://{bucket}/up/**", [], {}, "can be no name of a file"),
    "folder and file": ("s3://{bucket}/both**", [], {}, "the folder of another's"),
    "wrong keys": (
        "s3://{bucket}/in/*.csv", [], {"AWS_SECRET_ACCESS_KEY": "s3cr3t"}, "secret key",
    ),
    "nobody listens": (
        "s3://{bucket}/in/*.csv", [], {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "Nothing listens",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("url", "options", "variables", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_sentence_and_nothing_changed(
    bucket, repository, monkeypatch, url, options, variables, sentence
):
    bucket.put(jan="1\n")
    if "bad" in url:
        bucket.s3.put_object(Bucket=bucket.name, Key="bad/.ssh/key", Body=b"x")
    if "both" in url:
        # SeaweedFS keeps objects as files, and takes no such pair; other servers do.
        pair = dict.fromkeys(("both/a", "both/a/b"), ObjectFacts(1, 0.0, etag="e"))
        monkeypatch.setattr(S3Store, "objects", lambda *_, **__: pair)
    if "up" in url:
        climbing = {"up/../../x.csv": ObjectFacts(1, 0.0, etag="e")}
        monkeypatch.setattr(S3Store, "objects", lambda *_, **__: climbing)
    monkeypatch.setitem(PATIENT, "attempts", 1)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, output = repository.land("s3", "sales", url.format(bucket=bucket.name), *options)
    assert code == 1, output
    assert sentence in output
    assert "s3cr3t" not in output
    assert repository.files("sales") == {}


def test_keys_of_a_remote(bucket, repository, seaweedfs, monkeypatch):
    from helpers import make_repository

    keys = {
        "endpointurl": seaweedfs.endpoint,
        "access_key_id": seaweedfs.access_key,
        "secret_access_key": seaweedfs.secret_key,
    }
    make_repository(repository.root, {"restricted": keys})
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    bucket.put(jan="1\n")
    url = f"s3://{bucket.name}/in/jan.csv"
    code, output = repository.land("s3", "sales", url, "--remote", "restricted")
    assert (code, data(repository)) == (0, {"jan.csv": "1\n"}), output
    bucket.put(jan="2\n")  # the local server's keys are found without being named
    code, output = repository.land("s3", "sales", url)
    assert (code, data(repository)) == (0, {"jan.csv": "2\n"}), output

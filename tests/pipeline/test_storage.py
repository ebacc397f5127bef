"""Data in S3: the shared bucket holds what everybody may have, the restricted one the rest."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
import yaml

from quickstack.runtime.stores.remotes import read_remote
from quickstack.runtime.stores.s3 import create_buckets

#: Folders whose content nobody but the holders of the restricted remote may see.
PRIVATE = ("data/raw", "data/quarantine")
PERSONAL = ("customer_id", "email")


@dataclass
class Buckets:
    """Two fresh buckets on a running server."""

    server: Any
    storage: str = field(default_factory=lambda: f"shared-{uuid.uuid4().hex[:12]}")
    restricted: str = field(default_factory=lambda: f"restricted-{uuid.uuid4().hex[:12]}")

    def point(self, root: Path, *names: str, **changes: str) -> None:
        """Point remotes of a clone at them in `.dvc/config.local`, and at nothing else."""
        settings = {
            "endpointurl": self.server.endpoint,
            "access_key_id": self.server.access_key,
            "secret_access_key": self.server.secret_key,
        }
        text = ""
        for name in names:
            own = {"url": f"s3://{getattr(self, name)}/dvc", **settings, **changes}
            text += f"['remote \"{name}\"']\n" + "".join(f"    {k} = {v}\n" for k, v in own.items())
        (root / ".dvc" / "config.local").write_text(text, encoding="utf-8")

    @property
    def s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            aws_access_key_id=self.server.access_key,
            aws_secret_access_key=self.server.secret_key,
            region_name="us-east-1",
        )

    def objects(self, bucket: str) -> dict[str, str]:
        """Return the key of every object by the md5 that DVC put into it."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        assert all(key.startswith("dvc/files/md5/") for key in keys)
        return {"".join(key.split("/")[-2:]): key for key in keys}

    def read(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def pushed(s3_server, _finished, tmp_path_factory):
    """Give a clone that has pushed to fresh buckets; tests must leave both as they are."""
    clone = _finished.copy(tmp_path_factory.mktemp("pushed") / "project")
    buckets = Buckets(s3_server)
    buckets.point(clone.path, "storage", "restricted")
    create_buckets([read_remote(clone.path, name) for name in ("storage", "restricted")])
    clone.run("dvc", "push")
    return clone, buckets


@pytest.fixture
def own_copy(pushed, tmp_path):
    """Give a copy of that clone, and the buckets."""
    clone, buckets = pushed
    return clone.copy(tmp_path / "project"), buckets


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def tree(root: Path, *places: str) -> dict[str, str]:
    """Return the md5 of every file below these files and folders, apart from git's own."""
    found = {path for place in places for path in (root / place, *(root / place).rglob("*"))}
    return {
        path.relative_to(root).as_posix(): md5(path.read_bytes())
        for path in sorted(found)
        if path.is_file() and path.name != ".gitignore"
    }


def locked(clone) -> dict[str, str]:
    """Return what `dvc.lock` names and git does not hold: path to md5."""
    pipeline = yaml.safe_load((clone.path / "dvc.yaml").read_text(encoding="utf-8"))
    uncached = {
        path
        for stage in pipeline["stages"].values()
        for entry in [*stage.get("outs", ()), *stage.get("metrics", ())]
        if isinstance(entry, dict)
        for path, options in entry.items()
        if options.get("cache") is False
    }
    return {path: found for path, found in clone.outputs().items() if path not in uncached}


def shared_outputs(clone) -> list[str]:
    return [path for path in locked(clone) if not path.startswith(PRIVATE)]


def needed(clone, paths) -> set[str]:
    """Return the objects that outputs consist of: each file, and the list of each folder."""
    outputs, wanted = locked(clone), set()
    for path in paths:
        wanted.add(outputs[path])
        if outputs[path].endswith(".dir"):
            cache = clone.path / ".dvc" / "cache" / "files" / "md5"
            listed = (cache / outputs[path][:2] / outputs[path][2:]).read_text(encoding="utf-8")
            wanted |= {entry["md5"] for entry in json.loads(listed)}
    return wanted


def personal_values(root: Path) -> set[str]:
    """Return every customer's number and e-mail address in the raw data."""
    found: set[str] = set()
    for path in sorted((root / "data" / "raw").rglob("*.csv")):
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        places = [header.split(",").index(name) for name in PERSONAL]
        found |= {
            row.split(",")[i] for row in rows if row.count(",") == header.count(",") for i in places
        }
    # `unknown` is one of the sample's planted faults, and a word that others use.
    return found - {"", "unknown"}


def texts(path: Path) -> str:
    """Return the content of a file as text, that of Parquet decoded."""
    content = path.read_bytes()
    if content[:4] != b"PAR1":
        return content.decode("utf-8", errors="replace")
    return "\n".join(
        str(value) for column in pq.read_table(path).columns for value in column.to_pylist()
    )


def test_the_shared_bucket_holds_the_shared_outputs_and_nothing_else(pushed):
    clone, buckets = pushed
    assert set(buckets.objects(buckets.storage)) == needed(clone, shared_outputs(clone))
    private = [path for path in locked(clone) if path.startswith(PRIVATE)]
    assert len(private) == 2
    assert set(buckets.objects(buckets.restricted)) == needed(clone, private)


def test_no_raw_and_no_quarantined_byte_is_in_the_shared_bucket(pushed, tmp_path):
    clone, buckets = pushed
    shared, restricted = (buckets.objects(b) for b in (buckets.storage, buckets.restricted))
    private = tree(clone.path, *PRIVATE)
    assert len(private) > 24, "24 months and a quarantine"
    assert not set(private.values()) & set(shared)
    assert set(private.values()) <= set(restricted)

    personal = personal_values(clone.path)
    assert len(personal) > 900
    raw = [path for path in private if path.endswith(".csv")]
    lines = {line for path in raw[:3] for line in (clone.path / path).read_text().splitlines()[1:]}
    for key in shared.values():
        path = tmp_path / "object"
        path.write_bytes(buckets.read(buckets.storage, key))
        content = texts(path)
        # By words, since looking for each of thousands of values in each object is slow.
        words = set(content.replace('"', " ").replace(",", " ").split())
        assert not words & personal, key
        assert "@example.org" not in content, key
        assert not lines & set(content.splitlines()), key


@pytest.mark.parametrize(
    ("s3_server", "way"),
    [
        ("seaweedfs", "by naming the shared remote"),
        ("ceph", "with an empty bucket in its place"),
    ],
    indirect=["s3_server"],
)
def test_a_clone_without_the_restricted_remote_gets_all_that_it_needs(pushed, tmp_path, way):
    first, buckets = pushed
    first.run("git", "clone", "--quiet", str(first.path), str(tmp_path / "second"))
    second = type(first)(tmp_path / "second")
    buckets.point(second.path, "storage")
    # With neither, DVC asks the restricted remote too, finds no credentials, and brings nothing.
    if way == "by naming the shared remote":
        command = ["dvc", "pull", "--remote", "storage", "--allow-missing"]
    else:
        empty = replace(buckets, restricted=f"empty-{uuid.uuid4().hex[:12]}")
        empty.point(second.path, "storage", "restricted")
        create_buckets([read_remote(second.path, "restricted")])
        command = ["dvc", "pull", "--allow-missing"]
    pulled = second.run(*command)
    assert "Traceback" not in pulled.stderr
    shared = shared_outputs(first)
    assert tree(second.path, *shared) == tree(first.path, *shared)
    assert second.outputs() == first.outputs()
    for private in ("data/raw/sample", "data/quarantine"):
        assert not (second.path / private).exists()
    verified = second.run("quickstack", "verify", check=False)
    assert verified.returncode == 0, verified.stdout
    assert "nothing would run" in verified.stdout
    status = json.loads(second.run("dvc", "status", "--json").stdout)
    changed = [
        c
        for stage in status.values()
        for kind in stage
        if isinstance(kind, dict)
        for c in kind.values()
    ]
    assert all(set(c.values()) <= {"deleted", "not in cache"} for c in changed), status
    assert {path for change in changed for path in change} <= {"data/raw/sample", "data/quarantine"}
    assert second.run("git", "status", "--porcelain").stdout == ""


def test_all_comes_back_after_cache_and_workspace_are_gone(own_copy):
    clone, _ = own_copy
    folders = ("data", "models", "exports", "reports")
    before = tree(clone.path, *folders)
    for name in (".dvc/cache", *folders[:3]):
        shutil.rmtree(clone.path / name)
    clone.run("git", "checkout", "--", "data", "models")
    clone.run("dvc", "pull")
    assert tree(clone.path, *folders) == before
    assert clone.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


@pytest.mark.parametrize("s3_server", ["seaweedfs"], indirect=True)
def test_a_corrupted_object_is_not_pulled(own_copy):
    clone, buckets = own_copy
    wanted = clone.outputs()["models/model.skops"]
    key = buckets.objects(buckets.storage)[wanted]
    good = buckets.read(buckets.storage, key)
    bad = bytes([good[0] ^ 1]) + good[1:]
    shutil.rmtree(clone.path / ".dvc" / "cache")
    (clone.path / "models" / "model.skops").unlink()
    buckets.s3.put_object(Bucket=buckets.storage, Key=key, Body=bad)
    try:
        pulled = clone.run("dvc", "pull", "models/model.skops", check=False)
        assert pulled.returncode != 0
        places = [clone.path / "models" / "model.skops"]
        places += [p for p in (clone.path / ".dvc" / "cache").rglob("*") if p.is_file()]
        assert not [path for path in places if path.exists() and path.read_bytes() == bad]
    finally:
        buckets.s3.put_object(Bucket=buckets.storage, Key=key, Body=good)
    clone.run("dvc", "pull", "models/model.skops")
    assert (clone.path / "models" / "model.skops").read_bytes() == good


@pytest.mark.parametrize("s3_server", ["ceph"], indirect=True)
def test_own_raw_data_go_to_the_restricted_bucket_only(own_copy):
    clone, buckets = own_copy
    content = f"name\nAda {uuid.uuid4().hex}\n".encode()
    folder = clone.path / "data" / "raw" / "own"
    folder.mkdir()
    (folder / "people.csv").write_bytes(content)
    # In a folder of the repository, as people are.
    added = type(clone)(clone.path / "data").run("quickstack", "add", "raw/own")
    assert "data/raw/own.dvc names this version" in added.stdout
    assert clone.run("git", "show", ":data/raw/own.dvc").stdout.count("remote: restricted") == 1
    assert clone.run("git", "check-ignore", "data/raw/own/people.csv").stdout
    shared = buckets.objects(buckets.storage)
    clone.run("dvc", "push")
    assert md5(content) in buckets.objects(buckets.restricted)
    assert buckets.objects(buckets.storage) == shared
    assert clone.run("quickstack", "verify").returncode == 0


def test_verify_names_raw_data_that_a_plain_dvc_add_would_share(finished):
    folder = finished.path / "data" / "raw" / "other"
    folder.mkdir()
    (folder / "people.csv").write_text("name\nAda\n", encoding="utf-8")
    finished.run("dvc", "add", "data/raw/other")
    found = finished.run("quickstack", "verify", check=False)
    assert found.returncode == 1
    assert "a push would share data/raw/other; bind it by `quickstack add`" in found.stdout
    assert "Traceback" not in found.stderr
    finished.run("quickstack", "add", "data/raw/other")
    assert finished.run("quickstack", "verify").returncode == 0


BROKEN = {
    "endpoint down": (
        {"endpointurl": "http://127.0.0.1:9"},
        "Nothing listens at http://127.0.0.1:9: connection refused. To fix it: start it with",
    ),
    "wrong secret": (
        {"secret_access_key": "not-the-secret"},
        "The secret key is not that of the access key id. To fix it: use the keys of this",
    ),
    "bucket missing": (
        {"url": "s3://no-such-bucket-here/dvc"},
        "The bucket no-such-bucket-here does not exist. To fix it: run `quickstack storage start`",
    ),
}


# What the probe says of both servers is in tests/storage/test_probe.py.
@pytest.mark.parametrize("s3_server", ["seaweedfs"], indirect=True)
@pytest.mark.parametrize("case", list(BROKEN))
def test_the_doctor_says_what_is_wrong_with_the_storage(own_copy, case):
    clone, buckets = own_copy
    changes, sentence = BROKEN[case]
    buckets.point(clone.path, "storage", "restricted", **changes)
    before = tree(clone.path, "data", "models", "exports")
    asked = clone.run("quickstack", "doctor", check=False)
    assert asked.returncode == 1
    assert sentence in asked.stdout
    assert "1 failed" in asked.stderr
    assert "Traceback" not in asked.stdout + asked.stderr
    for secret in (buckets.server.secret_key, "not-the-secret"):
        assert secret not in asked.stdout + asked.stderr
    assert tree(clone.path, "data", "models", "exports") == before

"""Places of a repository: git, DVC's cache, run-cache, experiments and remotes."""

from __future__ import annotations

import hashlib
import json
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from examples import write
from helpers import make_repository
from quickstack.guard.scanning import workspace_files
from quickstack.guard.scanning.leak_scan import Scanner, scan_repository
from quickstack.guard.scanning.searched_values import searchable
from scanning.shapes import EMAIL, VALUES

PIPELINE = """\
stages:
  sample: {cmd: x, outs: [{data/raw/people: {remote: restricted}}]}
  ingest: {cmd: x, outs: [data/interim, {data/quarantine: {remote: restricted}}]}
"""


def git(root, *arguments):
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    root = make_repository(tmp_path / "project")
    write(root / "dvc.yaml", PIPELINE)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "first")
    return root


def scan(root, **settings):
    named = [(value, f"line {number}") for number, value in enumerate(VALUES, 1)]
    settings = {"remotes": False} | settings
    return scan_repository(root, Scanner(searchable(named, frozenset())), **settings)


def put(root, content, folder=".dvc/cache/files/md5"):
    md5 = hashlib.md5(content).hexdigest()
    write(root / folder / md5[:2] / md5[2:], content)
    return md5


def lock(root, **outs):
    entries = [{"path": path.replace("__", "/"), "md5": md5} for path, md5 in outs.items()]
    write(root / "dvc.lock", json.dumps({"schema": "2.0", "stages": {"ingest": {"outs": entries}}}))


def blob(root):
    write(root / "a.txt", EMAIL)
    git(root, "add", "a.txt")
    git(root, "commit", "-q", "-m", "second")
    git(root, "rm", "-q", "a.txt")
    git(root, "commit", "-q", "-m", "third")


def packed(root):
    blob(root)
    git(root, "gc", "-q")


def unreachable(root):
    write(root / "a.txt", EMAIL)
    git(root, "add", "a.txt")
    git(root, "rm", "-q", "--cached", "a.txt")
    (root / "a.txt").unlink()


def message(root):
    git(root, "commit", "-q", "--allow-empty", "-m", f"look at {EMAIL}")


def committed_name(root):
    write(root / f"{EMAIL}.txt", "x")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    git(root, "rm", "-q", f"{EMAIL}.txt")
    git(root, "commit", "-q", "-m", "third")


def stash(root):
    write(root / "dvc.yaml", PIPELINE + f"# {EMAIL}\n")
    git(root, "stash")


def reflog(root):
    git(root, "checkout", "-q", "-b", EMAIL)
    git(root, "checkout", "-q", "main")
    git(root, "branch", "-q", "-D", EMAIL)


def tag(root):
    git(root, "tag", "-a", "v1", "-m", EMAIL)


def experiment(root):
    git(root, "checkout", "-q", "--detach")
    message(root)
    git(root, "update-ref", "refs/exps/ab/cdef/one", "HEAD")
    git(root, "checkout", "-q", "main")


def parameter_in_the_lock(root):
    write(root / "dvc.lock", f"schema: '2.0'\nstages:\n  a:\n    params:\n      name: {EMAIL}\n")


def shared_object(root):
    lock(root, data__interim=put(root, f"mail\n{EMAIL}\n".encode()))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")


def object_that_nothing_names(root):
    put(root, EMAIL.encode())


def restricted_object_that_is_shared_too(root):
    md5 = put(root, EMAIL.encode())
    lock(root, data__quarantine=md5, data__interim=md5)


PLACES = {
    "git blob of an older commit": (blob, "git"),
    "git pack": (packed, "git"),
    "git object of no commit": (unreachable, "git"),
    "commit message": (message, "git"),
    "name of a committed file": (committed_name, "git"),
    "stash": (stash, "git"),
    "reflog": (reflog, "git"),
    "tag message": (tag, "git"),
    "experiment": (experiment, "git"),
    "dvc.lock": (parameter_in_the_lock, "workspace"),
    "cached object": (shared_object, "cache"),
    "object that nothing names": (object_that_nothing_names, "cache"),
    "object in a restricted and a shared output": (restricted_object_that_is_shared_too, "cache"),
    "run-cache": (lambda root: write(root / ".dvc/cache/runs/ab/abc/def", EMAIL), "run-cache"),
    "output of a queued experiment": (
        lambda root: write(root / ".dvc/tmp/exps/run/1f/1f.out", EMAIL), "experiments",
    ),
    "log that git ignores": (lambda root: write(root / "logs/run.log", EMAIL), "workspace"),
    "report": (lambda root: write(root / "reports/metrics.json", EMAIL), "workspace"),
}  # fmt: skip


@pytest.mark.parametrize(("plant", "kind"), PLACES.values(), ids=PLACES)
def test_a_planted_value_is_found_where_it_lies(repository, plant, kind):
    assert scan(repository).findings == []
    plant(repository)
    report = scan(repository)
    assert kind in {finding.kind for finding in report.findings}
    assert report.unread == []
    assert EMAIL not in json.dumps(report.document())


def plant_restricted(root):
    """Plant where such values belong: raw data, quarantine, and their objects."""
    raw = put(root, f"raw {EMAIL}".encode())
    listed = json.dumps([{"relpath": "a.csv", "md5": raw}]).encode()
    folder = hashlib.md5(listed).hexdigest() + ".dir"
    write(root / ".dvc/cache/files/md5" / folder[:2] / folder[2:], listed)
    lock(root, data__raw__people=folder, data__quarantine=put(root, f"bad {EMAIL}".encode()))
    write(root / "data/raw/people/a.csv", EMAIL)
    write(root / "data/quarantine/a.parquet", EMAIL)
    write(root / ".dvc/tmp/exps/tmp1/data/raw/people/a.csv", EMAIL)
    write(root / ".quickstack/cache/a", EMAIL)
    git(root, "add", "dvc.lock")
    git(root, "commit", "-q", "-m", "data")
    (root / "dvc.lock").unlink()  # an older commit's objects are restricted too


def test_raw_data_and_quarantine_are_left_out_until_they_are_wanted(repository):
    plant_restricted(repository)
    report = scan(repository)
    assert report.findings == []
    assert report.skipped == {"cache": 3}
    report = scan(repository, restricted=True)
    assert {f.kind for f in report.findings} == {"workspace", "experiments", "cache"}


PRIVATE = f"a row of {EMAIL}".encode()


def test_the_shared_remote_is_looked_through_and_the_restricted_one_is_not(repository):
    lock(repository, data__quarantine=put(repository, PRIVATE))
    shared, restricted = (repository.parent / name for name in ("shared", "restricted"))
    sections = {"storage": shared, "restricted": restricted}
    lines = [f"['remote \"{name}\"']\n    url = {path}\n" for name, path in sections.items()]
    write(repository / ".dvc" / "config", "".join(lines))
    put(restricted, PRIVATE, "files/md5")
    put(shared, b"nothing", "files/md5")
    assert scan(repository, remotes=True).findings == []
    # A raw object that got into the shared remote is a leak, whatever names it.
    put(shared, PRIVATE, "files/md5")
    (found,) = scan(repository, remotes=True).findings
    assert found.kind == "remote storage"
    assert "data/quarantine" in found.path


def test_a_remote_that_cannot_be_reached_is_not_read(repository, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    write(
        repository / ".dvc" / "config.local",
        "['remote \"storage\"']\n    endpointurl = http://127.0.0.1:9\n",
    )
    (one,) = scan(repository, remotes=True).unread
    assert one.kind == "remote storage"


ANSWERS = {
    "a web page": (200, {}, b"<html><body>Welcome</body></html>"),
    "a web page in XML": (200, {}, b'<?xml version="1.0"?><html><head/><body/></html>'),
    "nothing": (200, {}, b""),
    "another region": (
        301, {"x-amz-bucket-region": "eu-west-1"},
        b"<Error><Code>PermanentRedirect</Code><Message>x</Message></Error>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_server_that_is_not_that_of_the_remote_is_not_read(repository, answer):
    status, headers, body = answer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    write(
        repository / ".dvc" / "config.local",
        f"['remote \"storage\"']\n    endpointurl = http://127.0.0.1:{server.server_port}\n"
        "    access_key_id = x\n    secret_access_key = x\n",
    )
    try:
        (one,) = scan(repository, remotes=True).unread
    finally:
        server.shutdown()
        server.server_close()
    assert one.kind == "remote storage"


def test_a_file_without_permission_is_not_read(repository, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(workspace_files, "from_file", refused)
    write(repository / "a.txt", "x")
    unread = {(one.path, one.why) for one in scan(repository).unread}
    assert ("a.txt", "Permission denied") in unread


def test_a_damaged_dvc_file_does_not_end_the_scan(repository):
    write(repository / "dvc.lock", "stages: [")
    write(repository / "a.txt", EMAIL)
    assert [finding.path for finding in scan(repository).findings] == ["a.txt"]

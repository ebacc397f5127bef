"""Pseudonym keys and S3 secrets in commits, in the workspace and in what is published."""

from __future__ import annotations

import base64
import gzip

import pytest

from examples import write
from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, add_key, fingerprint
from quickstack.guard.scanning.git_objects import git_items
from quickstack.guard.scanning.leak_scan import leaked_keys
from quickstack.guard.scanning.workspace_files import workspace
from scanning.test_repository_places import git, repository  # noqa: F401 - a fixture

KEY = bytes(range(32))
NAMED = fingerprint(KEY)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY0123456789"


def found(root):
    items = [*workspace(root, root / ".dvc/cache", restricted=False)]
    report = leaked_keys(root, [*items, *git_items(root)])
    text = " ".join(finding.sentence() for finding in report.findings)
    assert KEY.hex() not in text
    assert SECRET not in text
    return {(finding.kind, finding.value) for finding in report.findings}


def named_by_a_contract(root):
    write(
        root / "configuration/contracts/x.odcs.yaml",
        f"- property: pseudonymKey\n  value: {NAMED}\n",
    )
    write(root / "notes.txt", f"for later: {KEY.hex()}.")


def named_by_an_older_contract(root):
    named_by_a_contract(root)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    (root / "configuration/contracts/x.odcs.yaml").unlink()


def key_file(root):
    write(root / f"keys/0001-{NAMED}.key", KEY.hex() + "\n")


def assigned(root):
    write(root / "run.sh", f"export QUICKSTACK_PSEUDONYM_KEY='{KEY.hex()}'\n")


def of_the_ring(content):
    def plant(root):
        add_key(root, KEY)
        write(root / "a.bin", content)

    return plant


KEYS = {
    "named by a contract": named_by_a_contract,
    "named by an older contract": named_by_an_older_contract,
    "its file": key_file,
    "set in a script": assigned,
    "upper case": of_the_ring(KEY.hex().upper().encode()),
    "its bytes": of_the_ring(b"x" + KEY + b"y"),
    "base64": of_the_ring(base64.b64encode(KEY)),
    "packed": of_the_ring(gzip.compress(b"key " + KEY.hex().encode())),
}


@pytest.mark.parametrize("plant", KEYS.values(), ids=KEYS)
def test_a_pseudonym_key_is_found(repository, plant):  # noqa: F811
    assert found(repository) == set()
    plant(repository)
    assert ("workspace", f"the pseudonym key {NAMED}") in found(repository)


def test_a_key_in_a_commit_is_found_when_the_workspace_forgot_it(repository):  # noqa: F811
    key_file(repository)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "second")
    git(repository, "rm", "-q", "-r", "keys")
    git(repository, "commit", "-q", "-m", "third")
    assert found(repository) == {("git", f"the pseudonym key {NAMED}")}


CONFIG = "['remote \"storage\"']\n    url = s3://a/b\n    secret_access_key = {}\n"
SECRETS = {
    ".dvc/config": CONFIG.format(SECRET),
    ".dvc/config ": CONFIG.format("minioadmin"),
    "keys.json": f'{{"credentials": [{{"accessKey": "A", "secretKey": "{SECRET}"}}]}}',
    "ci.yaml": f"env:\n  AWS_SECRET_ACCESS_KEY: {SECRET}\n",
    "run.py": f"client(aws_secret_access_key='{SECRET}')\n",
    "credentials": f"[default]\naws_secret_access_key={SECRET}\n",
}


@pytest.mark.parametrize(("path", "text"), SECRETS.items())
def test_an_s3_secret_is_found(repository, path, text):  # noqa: F811
    write(repository / path.strip(), text)
    assert ("workspace", "an S3 secret") in found(repository)


def test_the_secret_of_a_remote_is_found_wherever_it_stands(repository):  # noqa: F811
    write(repository / ".dvc/config.local", CONFIG.format(SECRET))
    write(repository / ".env", f"AWS_SECRET_ACCESS_KEY={SECRET}\n")
    assert found(repository) == set(), "where it belongs"
    write(repository / "notes.txt", base64.b64encode(b"remember " + SECRET.encode()))
    assert found(repository) == {("workspace", "the S3 secret of remote storage")}


HARMLESS = (
    "sha256:" + KEY.hex(),
    f"pseudonymKey: {fingerprint(SAMPLE_KEY)} {SAMPLE_KEY.hex()}",
    "aws_secret_access_key=self.server.secret_key,",
    '"secret_access_key": settings["secret_access_key"]',
    "AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}",
    "secret_access_key = <the secret of your server>",
    "secret_key: str = field(repr=False)",
    "    secret_access_key = ********",
)


def test_what_only_speaks_of_keys_is_none(repository):  # noqa: F811
    write(repository / "a.txt", "\n".join(HARMLESS))
    assert found(repository) == set()

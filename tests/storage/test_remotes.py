"""The remotes as DVC sees them, and the configuration files that name them."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from helpers import ROOT, make_repository
from quickstack.facts.errors import StorageError
from quickstack.runtime.storage.local_config import check_no_secrets, write_local_config
from quickstack.runtime.storage.server import ServerInfo
from quickstack.runtime.stores.remotes import read_remote
from quickstack.runtime.stores.s3 import client, create_buckets
from servers import S3Server

INFO = ServerInfo("http://127.0.0.1:18330", "QUICKSTACK01", "s3cr3t", 1, Path(), False)


def test_committed_remotes(tmp_path: Path) -> None:
    root = make_repository(tmp_path)
    for name in ("storage", "restricted"):
        remote = read_remote(root, name)
        assert (remote.bucket, remote.prefix) == (f"quickstack-{name}", "dvc")
        assert remote.settings["verify"] is True
    check_no_secrets(ROOT / ".dvc/config")


@pytest.mark.parametrize(
    ("config", "local", "expected"),
    [
        (None, "", "no DVC repository here"),
        ("", "", "No remote is named storage"),
        (
            "['remote \"storage\"']\n  url = s3://bucket/x\n  endpoint_url = http://x\n",
            "",
            "endpoint_url",
        ),
        (
            "['remote \"storage\"']\n  url = s3://bucket/x\n",
            "['remote \"storage\"']\nsecret_access_key: s3cr3t\n",
            "line 2",
        ),
        ("['remote \"storage\"']\n  url = s3://bucket/x\n  verify = s3cr3t\n", "", "verify"),
    ],
)
def test_configuration_that_cannot_be_used(
    tmp_path: Path, config: str | None, local: str, expected: str
) -> None:
    (tmp_path / ".dvc").mkdir()
    if config is not None:
        (tmp_path / ".dvc/config").write_text(config)
        (tmp_path / ".dvc/config.local").write_text(local)
    with pytest.raises(StorageError) as caught:
        read_remote(tmp_path)
    assert expected in str(caught.value)
    assert "To fix it:" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "variables", "endpoint", "access_key"),
    [
        ({"endpointurl": "http://a:1"}, {"AWS_ENDPOINT_URL": "http://b:2"}, "http://a:1", "ENV"),
        ({}, {"AWS_ENDPOINT_URL": "http://b:2"}, "http://b:2", "ENV"),
        ({}, {"AWS_ENDPOINT_URL_S3": "http://c:3"}, "http://c:3", "ENV"),
        ({"profile": "team"}, {}, "http://d:4", "TEAM"),
        ({}, {"AWS_PROFILE": "team", "AWS_ACCESS_KEY_ID": ""}, "http://d:4", "TEAM"),
        (
            {"endpointurl": "http://a:1", "access_key_id": "LOCAL", "secret_access_key": "x"},
            {},
            "http://a:1",
            "LOCAL",
        ),
    ],
)
def test_what_wins(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    variables: dict[str, str],
    endpoint: str,
    access_key: str,
) -> None:
    aws = tmp_path / "aws-config"
    aws.write_text(
        "[profile team]\naws_access_key_id = TEAM\naws_secret_access_key = x\n"
        "endpoint_url = http://d:4\n"
    )
    environment = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in {**environment, "AWS_CONFIG_FILE": str(aws), **variables}.items():
        if value:
            monkeypatch.setenv(name, value)
    s3 = client(read_remote(make_repository(tmp_path, {"storage": settings})))
    assert s3.meta.endpoint_url == endpoint
    assert s3._request_signer._credentials.access_key == access_key


def test_profile_in_files_named_by_the_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    (tmp_path / "cfg").write_text("[profile team]\nendpoint_url = http://d:4\n")
    (tmp_path / "keys").write_text("[team]\naws_access_key_id = T\naws_secret_access_key = x\n")
    settings = {"profile": "team", "configpath": "../cfg", "credentialpath": "../keys"}
    s3 = client(read_remote(make_repository(tmp_path, {"storage": settings})))
    assert s3.meta.endpoint_url == "http://d:4"
    assert s3._request_signer._credentials.access_key == "T"


def test_secret_is_never_shown(tmp_path: Path) -> None:
    settings = {"access_key_id": "K", "secret_access_key": "s3cr3t"}
    remote = read_remote(make_repository(tmp_path, {"storage": settings}))
    assert remote.settings["secret_access_key"] == "s3cr3t"
    assert "s3cr3t" not in repr(remote)


def test_local_config_keeps_other_settings(tmp_path: Path) -> None:
    root = make_repository(tmp_path, {"storage": {"jobs": "2"}, "mine": {"url": "/elsewhere"}})
    with (root / ".dvc/config.local").open("a") as file:
        file.write("[cache]\n    # a comment\n    type = hardlink\n")
    path = write_local_config(root, INFO)
    text = path.read_text()
    assert "type = hardlink" in text
    assert "# a comment" in text
    assert "url = /elsewhere" in text
    for name in ("storage", "restricted"):
        settings = read_remote(root, name).settings
        assert settings["endpointurl"] == INFO.endpoint
        assert settings["access_key_id"] == INFO.access_key
        assert settings["secret_access_key"] == INFO.secret_key
        assert settings["verify"] is True
    assert read_remote(root).settings["jobs"] == 2
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    write_local_config(root, INFO)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "settings",
    [
        {"endpointurl": "https://s3.example.org"},
        {"profile": "team"},
        {"access_key_id": "AKIAOTHER", "secret_access_key": "s3cr3t"},
    ],
)
def test_local_config_of_another_server_is_kept(tmp_path: Path, settings: dict[str, str]) -> None:
    root = make_repository(tmp_path, {"storage": settings})
    before = (root / ".dvc/config.local").read_bytes()
    with pytest.raises(StorageError, match=r"another S3 server.*--replace") as caught:
        write_local_config(root, INFO)
    assert "s3cr3t" not in str(caught.value)
    assert (root / ".dvc/config.local").read_bytes() == before
    write_local_config(root, INFO, replace=True)
    replaced = read_remote(root).settings
    assert replaced["access_key_id"] == INFO.access_key
    assert "profile" not in replaced


@pytest.mark.parametrize("text", ["['remote \"storage\"']\nsecret_access_key: s3cr3t\n", "[a\n"])
def test_unreadable_local_config_is_kept(tmp_path: Path, text: str) -> None:
    root = make_repository(tmp_path)
    (root / ".dvc/config.local").write_text(text)
    with pytest.raises(StorageError, match=r"config\.local.*line \d.*To fix it") as caught:
        write_local_config(root, INFO)
    assert "s3cr3t" not in str(caught.value)
    assert (root / ".dvc/config.local").read_text() == text


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("    access_key_id = AKIAX", "access_key_id in line 3"),
        ("    secret_access_key = s3cr3t", "secret_access_key in line 3"),
        ("    session_token=s3cr3t", "session_token in line 3"),
        ("    Password = s3cr3t", "Password in line 3"),
        ("    endpointurl = https://me:s3cr3t@host", "password in the address of line 3"),
        ("    # secret_access_key = none here", None),
        ("    url = s3://access_key_id/password", None),
    ],
)
def test_keys_in_the_committed_config(tmp_path: Path, line: str, found: str | None) -> None:
    path = tmp_path / "config"
    path.write_text(f"[core]\n['remote \"storage\"']\n{line}\n")
    if found is None:
        check_no_secrets(path)
        return
    with pytest.raises(StorageError) as caught:
        check_no_secrets(path)
    assert found in str(caught.value)
    assert "dvc remote modify --local" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "AKIAX" not in str(caught.value)


def test_buckets_are_created_once(tmp_path: Path, s3_server: S3Server) -> None:
    settings = {
        "url": "s3://created-once/dvc",
        "endpointurl": s3_server.endpoint,
        "access_key_id": s3_server.access_key,
        "secret_access_key": s3_server.secret_key,
    }
    remote = read_remote(make_repository(tmp_path, {"storage": settings}))
    assert create_buckets([remote]) == ["created-once"]
    assert create_buckets([remote]) == []
    settings["secret_access_key"] = "s3cr3t"
    remote = read_remote(make_repository(tmp_path, {"storage": settings}))
    with pytest.raises(StorageError, match=r"remote storage: .*To fix it") as caught:
        create_buckets([remote])
    assert "s3cr3t" not in str(caught.value)

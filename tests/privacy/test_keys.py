from __future__ import annotations

import os
import stat
import sys

import pytest

from examples import people_contract
from quickstack.errors import KeyMissingError, QuickstackError
from quickstack.privacy.keys import (
    KEY_FILE,
    KEY_VARIABLE,
    SAMPLE_KEY,
    contract_key,
    fingerprint,
    new_key,
    own_key,
)

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_a_new_key_is_kept_for_its_owner_alone():
    key = new_key()
    assert own_key() == key
    if sys.platform != "win32":
        assert stat.S_IMODE(KEY_FILE.stat().st_mode) == 0o600
    with pytest.raises(QuickstackError, match="there is a key already"):
        new_key()
    assert own_key() == key


def test_the_key_is_found_from_a_copy_inside_the_repository(tmp_path, monkeypatch):
    key = new_key()
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert own_key() == key


def test_the_environment_comes_first(monkeypatch):
    new_key()
    monkeypatch.setenv(KEY_VARIABLE, KEY.hex())
    assert own_key() == KEY


@pytest.mark.parametrize("text", ["x", "00" * 31, "zz" * 32])
def test_what_is_no_key_is_refused_without_quoting_it(monkeypatch, text):
    monkeypatch.setenv(KEY_VARIABLE, text)
    with pytest.raises(KeyMissingError) as caught:
        own_key()
    assert "64 hexadecimal digits" in str(caught.value)
    assert text not in str(caught.value) or text == "x"


def test_a_contract_gets_the_key_it_names(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY.hex())
    assert contract_key(people_contract()) == KEY
    assert contract_key(people_contract(key_fingerprint=fingerprint(KEY))) == KEY
    with pytest.raises(KeyMissingError, match="the contract names 0011223344556677"):
        contract_key(people_contract(key_fingerprint="0011223344556677"))


def test_a_contract_without_pseudonyms_needs_no_key():
    columns = tuple(c for c in people_contract().columns if c.personal != "pseudonym")
    assert contract_key(people_contract(columns=columns)) is None


def test_a_missing_key_says_how_to_get_or_make_one():
    with pytest.raises(KeyMissingError) as caught:
        contract_key(people_contract())
    for part in ("quickstack key new", KEY_VARIABLE, KEY_FILE.as_posix(), "password manager"):
        assert part in str(caught.value)


@pytest.mark.parametrize("way", ["in the environment", "by its fingerprint"])
def test_only_the_sample_may_use_the_published_key(monkeypatch, way):
    named = people_contract()
    if way == "in the environment":
        monkeypatch.setenv(KEY_VARIABLE, SAMPLE_KEY.hex())
    else:
        named = people_contract(key_fingerprint=fingerprint(SAMPLE_KEY))
    with pytest.raises(KeyMissingError, match=r"published, and protects nobody.*key new"):
        contract_key(named)
    sample = people_contract(id="sample", key_fingerprint=fingerprint(SAMPLE_KEY))
    assert contract_key(sample) == SAMPLE_KEY


def test_the_fingerprint_is_short_and_tells_keys_apart():
    prints = {fingerprint(os.urandom(32)) for _ in range(100)}
    assert len(prints) == 100
    assert all(len(p) == 16 for p in prints)

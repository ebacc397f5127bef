from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import pytest

from examples import people_contract
from quickstack.data.privacy.pseudonym_keys import (
    KEY_VARIABLE,
    KEYS,
    SAMPLE_KEY,
    SINGLE,
    add_key,
    contract_key,
    destroy,
    destroyed,
    epochs,
    fingerprint,
    own_key,
    own_keys,
)
from quickstack.facts.errors import KeyMissingError, QuickstackError

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_a_new_key_is_kept_for_its_owner_alone(tmp_path):
    made = add_key(tmp_path)
    assert own_key() == made.key()
    assert made.path == tmp_path / KEYS / f"0001-{fingerprint(made.key())}.key"
    if sys.platform != "win32":
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    with pytest.raises(QuickstackError, match="the ring holds this key or epoch 2 already"):
        add_key(tmp_path, made.key())
    with pytest.raises(QuickstackError, match="the ring holds this key or epoch 1 already"):
        add_key(tmp_path, KEY, 1)
    assert own_key() == made.key()


def test_of_first_keys_that_are_made_at_once_there_is_one(tmp_path):
    program = (
        "import sys, pathlib, time\n"
        "from quickstack.data.privacy.pseudonym_keys import add_key\n"
        "time.sleep(max(0, float(sys.argv[1]) - time.time()))\n"
        "add_key(pathlib.Path('.'), first=True)\n"
    )
    moment = str(time.time() + 3)
    command = [sys.executable, "-c", program, moment]
    makers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert sorted(bool(maker.wait()) for maker in makers) == [False, True, True]
    assert len(epochs(tmp_path)) == 1


def test_a_copied_contract_is_told_which_key_to_name(tmp_path):
    copied = people_contract(key_fingerprint=fingerprint(SAMPLE_KEY))
    with pytest.raises(KeyMissingError, match="run `quickstack key new` once"):
        contract_key(copied)
    made = add_key(tmp_path, first=True)
    for contract in (copied, people_contract(key_fingerprint="0123456789abcdef")):
        with pytest.raises(KeyMissingError, match=f"write {made.fingerprint} as its pseudonymKey"):
            contract_key(contract)
    assert contract_key(people_contract(key_fingerprint=made.fingerprint)) == made.key()


def test_the_ring_is_found_from_a_copy_inside_the_repository(tmp_path, monkeypatch):
    key = add_key(tmp_path).key()
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    # A stage keeps copies of its outputs there, and so makes the folder without a ring.
    (copy / ".quickstack" / "outputs").mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert own_key() == key


def test_the_environment_comes_first_where_nothing_is_pinned(tmp_path, monkeypatch):
    made = add_key(tmp_path)
    monkeypatch.setenv(KEY_VARIABLE, KEY.hex())
    assert contract_key(people_contract()) == KEY
    assert contract_key(people_contract(key_fingerprint=made.fingerprint)) == made.key()
    assert own_keys() == {made.fingerprint: made.key(), fingerprint(KEY): KEY}


def test_the_single_key_of_before_is_the_first_epoch(tmp_path):
    (tmp_path / SINGLE).parent.mkdir()
    (tmp_path / SINGLE).write_text(KEY.hex() + "\n")
    assert own_key() == KEY
    second = add_key(tmp_path)
    assert [(e.number, e.fingerprint) for e in epochs(tmp_path)] == [
        (1, fingerprint(KEY)), (2, second.fingerprint),
    ]  # fmt: skip
    assert contract_key(people_contract()) == second.key()
    assert contract_key(people_contract(key_fingerprint=fingerprint(KEY))) == KEY
    destroy(tmp_path, epochs(tmp_path)[0])
    assert not (tmp_path / SINGLE).exists()


def test_a_destroyed_key_is_gone_and_its_use_says_when(tmp_path):
    first, second = add_key(tmp_path), add_key(tmp_path)
    secret = first.key()
    # A reader that has the file open still sees what it was overwritten with, not the key.
    with first.path.open("rb") as stream:
        destroy(tmp_path, first)
        assert secret.hex().encode() not in stream.read()
    assert epochs(tmp_path) == [second]
    assert list(destroyed(tmp_path)) == [first.fingerprint]
    left = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert secret.hex().encode() not in left
    assert secret not in left
    day = destroyed(tmp_path)[first.fingerprint]
    named = people_contract(key_fingerprint=first.fingerprint)
    with pytest.raises(KeyMissingError, match=f"{first.fingerprint} was destroyed on {day}.*rotat"):
        contract_key(named)
    with pytest.raises(QuickstackError, match="was destroyed on"):
        add_key(tmp_path, secret)
    destroy(tmp_path, second)
    with pytest.raises(KeyMissingError, match="was destroyed on"):
        contract_key(named)
    assert add_key(tmp_path, KEY).number == 1


def test_an_interrupted_destruction_can_be_repeated(tmp_path):
    first = add_key(tmp_path)
    content = first.path.read_bytes()
    destroy(tmp_path, first)
    first.path.write_bytes(content)
    destroy(tmp_path, first)
    assert not first.path.exists()
    assert len((tmp_path / KEYS / "destroyed.jsonl").read_text().splitlines()) == 1


def test_a_file_with_another_key_than_its_name_says_is_refused(tmp_path):
    made = add_key(tmp_path)
    made.path.write_text(KEY.hex())
    with pytest.raises(KeyMissingError, match=r"\.quickstack/keys/0001-.*another key") as caught:
        own_key()
    assert KEY.hex() not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


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
    for part in ("quickstack key new", KEY_VARIABLE, KEYS.as_posix(), "password manager"):
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

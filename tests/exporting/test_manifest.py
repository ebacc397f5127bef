"""Hashes that anybody can check, and nothing that depends on when or where."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest

from examples import people_contract, write
from quickstack.results.exporting import manifest


def test_the_combined_hash_is_what_sha256sum_says(tmp_path):
    files = [write(tmp_path / name, name * 3) for name in ("b.parquet", "a.parquet")]
    said = subprocess.run(
        "sha256sum * | sha256sum", shell=True, cwd=tmp_path, capture_output=True, check=True
    )
    assert manifest.combined_hash(files) == said.stdout.decode().split()[0]
    assert manifest.combined_hash(reversed(files)) == manifest.combined_hash(files)


@pytest.mark.parametrize("change", ["content", "name", "another file"])
def test_the_combined_hash_sees_every_change(tmp_path, change):
    file = write(tmp_path / "a.parquet", "a")
    before = manifest.combined_hash([file])
    files = {
        "content": lambda: [write(file, "b")],
        "name": lambda: [file.rename(tmp_path / "b.parquet")],
        "another file": lambda: [file, write(tmp_path / "c.parquet", "")],
    }[change]()
    assert manifest.combined_hash(files) != before


def test_parameters_are_hashed_without_regard_to_order():
    assert manifest.value_hash({"a": 1, "b": 2}) == manifest.value_hash({"b": 2, "a": 1})
    assert manifest.value_hash({"a": 1}) != manifest.value_hash({"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        manifest.value_hash({"a": float("nan")})


def test_the_manifest_is_a_function_of_its_inputs(tmp_path):
    found = []
    for place in ("one", "two"):
        data = write(tmp_path / place / "p.parquet", "rows")
        model, contract = write(tmp_path / place / "m", "m"), write(tmp_path / place / "c", "c")
        report = write(tmp_path / place / "metrics.json", "{}")
        hashes = manifest.versions([data], model, contract, {"seed": 0}, [report])
        built = manifest.build_manifest(people_contract(), hashes, {"seed": 0}, [], [])
        found.append(json.dumps(built, allow_nan=False))
    assert found[0] == found[1]
    built = json.loads(found[0])
    assert built["inputs"]["model"] == hashlib.sha256(b"m").hexdigest()
    assert built["inputs"]["reports"] == {"metrics.json": hashlib.sha256(b"{}").hexdigest()}
    assert (built["dataset"], built["contract_version"]) == ("people", "1.0.0")
    assert str(tmp_path) not in found[0]

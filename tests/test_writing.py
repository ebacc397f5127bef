from __future__ import annotations

import pandas as pd
import pytest

from quickstack.facts.files import whole_file, whole_folder, write_csv, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert not path.exists()
    with whole_file(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out"
    with whole_folder(path) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(path) as temporary:
        (temporary / "a").write_text("half")
        raise RuntimeError
    assert (path / "a").read_text() == "old"
    with whole_folder(path) as temporary:
        (temporary / "b").write_text("new")
    assert [p.name for p in path.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_json_refuses_what_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_bytes_are_the_same_each_time(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    for name in ("one", "two"):
        write_json(tmp_path / name / "a.json", {"b": 1, "a": "å"})
        write_csv(tmp_path / name / "a.csv", frame)
    for file in ("a.json", "a.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert (tmp_path / "one" / "a.csv").read_bytes() == b"a,b\n1,x\n2,\n"

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from quickstack.guard.verifying.output_differences import compare_files, is_fitted
from quickstack.runtime.running.dvc_hashes import content_md5

TABLE = pd.DataFrame({"name": ["Ada", "Bo"], "score": [0.25, 0.5], "rows": [1, 2]})


def differences(a, b):
    return [difference.sentence for difference in compare_files(a, b)]


def tables(folder, changed, suffix):
    paths = folder / f"a{suffix}", folder / f"b{suffix}"
    for path, table in zip(paths, (TABLE, changed), strict=True):
        if suffix == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path)
    return paths


CHANGES = {
    "equal": (TABLE, [], []),
    "a fitted number, hardly": (
        TABLE.assign(score=[0.25, 0.5 + 1e-12]),
        ["column score differs in 1 of 2 rows, by at most 1e-12"],
        [True],
    ),
    "a fitted number": (
        TABLE.assign(score=[0.25, 0.75]),
        ["column score differs in 1 of 2 rows, by at most 0.25"],
        [False],
    ),
    "a text": (TABLE.assign(name=["Ada", "Cy"]), ["column name differs in 1 of 2 rows"], [False]),
    "a whole number": (TABLE.assign(rows=[1, 3]), ["column rows differs in 1 of 2 rows"], [False]),
    "a row fewer": (TABLE.iloc[:1], ["1 rows instead of 2"], [False]),
    "other columns": (
        TABLE.rename(columns={"rows": "count"}),
        ["columns rows are no longer there", "columns count are new"],
        [False, False],
    ),
    "other order": (
        TABLE[["score", "name", "rows"]],
        ["the columns stand in another order"],
        [False],
    ),
}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("name", list(CHANGES))
def test_how_tables_differ_is_said_without_their_values(tmp_path, name, suffix):
    changed, sentences, close = CHANGES[name]
    a, b = tables(tmp_path, changed, suffix)
    assert differences(a, b) == sentences
    assert [difference.close for difference in compare_files(a, b)] == close
    assert not any(value in str(differences(a, b)) for value in ("Ada", "Bo", "Cy"))


DOCUMENT = {
    "value": {"auc": 0.75, "rows": 3},
    "model": "linear",
    "hash": "0123456789abcdef",
    "l": [1],
}
DOCUMENTS = [
    (
        {"value": {"auc": 0.75 + 1e-10, "rows": 3}},
        ["value.auc is 0.7500000001 instead of 0.75, by +1e-10"],
        True,
    ),
    ({"value": {"auc": 0.5, "rows": 3}}, ["value.auc is 0.5 instead of 0.75, by -0.25"], False),
    ({"value": {"auc": 0.75, "rows": 4}}, ["value.rows is 4 instead of 3, by +1"], False),
    ({"model": "forest"}, ["model differs"], False),
    ({"hash": "f123456789abcdef"}, ["hash differs, a hash"], True),
    ({"l": [1, 2]}, ["l has 2 entries instead of 1"], False),
    ({"new": 1}, ["new is new"], False),
]


@pytest.mark.parametrize(("change", "sentences", "close"), DOCUMENTS)
def test_how_documents_differ(tmp_path, change, sentences, close):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    b.write_text(json.dumps(DOCUMENT | change), encoding="utf-8")
    found = compare_files(a, b)
    assert [difference.sentence for difference in found] == sentences
    assert [difference.close for difference in found] == [close]


def test_how_texts_and_models_differ(tmp_path):
    a, b = tmp_path / "a.md", tmp_path / "b.md"
    a.write_text("AUC 0.7500000 of Ada, made by 0123456789ab\n", encoding="utf-8")
    b.write_text("AUC 0.7500001 of Ada, made by f123456789ab\n", encoding="utf-8")
    assert differences(a, b) == ["1 numbers differ, by at most 1e-07"]
    b.write_text("AUC 0.7500000 of Bo, made by 0123456789ab\n", encoding="utf-8")
    assert differences(a, b) == ["1 lines differ in more than their numbers"]
    a, b = tmp_path / "a.skops", tmp_path / "b.skops"
    for path, number in ((a, 1.0), (b, 1.5)):
        with zipfile.ZipFile(path, "w") as archive, archive.open("1.npy", "w") as part:
            np.save(part, np.array([number, 2.0]))
    assert differences(a, b) == ["1.npy in the model differs by at most 0.5"]
    b.write_bytes(b"no archive")
    assert differences(a, b) == ["one of the two cannot be read as its name says"]


def test_data_are_never_within_the_tolerance():
    assert is_fitted("exports/predictions.parquet")
    assert is_fitted("models/model.skops")
    assert not any(map(is_fitted, ("data/interim/a.parquet", "data/raw/a", "reports/quality.json")))


def test_hashes_are_those_of_dvc(project):
    lock = (project.root / "dvc.lock").read_text(encoding="utf-8")
    assert content_md5(project.root / "data/raw/sample") in lock
    assert content_md5(project.root / "reports/quality.json") in lock

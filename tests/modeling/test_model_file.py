"""The model file: the same bytes every time, the same predictions after loading, no code run."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest

from helpers import ROOT
from modeling.cases import MODELS, make_contract, make_table, settings
from quickstack.facts.errors import ModelError
from quickstack.models.modeling import model_file
from quickstack.models.modeling.candidates import CANDIDATES
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import describe, fit
from quickstack.models.modeling.model_file import load_model, save_model
from quickstack.models.modeling.predict import score_rows

ROWS = {"train": 600, "test": 0, "unlabelled": 0}
TRAIN_AND_PRINT = """
import hashlib, pathlib, sys
from modeling.cases import make_contract, make_table, settings
from quickstack.models.modeling.fit import describe, fit
from quickstack.models.modeling.model_file import save_model
for model in ("linear", "random_forest", "gradient_boosting"):
    for task in ("binary", "multiclass", "regression"):
        contract, params = make_contract(task), settings(model)
        pipeline = fit(make_table(task, rows=1500), contract, params)
        path = pathlib.Path("model.skops")
        save_model(path, pipeline, describe(contract, params, {}, None))
        print(model, task, hashlib.sha256(path.read_bytes()).hexdigest())
"""


class Planted:
    """What a hostile file would hold."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.fixture
def saved(tmp_path) -> Path:
    return save(tmp_path / "model.skops", "binary", "linear")


def save(path, task, model) -> Path:
    contract, params = make_contract(task), settings(model)
    save_model(
        path, fit(make_table(task), contract, params), describe(contract, params, ROWS, None)
    )
    return path


def rewritten(path: Path, change, compress=zipfile.ZIP_STORED) -> Path:
    """Write the archive again with its members, a dictionary of bytes, changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path: Path, said: str) -> ModelError:
    with pytest.raises(ModelError, match=said) as caught:
        load_model(path)
    assert caught.value.where == path.as_posix()
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("model", MODELS)
def test_predictions_are_the_same_bits_after_loading(tmp_path, task, model) -> None:
    contract, table = make_contract(task), make_table(task)
    pipeline = fit(table, contract, settings(model))
    metadata = describe(contract, settings(model), ROWS, None)
    one, two = tmp_path / "one.skops", tmp_path / "two.skops"
    save_model(one, pipeline, metadata)
    loaded = load_model(one)
    frame = feature_frame(table, features(contract))
    before, after = (score_rows(p, frame, task) for p in (pipeline, loaded.pipeline))
    assert before.tobytes() == after.tobytes()
    assert {**metadata, "versions": model_file.versions()} == loaded.metadata
    save_model(two, fit(table.copy(deep=True), contract, settings(model)), metadata)
    assert one.read_bytes() == two.read_bytes()


def test_bytes_do_not_depend_on_hash_seed_threads_or_folder(tmp_path) -> None:
    runs = []
    for number in ("1", "2"):
        folder = tmp_path / number
        folder.mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": number, "OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        }  # fmt: skip
        command = [sys.executable, "-c", TRAIN_AND_PRINT]
        runs.append(
            subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
            )
        )
    one, two = (run.communicate()[0].splitlines() for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert len(one) == 9
    assert one == two


def test_the_file_names_versions_and_neither_paths_nor_times(saved) -> None:
    with zipfile.ZipFile(saved) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        versions = json.loads(archive.read("quickstack.json"))["versions"]
    assert set(versions) == {"numpy", "scikit-learn", "skops"}
    content = saved.read_bytes()
    assert str(saved.parent).encode() not in content
    assert str(ROOT).encode() not in content
    assert b"__id__" not in content


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump], ids=["pickle", "joblib"])
def test_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch, dump) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.skops"
    with path.open("wb") as file:
        dump(Planted(), file)
    refused(path, "never opened")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("compress", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_pickle_in_the_archive_is_not_run(saved, monkeypatch, compress) -> None:
    monkeypatch.chdir(saved.parent)

    def plant(members):
        members["0.npy"] = pickle.dumps(Planted())

    refused(rewritten(saved, plant, compress), "damaged")
    assert not (saved.parent / "executed").exists()


def test_an_untrusted_type_is_refused_by_name(saved) -> None:
    def plant(members):
        members["schema.json"] = members["schema.json"].replace(
            b'"__class__":"LogisticRegression","__module__":"sklearn.linear_model._logistic"',
            b'"__class__":"Popen","__module__":"subprocess"',
        )

    error = refused(rewritten(saved, plant), "not trusted: subprocess.Popen")
    assert "do not use it" in error.fix


@pytest.mark.parametrize("model", MODELS)
def test_every_trusted_type_is_needed(tmp_path, model) -> None:
    path = save(tmp_path / model, "multiclass", model)
    import skops.io

    found = skops.io.get_untrusted_types(file=path)
    assert set(found) == set(CANDIDATES[model].trusted_types)


def test_another_release_of_scikit_learn_is_refused(saved) -> None:
    ours = model_file.versions()["scikit-learn"]
    patch = ".".join([*ours.split(".")[:2], "999"])

    def write(version):
        def change(members):
            metadata = json.loads(members["quickstack.json"])
            metadata["versions"]["scikit-learn"] = version
            members["quickstack.json"] = json.dumps(metadata).encode()

        return change

    load_model(rewritten(saved, write(patch)))
    error = refused(
        rewritten(saved, write("0.24.2")), rf"scikit-learn 0\.24\.2, and here is {ours}"
    )
    assert "requirements.txt" in error.fix


def test_a_missing_file(tmp_path) -> None:
    error = refused(tmp_path / "model.skops", "there is no model file")
    assert "dvc pull" in error.fix


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not a model",
        lambda content: content[:-100],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"tol", b"t0l", 1),
        lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
    ],
    ids=["empty", "text", "end cut off", "half", "changed word", "changed bit"],
)
def test_a_damaged_file(saved, damage) -> None:
    saved.write_bytes(damage(saved.read_bytes()))
    refused(saved, "damaged")


@pytest.mark.parametrize("name", ["quickstack.json", "schema.json", "0.npy"])
def test_a_member_is_missing(saved, name) -> None:
    refused(rewritten(saved, lambda members: members.pop(name)), "damaged")


def test_a_plain_skops_file_is_not_one_of_ours(tmp_path) -> None:
    import skops.io  # imports all of scikit-learn

    path = tmp_path / "model.skops"
    skops.io.dump(fit(make_table(), make_contract(), settings("linear")), path)
    refused(path, "not one of Quickstack")


def test_an_array_that_claims_to_be_huge_is_not_made(saved) -> None:
    def inflate(members):
        stream = io.BytesIO()
        header = {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
        np.lib.format.write_array_header_1_0(stream, header)
        members["0.npy"] = stream.getvalue() + bytes(8)

    refused(rewritten(saved, inflate), "damaged")


def test_a_file_beyond_the_cap_is_not_read(saved, monkeypatch) -> None:
    monkeypatch.setattr(model_file, "MAX_BYTES", 100)
    refused(saved, "larger than")


def test_a_failed_save_leaves_the_previous_model(saved) -> None:
    before = saved.read_bytes()
    pipeline = fit(make_table(), make_contract(), settings("linear"))
    with pytest.raises(ValueError, match="Out of range"):
        save_model(saved, pipeline, {"model": "linear", "not JSON": float("nan")})
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]

"""The stages `train` and `evaluate`: what they read, what they leave, and what they import."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers import ROOT
from modeling.cases import ORDERED, make_contract, make_table, settings
from quickstack.facts import paths
from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.facts.errors import DataError, ModelError
from quickstack.facts.params import EvaluateParams
from quickstack.models.modeling.candidates import TrainParams

LEFT = {
    "train": (paths.MODEL, paths.REFERENCE, paths.TRAINING, paths.LEAKS),
    "evaluate": (paths.METRICS, paths.IMPORTANCE, paths.MODEL_CARD),
}


def stage_script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "src" / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def run_stages(contract, params, names=("train", "evaluate")) -> list[str]:
    logged: list[str] = []
    sections = {TrainParams: params, EvaluateParams: EvaluateParams(resamples=50, seed=0)}
    stage = SimpleNamespace(
        contract=lambda: contract,
        params=sections.__getitem__,
        log=lambda text, rows=None: logged.append(text),
    )
    for name in names:
        stage_script(name).main(stage)
    return logged


@pytest.fixture
def interim(tmp_path, monkeypatch):
    """Work in a folder with two partitions of interim data."""
    monkeypatch.chdir(tmp_path)

    def write(table: pd.DataFrame) -> None:
        paths.INTERIM.mkdir(parents=True, exist_ok=True)
        for number, part in enumerate((table.iloc[:250], table.iloc[250:])):
            arrow = pa.Table.from_pandas(part, preserve_index=False)
            pq.write_table(arrow, paths.INTERIM / f"part_{number}.parquet")

    return write


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("changes", [{}, ORDERED], ids=["by key", "by time"])
def test_both_stages_leave_the_same_bytes_twice(interim, task, changes) -> None:
    table = make_table(task)
    table.loc[::9, "target"] = None
    interim(table)
    contract, params = make_contract(task, **changes), settings("gradient_boosting", folds=2)
    logged = run_stages(contract, params)
    assert "'refund' is not used: leaks the target: it is known only afterwards" in logged
    left = [*LEFT["train"], *LEFT["evaluate"], *sorted(paths.CURVES.iterdir())]
    before = [path.read_bytes() for path in left]
    run_stages(contract, params)
    assert [path.read_bytes() for path in left] == before

    metrics = json.loads(paths.METRICS.read_text())
    assert all(isinstance(metrics[name], float) for name in HIGHER_IS_BETTER[task])
    assert sum(metrics["rows"].values()) == len(table)
    training = json.loads(paths.TRAINING.read_text())
    assert training["cross_validation"]["folds"] == 2
    assert "refund" in training["unused_columns"]
    reference = json.loads(paths.REFERENCE.read_text())
    assert reference["rows"] == metrics["rows"]["train"]
    assert all(bool(entry["periods"]) == bool(changes) for entry in reference["features"])
    shared = b"".join(before)
    assert not any(text.encode() in shared for text in (*table["email"], *table["id"], "free text"))


def test_only_needed_columns_are_read(interim) -> None:
    contract = make_contract(**ORDERED)
    interim(
        make_table()[["plan", "age", "fee", "member", "rating", "month", "outcome_date", "target"]]
    )
    run_stages(contract, settings("linear", folds=0))
    assert json.loads(paths.METRICS.read_text())["cross_validation"] is None


def test_a_test_of_one_class_has_no_auc_and_no_crash(interim) -> None:
    table = make_table()
    table.loc[table["month"] >= "2024-07-01", "target"] = "yes"
    interim(table)
    run_stages(make_contract(**ORDERED), settings("linear", folds=0))
    metrics = json.loads(paths.METRICS.read_text())
    assert metrics["roc_auc"] is None
    assert metrics["brier"] > 0


def test_a_target_of_one_class_leaves_the_previous_model(interim) -> None:
    interim(make_table())
    run_stages(make_contract(), settings("linear", folds=0))
    before = paths.MODEL.read_bytes()
    interim(make_table().assign(target="no"))
    for folds in (0, 5):
        with pytest.raises(DataError, match="all 600 rows have the same class of the target"):
            run_stages(make_contract(), settings("linear", folds=folds), names=("train",))
    late = make_table()
    late.loc[late["month"] < "2024-07-01", "target"] = "no"
    interim(late)
    with pytest.raises(ModelError, match="has 1 of its 2 classes in the training rows"):
        run_stages(make_contract(**ORDERED), settings("linear", folds=5), names=("train",))
    assert paths.MODEL.read_bytes() == before


def test_a_leak_stops_the_training_and_its_answer_lets_it_go_on(interim) -> None:
    """It was "clear gain" with an AUC of 1.000."""
    table = make_table()
    interim(table.assign(refund=(table["target"] == "yes").astype(float)))
    params = settings("linear", folds=0)
    unmarked = make_contract()
    columns = tuple(replace(c, leaks_target=False) for c in unmarked.columns)
    with pytest.raises(DataError, match="'refund': alone it ranks the target"):
        run_stages(replace(unmarked, columns=columns), params, names=("train",))
    assert not paths.MODEL.exists()
    found = json.loads(paths.LEAKS.read_text())
    assert [(each["column"], each["verdict"]) for each in found] == [("refund", "suspected")]
    assert "leaksTarget" in found[0]["fix"]
    run_stages(unmarked, params, names=("train",))
    assert json.loads(paths.LEAKS.read_text()) == []


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_importing_a_stage_is_cheap(name) -> None:
    heavy = {"pandas", "pyarrow", "scipy", "sklearn", "skops", "dvc", "dask", "boto3"}
    code = f"import sys; sys.path.insert(0, 'src'); import {name}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not heavy & set(done.stdout.split())

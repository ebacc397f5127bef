"""The stages monitor and export on small data of each task, from a trained model to the page."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import expit

from examples import people_contract
from helpers import ROOT
from quickstack.facts.contract import Column, Split
from quickstack.facts.params import ComputeParams, ExportParams, MonitorParams, read_params
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import cross_validate, describe, fit
from quickstack.models.modeling.reference_profile import build_reference
from quickstack.models.modeling.scorer_file import save_fitted
from quickstack.models.modeling.split import TRAIN, count_rows, period_labels, split_labels

TRAINING = read_params(TrainParams, ROOT / "params.yaml").model_copy(
    update={"model": "linear", "seed": 0, "folds": 3}
)
SECTIONS = {
    MonitorParams: MonitorParams(significance=0.001, min_psi=0.01, seasonal_factor=1.1),
    ExportParams: ExportParams(decimals=6),
}
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


class Stage:
    """What a stage is given, with a contract that stands in no file."""

    dataset = "people"
    compute = ComputeParams(workers=2)

    def __init__(self, contract):
        self._contract = contract

    def contract(self):
        return self._contract

    def params(self, section):
        return SECTIONS[section]

    def log(self, text, rows=None):
        print(text, rows)


def contract_of(task, *, ordered):
    target = Column(
        "target",
        "number" if task == "regression" else "string",
        allowed=CLASSES[task],
        unit="EUR" if task == "regression" else None,
    )
    columns = (
        Column("id", "string", key_position=1, classification="personal", personal="pseudonym"),
        Column("size", "number"),
        Column("shape", "string", allowed=("round", "square"), classification="public"),
        target,
    )
    return people_contract(
        task=task,
        target="target",
        positive="yes" if task == "binary" else None,
        columns=columns,
        split=Split(from_row=1400) if ordered else Split(share=0.3),
        rows_per_period=200 if ordered else None,
        segments=("shape",),
    )


def make_data(task, *, shift=0.0):
    """2,000 rows; the last 200 without a truth, and their size moved by `shift`."""
    rng = np.random.default_rng(3)
    size, shape = rng.normal(size=2000), rng.choice(["round", "square"], 2000)
    signal = size + (shape == "round") + rng.normal(0, 0.5, 2000)
    classes = np.array(CLASSES[task], dtype=object)
    cuts = {"binary": [0.5], "multiclass": [0.0, 1.0], "regression": []}[task]
    truth = signal if task == "regression" else classes[np.digitize(signal, cuts)]
    target = pd.Series(truth, dtype="float64" if task == "regression" else object)
    target[1800:] = None
    size[1800:] += shift
    ids = [f"{number:032x}" for number in rng.integers(0, 2**62, 2000)]
    return pd.DataFrame({"id": ids, "size": size, "shape": shape, "target": target})


def contents(folder):
    """Return the bytes of every file below a folder, by path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def script(name):
    spec = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / "src" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_stages(contract, table, *, parts=3):
    """Train, write plausible reports of the stages between, monitor and export, in this folder."""
    for folder in ("data/interim", "models", "reports", "configuration/contracts"):
        (Path.cwd() / folder).mkdir(parents=True)
    for number, rows in enumerate(np.array_split(np.arange(len(table)), parts)):
        part = pa.Table.from_pandas(table.iloc[rows], preserve_index=False)
        pq.write_table(part, f"data/interim/{number}.parquet", store_schema=False)
    (Path.cwd() / "configuration/contracts/people.odcs.yaml").write_text("id: people\n")

    labels, periods = split_labels(table, contract), period_labels(table, contract)
    rows = table.loc[labels == TRAIN]
    validation = cross_validate(rows, contract, TRAINING)
    description = describe(contract, TRAINING, count_rows(labels), validation)
    pipeline, frame = fit(rows, contract, TRAINING), feature_frame(rows, features(contract))
    save_fitted(pipeline, frame, features(contract), description)
    reference = build_reference(
        frame,
        features(contract),
        None if periods is None else periods[labels == TRAIN],
    )
    measured = validation["metrics"]
    reports = {
        "models/reference.json": reference,
        "reports/leaks.json": [],
        "reports/metrics.json": {
            **{name: spread["mean"] for name, spread in measured.items()},
            "interval": {name: {"low": 0.1, "high": 0.9} for name in measured},
            "baseline": dict.fromkeys(measured, 0.5),
            "difference": {},
            "rows": {"train": 1000, "test": 800, "unlabelled": 200},
            "cross_validation": measured,
        },
        "reports/segments.json": {
            "segments": [
                {
                    "column": "shape",
                    "segment": "round",
                    "rows": 400,
                    "value": {name: spread["mean"] for name, spread in measured.items()},
                    "interval": {name: {"low": 0.1, "high": 0.9} for name in measured},
                    "baseline": dict.fromkeys(measured, 0.5),
                }
            ]
        },
        "reports/quality.json": {
            "rows": {"read": 2001, "clean": 2000, "quarantined": 1},
            "files": [{"file": "a", "read": 2001, "clean": 2000, "quarantined": 1, "blank": 0}],
            "rules": [{"column": "size", "rule": "type", "rows": 1}],
        },
    }
    for name, value in reports.items():
        (Path.cwd() / name).write_text(json.dumps(value))
    (Path.cwd() / "reports/importance.csv").write_text(
        "feature,importance,standard_deviation\nsize,0.2,0.01\nshape,,\n"
    )
    script("monitor").main(Stage(contract))
    script("export").main(Stage(contract))

    return Path.cwd()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("ordered", [True, False], ids=["in time", "unordered"])
@pytest.mark.parametrize("task", CLASSES)
def test_every_task_from_model_to_page(folder, task, ordered):
    contract = contract_of(task, ordered=ordered)
    run_stages(contract, make_data(task))
    drift = json.loads((folder / "reports/drift.json").read_text())
    assert drift["verdict"] == "stable"
    assert drift["newest_period"] == ("0010" if ordered else None)
    judged = drift["performance"]["periods"]
    assert [p["period"] for p in judged] == (["0008", "0009", "0010"] if ordered else ["test"])
    assert judged[0]["dropped"] is False
    assert judged[0]["metric"] is not None
    assert judged[0]["loss"] == pytest.approx(drift["performance"]["loss"]["mean"], rel=0.35)

    names = [f"{n:04}" for n in range(1, 11)] if ordered else ["all"]
    files = sorted((folder / "exports/predictions").glob("*.csv"))
    assert [file.stem for file in files] == names
    predictions = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    assert len(predictions) == 2000
    assert predictions["prediction"].notna().all()
    assert predictions["actual"].isna().sum() == 200
    assert set(predictions["split"]) == {"train", "test", "unlabelled"}
    assert predictions["period"].isna().all() == (not ordered)
    if task == "multiclass":
        total = predictions[["probability_a", "probability_b", "probability_c"]].sum(axis=1)
        assert total.to_numpy() == pytest.approx(1.0, abs=1e-5)
    found = [pq.read_table(file.with_suffix(".parquet")).to_pandas() for file in files]
    parquet = pd.concat(found, ignore_index=True)
    assert parquet["id"].tolist() == predictions["id"].tolist()
    assert parquet["shape"].tolist() == predictions["shape"].tolist()
    assert set(parquet["model_version"]) == {
        hashlib.sha256((folder / "models/model.skops").read_bytes()).hexdigest()[:12]
    }
    parts = parquet.filter(regex="^part_").sum(axis=1)
    assert {*parquet["reason_1"].dropna()} <= {f.name for f in features(contract)}
    assert (parquet["part_1"].abs() >= parquet["part_2"].abs().fillna(0)).mean() > 0.99
    if task != "multiclass":
        told = parquet["prediction" if task == "regression" else "probability"]
        said = parts if task == "regression" else expit(parts)
        assert said.to_numpy() == pytest.approx(told.to_numpy(dtype="float64"), abs=3e-4)
    if task == "binary":
        assert parquet["acted"].tolist() == (parquet["probability"] >= 0.5).tolist()
    if task == "regression":
        tested = parquet[parquet["split"] == "test"]
        held = tested["actual"].between(tested["low"], tested["high"])
        assert held.mean() == pytest.approx(0.9, abs=0.05)
    segments = pd.read_csv(folder / "exports/metrics.csv").query("segment_column == 'shape'")
    assert set(segments["segment"]) == {"round"}
    assert set(segments["rows"]) == {400}
    assert len(pd.read_csv(folder / "exports/drift.csv")) == 2 * len(drift["periods"])
    page = (folder / "exports/index.html").read_text()
    assert "</html>" in page
    assert "one of the three" in page


def test_the_manifest_describes_exactly_what_is_there(folder):
    run_stages(contract_of("binary", ordered=True), make_data("binary"))
    manifest = json.loads((folder / "exports/manifest.json").read_text())
    listed = [f["path"] for table in manifest["tables"] for f in table["files"]]
    listed += [file["path"] for file in manifest["pages"] + manifest["documents"]]
    assert sorted([*listed, "manifest.json"]) == sorted(contents(folder / "exports"))
    assert manifest["parameters"]["train"]["model"] == "linear"
    for table in manifest["tables"]:
        header = (folder / "exports" / table["files"][0]["path"]).read_text().splitlines()[0]
        assert header.split(",") == [column["name"] for column in table["columns"]]


def test_a_shift_in_the_newest_period_is_an_alarm_that_asks_for_labels(folder):
    run_stages(contract_of("binary", ordered=True), make_data("binary", shift=2.0))
    drift = json.loads((folder / "reports/drift.json").read_text())
    assert drift["verdict"] == "alarm"
    assert drift["features"][0]["name"] == "size"
    assert drift["action"].startswith("Collect the outcomes")
    assert "needs attention" in (folder / "exports/index.html").read_text()


def test_partitions_threads_and_folders_do_not_show_in_the_bytes(tmp_path, monkeypatch):
    found = []
    for name, parts, workers in (("one", 1, 1), ("two", 4, 2)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setattr(Stage, "compute", ComputeParams(workers=workers))
        run_stages(contract_of("binary", ordered=True), make_data("binary"), parts=parts)
        files = contents(tmp_path / name / "exports")
        # What names the versions of the data, and nothing else, knows how they were cut.
        for own in ("manifest.json", "index.html"):
            del files[own]
        found.append(files | contents(tmp_path / name / "reports"))
    assert len(found[0]) > 20
    assert found[0] == found[1]


def test_an_export_that_fails_leaves_the_previous_one(folder):
    contract = contract_of("binary", ordered=True)
    run_stages(contract, make_data("binary"))
    before = contents(folder / "exports")
    broken = folder / "reports/quality.json"
    broken.write_text(re.sub(r'"rows": 1}', '"rows": "ada"}', broken.read_text()))
    with pytest.raises(Exception, match="'rows' is missing or does not hold") as caught:
        script("export").main(Stage(contract))
    assert "ada" not in str(caught.value)
    assert contents(folder / "exports") == before
    assert not list(folder.glob(".exports*"))


def test_equal_inputs_give_equal_bytes(folder):
    contract = contract_of("multiclass", ordered=False)
    run_stages(contract, make_data("multiclass"))
    before = contents(folder / "exports")
    script("export").main(Stage(contract))
    assert contents(folder / "exports") == before

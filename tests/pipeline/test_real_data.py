"""The stages on real data, through the contracts of this repository.

They run in this process, since importing scikit-learn once is enough; `dvc` is left out here.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys

import pyarrow.parquet as pq
import pytest

from helpers import ROOT, real_data
from quickstack.data.privacy.pseudonym_keys import KEY_VARIABLE
from quickstack.runtime.running.stage import Stage

FILES = {
    "bank_marketing": "bank-additional-full.csv",
    "telco_churn": "Telco-Customer-Churn.csv",
    "bike_sharing": "hour.csv",
}
ROWS = {"bank_marketing": 41188, "telco_churn": 7043, "bike_sharing": 17379}


@pytest.fixture(scope="module", params=list(FILES))
def finished_run(request, tmp_path_factory):
    """Run the five stages on one data set; give its name and the reports."""
    dataset = request.param
    file = real_data(f"{dataset}/{FILES[dataset]}")
    folder = tmp_path_factory.mktemp(dataset)
    (folder / "data" / "raw" / dataset).mkdir(parents=True)
    shutil.copy(file, folder / "data" / "raw" / dataset)
    shutil.copytree(ROOT / "configuration", folder / "configuration")
    shutil.copy(ROOT / "params.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv(KEY_VARIABLE, "0123456789abcdef" * 4)
        patch.syspath_prepend(str(ROOT / "src"))
        for name in ("ingest", "train", "evaluate", "monitor", "export"):
            importlib.import_module(name).main(Stage(name, dataset))
            sys.modules.pop(name)
        yield dataset, folder


def report(folder, name):
    return json.loads((folder / "reports" / f"{name}.json").read_text(encoding="utf-8"))


def test_every_row_is_accounted_for(finished_run):
    dataset, folder = finished_run
    rows = report(folder, "quality")["rows"]
    assert rows == {"read": ROWS[dataset], "clean": ROWS[dataset], "quarantined": 0}
    (partition,) = (folder / "data" / "interim").iterdir()
    assert pq.read_metadata(partition).num_rows == ROWS[dataset]
    exported = list((folder / "exports" / "predictions").glob("*.parquet"))
    assert sum(pq.read_metadata(path).num_rows for path in exported) == ROWS[dataset]


def test_the_model_reaches_the_reference(finished_run):
    dataset, folder = finished_run
    metrics = report(folder, "metrics")
    if dataset == "bank_marketing":
        # First 70 % against last 30 %, without the length of the call.
        assert metrics["rows"]["train"] == 28831
        assert metrics["roc_auc"] >= 0.64
    elif dataset == "telco_churn":
        assert report(folder, "training")["cross_validation"]["metrics"]["roc_auc"]["mean"] >= 0.834
    else:
        assert metrics["mae"] <= 48
    main = "mae" if dataset == "bike_sharing" else "roc_auc"
    # Bank's calls come in runs of success, so that the last known outcome is a good guess too.
    better = None if dataset == "bank_marketing" else True
    assert metrics["difference"][main]["better"] is better


def test_leaky_columns_are_not_used(finished_run):
    dataset, folder = finished_run
    leaks = {
        "bank_marketing": {"duration"},
        "telco_churn": {"customerID"},
        "bike_sharing": {"casual", "registered", "instant"},
    }[dataset]
    training = report(folder, "training")
    assert not leaks & {feature["name"] for feature in training["features"]}
    assert leaks <= set(training["unused_columns"])


def test_drift_has_a_verdict(finished_run):
    dataset, folder = finished_run
    drift = report(folder, "drift")
    expected = {"bank_marketing": "alarm", "telco_churn": "stable", "bike_sharing": "alarm"}
    assert drift["verdict"] == expected[dataset]


@pytest.mark.parametrize("finished_run", ["telco_churn"], indirect=True)
def test_no_customer_number_leaves_ingest(finished_run):
    _, folder = finished_run
    partition = folder / "data" / "interim" / "Telco-Customer-Churn.parquet"
    column = pq.read_table(partition).column("customerID").to_pylist()
    assert all(len(value) == 32 for value in column)
    raw = real_data("telco_churn/Telco-Customer-Churn.csv").read_bytes().splitlines()[1:]
    numbers = [line.partition(b",")[0] for line in raw]
    exported = [path for path in (folder / "exports").rglob("*") if path.is_file()]
    assert len(exported) > 10
    for path in exported:
        content = path.read_bytes()
        assert not [number for number in numbers if number in content]

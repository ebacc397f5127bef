"""Every measure gives the figure that the exported tables give by another way.

The DAX text of the TMDL is evaluated by `engine.py`, which says what that proves and what not; the
figures beside it come from scikit-learn, numpy and pandas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from exporting.powerbi.cases import CLASSES, Case, contract_of, write_case
from exporting.powerbi.engine import Engine
from exporting.powerbi.project_checks import model_of
from quickstack.models.modeling.metrics import measure_all, metrics_of
from quickstack.results.exporting.powerbi.measures import reported_name

NOW = datetime(2024, 3, 2, 12, 0)
TASKS = ("binary", "multiclass", "regression")
THRESHOLD, ACT = 0.3, {"tp": 60.0, "fp": -8.0, "fn": -1.5, "tn": 0.25}
Expected = dict[str, Callable[[Case], Any]]


@pytest.fixture(scope="module", params=TASKS)
def case(request, tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("case"), contract_of(request.param))


@pytest.fixture(scope="module")
def engine(case):
    return engine_of(case)


def engine_of(case: Case, model=None) -> Engine:
    model = model or model_of(case.project, "People")
    titles = {"quality": "Files", "quality_rules": "Broken rules"}
    rows = {titles.get(name, name.capitalize()): table for name, table in case.rows.items()}
    return Engine(model, rows, NOW)


def counts(frame: pd.DataFrame, threshold: float = THRESHOLD) -> dict[str, int]:
    case, acted = frame.actual == "a", frame.probability >= threshold
    tn, fp, fn, tp = metrics.confusion_matrix(case, acted, labels=[False, True]).ravel().tolist()
    return {"tp": tp, "fp": fp, "fn": fn, "tn": tn}


def rows_of(case: Case) -> pd.DataFrame:
    return pd.DataFrame(case.rows["predictions"])


def truth_and_prediction(case: Case) -> tuple[np.ndarray, np.ndarray]:
    return case.measured.actual.to_numpy(float), case.measured.prediction.to_numpy(float)


def common(contract) -> Expected:
    name = reported_name(contract.main_metric)
    return {
        "Rows": lambda c: len(c.rows["predictions"]),
        "Test rows": lambda c: len(c.measured),
        name: lambda c: 0.8,
        f"{name}, low": lambda c: 0.7,
        f"{name}, high": lambda c: 0.9,
        f"{name}, baseline": lambda c: 0.5,
        "Newest period": lambda c: "2024-02",
        "Drifted features": lambda c: 2,
        "Monitored features": lambda c: 3,
        "Drift (PSI)": lambda c: pd.DataFrame(c.rows["drift"]).psi.max(),
        "Drift against its limit": lambda c: 4.0,
        "Loss when shuffled": lambda c: 0.19,
        "Rows read": lambda c: 150,
        "Quarantined rows": lambda c: 4,
        "Quarantined share": lambda c: 4 / 150,
        "Broken rows": lambda c: 4,
        "Current run": lambda c: "new",
        "Verdict": lambda c: "alarm",
        "Age of the data": lambda c: 72.0,
        "Age when published": lambda c: 60.0,
        "Promised age": lambda c: 48.0,
        "Freshness promise": lambda c: "broken",
        "Lead time": lambda c: 24.0,
    }


BINARY: Expected = {
    "Threshold value": lambda c: THRESHOLD,
    "Rows to act on": lambda c: rows_of(c).acted.sum(),
    "True positives": lambda c: counts(c.measured)["tp"],
    "False positives": lambda c: counts(c.measured)["fp"],
    "False negatives": lambda c: counts(c.measured)["fn"],
    "True negatives": lambda c: counts(c.measured)["tn"],
    "Base rate": lambda c: (c.measured.actual == "a").mean(),
    "Precision": lambda c: metrics.precision_score(c.measured.actual == "a", c.measured.acted),
    "Recall": lambda c: metrics.recall_score(c.measured.actual == "a", c.measured.acted),
    "Lift": lambda c: (
        metrics.precision_score(c.measured.actual == "a", c.measured.acted)
        / (c.measured.actual == "a").mean()
    ),
    "Accuracy at the threshold": lambda c: metrics.accuracy_score(
        c.measured.actual == "a", c.measured.acted
    ),
    "Brier score": lambda c: metrics.brier_score_loss(
        c.measured.actual == "a", c.measured.probability
    ),
    "Mean probability": lambda c: c.measured.probability.mean(),
    "ROC AUC": lambda c: metrics.roc_auc_score(c.measured.actual == "a", c.measured.probability),
    "Expected value": lambda c: rows_of(c)["value"].sum(),
    "Value on test rows": lambda c: sum(
        worth * counts(c.measured)[name] for name, worth in ACT.items()
    ),
}
MULTICLASS: Expected = {
    "Accuracy": lambda c: metrics.accuracy_score(c.measured.actual, c.measured.prediction),
    "Macro F1": lambda c: metrics.f1_score(
        c.measured.actual, c.measured.prediction, average="macro"
    ),
    "Commonest class": lambda c: c.measured.actual.value_counts(normalize=True).max(),
}
REGRESSION: Expected = {
    "Mean absolute error": lambda c: metrics.mean_absolute_error(*truth_and_prediction(c)),
    "Root mean squared error": lambda c: metrics.root_mean_squared_error(*truth_and_prediction(c)),
    "Explained share (R²)": lambda c: metrics.r2_score(*truth_and_prediction(c)),
    "Mean error": lambda c: (truth_and_prediction(c)[1] - truth_and_prediction(c)[0]).mean(),
    "Mean actual": lambda c: truth_and_prediction(c)[0].mean(),
    "Mean prediction": lambda c: truth_and_prediction(c)[1].mean(),
    "Inside the interval": lambda c: (
        np.abs(truth_and_prediction(c)[0] - truth_and_prediction(c)[1]) <= 8
    ).mean(),
}
OF_TASK = {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION}


def test_every_measure_gives_the_figure_of_the_exported_tables(case, engine):
    expected = common(case.contract) | OF_TASK[case.contract.task]
    assert set(expected) | set(by_formula(case)) == set(engine.measures)
    found = {name: engine.measure(name) for name in expected}
    wanted = {name: function(case) for name, function in expected.items()}
    for name, value in wanted.items():
        assert found[name] == (value if isinstance(value, str) else pytest.approx(value)), name


def by_formula(case: Case) -> dict[str, float | None]:
    """Compute each metric that has a measure by its formula in Python, by the measure's name."""
    task, frame = case.contract.task, case.measured
    if task == "binary":
        truth, scores = (frame.actual == "a").to_numpy("int64"), frame.probability.to_numpy()
    elif task == "multiclass":
        truth = frame.actual.map(CLASSES.index).to_numpy("int64")
        scores = frame[[f"probability_{name}" for name in CLASSES]].to_numpy()
    else:
        truth, scores = truth_and_prediction(case)
    values = measure_all(task, truth, scores)
    return {m.dax[task].name: values[m.name] for m in metrics_of(task) if task in m.dax}


@pytest.mark.parametrize("region", [None, "north"])
def test_a_metric_is_the_same_in_dax_and_in_python(case, engine, region):
    chosen = {} if region is None else {"segment": ("Region", "Region", region)}
    rows = [r for r in case.rows["predictions"] if region in (None, r["region"])]
    expected = by_formula(replace(case, rows={**case.rows, "predictions": rows}))
    assert expected
    for name, value in expected.items():
        assert engine.measure(name, **chosen) == pytest.approx(value, abs=1e-6), name


def test_the_figures_follow_the_segment_that_is_chosen(case, engine):
    task = case.contract.task
    chosen = [row for row in case.rows["predictions"] if row["region"] == "north"]
    north = replace(case, rows={**case.rows, "predictions": chosen})
    assert 0 < len(north.measured) < len(case.measured)
    for name, function in OF_TASK[task].items():
        found = engine.measure(name, segment=("Region", "Region", "north"))
        assert found == pytest.approx(function(north)), name


def test_the_figures_follow_the_threshold_that_is_chosen(tmp_path):
    case = write_case(tmp_path, contract_of("binary"), rows=200)
    engine = engine_of(case)
    steps = [row["Threshold", "Threshold"] for row in engine.data["Threshold"]]
    assert len(steps) == 99
    chosen = steps[69]
    assert chosen == pytest.approx(0.7)
    acted = case.measured.probability >= chosen
    for name, value in {
        "Threshold value": chosen,
        "Recall": metrics.recall_score(case.measured.actual == "a", acted),
        "Value on test rows": sum(
            worth * counts(case.measured, chosen)[name] for name, worth in ACT.items()
        ),
    }.items():
        found = engine.measure(name, threshold=("Threshold", "Threshold", chosen))
        assert found == pytest.approx(value), name


def test_without_a_choice_of_period_drift_is_of_the_newest_and_follows_a_choice(engine):
    earlier = ("Periods", "Period", "2024-01")
    assert engine.measure("Newest period", period=earlier) == "2024-01"
    assert engine.measure("Drifted features", period=earlier) == 0
    assert engine.measure("Drift (PSI)", feature=("Features", "Feature", "region")) == 0.15


@pytest.mark.parametrize("task", TASKS)
def test_one_class_or_equal_values_leave_blanks_and_no_wrong_figure(task, tmp_path):
    engine = engine_of(write_case(tmp_path, contract_of(task), rows=60, one_class=True))
    blank = {"binary": "ROC AUC", "regression": "Explained share (R²)"}.get(task)
    for name in OF_TASK[task]:
        value = engine.measure(name)
        assert (value is None) == (name == blank), name
        assert value is None or isinstance(value, str) or np.isfinite(value)


@pytest.mark.parametrize("task", TASKS)
def test_no_predictions_and_no_metrics_give_zero_rows_and_blanks(task, tmp_path):
    engine = engine_of(write_case(tmp_path, contract_of(task), rows=0, null_metrics=True))
    counted = {"Threshold value": THRESHOLD, "Value on test rows": 0}
    for name in OF_TASK[task]:
        default = 0 if name.endswith(("positives", "negatives", "to act on")) else None
        assert engine.measure(name) == counted.get(name, default), name
    assert (engine.measure("Rows"), engine.measure("Test rows")) == (0, 0)
    assert engine.measure(reported_name(contract_of(task).main_metric)) is None


def test_without_time_and_runs_there_is_no_promise_to_keep(tmp_path):
    case = write_case(tmp_path, contract_of("binary", ordered=False), rows=60)
    case.rows["runs"].clear()
    engine = engine_of(case)
    assert engine.measure("Freshness promise") == "no promise"
    assert engine.measure("Age of the data") is None
    assert engine.measure("Newest period") == "test"
    assert engine.data["Periods"] == [{("Periods", "Period"): "test"}]
    assert engine.measure("ROC AUC") == pytest.approx(BINARY["ROC AUC"](case))


def test_rounding_scores_moves_the_auc_by_less_than_half_a_percent(tmp_path):
    rng = np.random.default_rng(1)
    case = write_case(tmp_path, contract_of("binary"), rows=200)
    for row in case.rows["predictions"]:
        row["probability"] = round(float(rng.beta(1, 12)), 6)
    frame = case.measured
    exact = metrics.roc_auc_score(frame.actual == "a", frame.probability)
    assert engine_of(case).measure("ROC AUC") == pytest.approx(exact, abs=0.005)


FAULTS = {
    "Precision": ("[False positives]", "[False negatives]"),
    "ROC AUC": ("[@Cases] / 2", "[@Cases]"),
    "Brier score": ("^ 2", "^ 1"),
    "Drifted features": ("= __Newest", "<> __Newest"),
    "Quarantined share": ("[Quarantined]", "[Clean]"),
    "Expected value": (">= __Threshold", "<= __Threshold"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_changes_the_figure(name, tmp_path_factory):
    case = write_case(tmp_path_factory.mktemp("fault"), contract_of("binary"), rows=120)
    model = model_of(case.project, "People")
    node = model.of("table")["_Measures"].of("measure")[name]
    old, new = FAULTS[name]
    assert old in node.value
    node.value = node.value.replace(old, new, 1)
    expected = (common(case.contract) | BINARY)[name](case)
    assert engine_of(case, model).measure(name) != pytest.approx(expected)


def test_a_measure_that_widens_what_is_shown_is_refused(tmp_path):
    case = write_case(tmp_path, contract_of("binary"), rows=20)
    model = model_of(case.project, "People")
    node = model.of("table")["_Measures"].of("measure")["Base rate"]
    node.value = node.value.replace("KEEPFILTERS(", "ISBLANK(")
    with pytest.raises(TypeError, match="widen"):
        engine_of(case, model).measure("Base rate")

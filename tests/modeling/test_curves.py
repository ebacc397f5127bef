"""The tables behind the plots: short, rounded, and right at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc, confusion_matrix, roc_auc_score

from quickstack.models.evaluation.curves import COLUMNS, curves


@pytest.fixture
def binary():
    rng = np.random.default_rng(0)
    score = rng.random(5000)
    return (rng.random(5000) < score).astype("int64"), score


def test_every_table_is_short_and_rounded(binary) -> None:
    tables = curves("binary", *binary, ["no", "yes"])
    assert set(tables) == set(COLUMNS)
    for name, table in tables.items():
        assert tuple(table.columns) == COLUMNS[name]
        assert len(table) <= 201
        assert table.equals(table.round(6))
    filled = {name for name, table in tables.items() if len(table)}
    assert filled == {"roc", "precision_recall", "calibration", "scores"}


def test_roc(binary) -> None:
    roc = curves("binary", *binary, ["no", "yes"])["roc"]
    assert roc.iloc[0].tolist() == [0, 0]
    assert roc.iloc[-1].tolist() == [1, 1]
    assert (roc.diff().dropna() >= 0).all(axis=None)
    area = auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(roc_auc_score(*binary), abs=0.002)


def test_precision_and_recall(binary) -> None:
    curve = curves("binary", *binary, ["no", "yes"])["precision_recall"]
    assert curve["recall"].is_monotonic_increasing
    assert curve.iloc[-1].tolist() == pytest.approx([1, binary[0].mean()], abs=1e-6)


def test_calibration(binary) -> None:
    table = curves("binary", *binary, ["no", "yes"])["calibration"]
    assert table["rows"].tolist() == [500] * 10
    np.testing.assert_allclose(table["predicted"], table["observed"], atol=0.07)


def test_scores_count_every_row(binary) -> None:
    table = curves("binary", *binary, ["no", "yes"])["scores"]
    assert table["positive"].sum() == binary[0].sum()
    assert table[["positive", "negative"]].to_numpy().sum() == 5000


@pytest.mark.parametrize(("value", "empty"), [(1, {"roc"}), (0, {"roc", "precision_recall"})])
def test_one_class_leaves_curves_empty(value, empty) -> None:
    tables = curves("binary", np.full(50, value), np.linspace(0, 1, 50), ["no", "yes"])
    of_the_task = ("roc", "precision_recall", "calibration", "scores")
    assert {name for name in of_the_task if tables[name].empty} == empty
    assert list(tables["roc"].columns) == ["false_positive_rate", "true_positive_rate"]


def test_one_score_for_all() -> None:
    tables = curves("binary", np.array([0, 1, 1, 0]), np.full(4, 0.5), ["no", "yes"])
    assert tables["roc"].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert tables["calibration"].to_numpy().tolist() == [[0.5, 0.5, 4]]


def test_confusion() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 3, 200), rng.random((200, 3))
    table = curves("multiclass", truth, scores, ["low", "middle", "high"])["confusion"]
    expected = confusion_matrix(truth, scores.argmax(axis=1))
    assert table["rows"].to_numpy().reshape(3, 3).tolist() == expected.tolist()
    assert table.iloc[1, :2].tolist() == ["low", "middle"]


def test_regression() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(100, 20, 3000)
    predicted = truth + rng.normal(5, 3, 3000)
    tables = curves("regression", truth, predicted, [])
    groups, residuals = tables["predicted_vs_actual"], tables["residuals"]
    assert groups["rows"].tolist() == [150] * 20
    np.testing.assert_allclose(groups["predicted"] - groups["actual"], 5, atol=1.5)
    assert residuals["rows"].sum() == 3000
    assert np.average(residuals["residual"], weights=residuals["rows"]) == pytest.approx(5, abs=0.3)


def test_a_perfect_regression_has_one_bar() -> None:
    truth = np.arange(50.0)
    table = curves("regression", truth, truth, [])["residuals"]
    assert table.to_numpy().tolist() == [[0, 50]]

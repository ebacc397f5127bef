"""The model card says what is in the contract, the metadata and the metrics, and no value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling.cases import ORDERED, make_contract, make_table, settings
from quickstack.facts.contract.model import Split
from quickstack.models.evaluation.intervals import compare, report
from quickstack.models.evaluation.model_card import model_card
from quickstack.models.modeling.fit import describe
from quickstack.models.modeling.model_file import versions

ROWS = {"train": 12_345, "test": 678, "unlabelled": 9}


def card(task="binary", truth=None, validation=None, doubt=None, **changes) -> str:
    contract = make_contract(task, **changes)
    metadata = describe(contract, settings("gradient_boosting"), ROWS, validation)
    rng = np.random.default_rng(0)
    if task == "multiclass":
        truth, scores = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60)
        flat = np.full_like(scores, 1 / 3)
    else:
        truth = np.arange(60) % 2 if truth is None else truth
        scores, flat = 0.1 + 0.8 * truth, np.full(60, 0.5)
    metrics = compare(task, truth, scores, {"the frequencies": flat}, resamples=50, seed=0)
    metrics = report(metrics, metadata, doubt=doubt)
    importance = pd.DataFrame(
        {"feature": [f"f{number}" for number in range(12)], "importance": np.linspace(0.2, 0, 12)}
    )
    return model_card(contract, {**metadata, "versions": versions()}, metrics, importance)


def test_what_it_holds() -> None:
    text = card()
    for part in (
        "# Model card: Toy",
        "What will happen?",
        "the probability of `yes`",
        "Whether it ended.",
        "One row per person.",
        "30% of the rows, chosen by the hash of their key",
        "12,345 rows train, 678 test, 9 have no known target",
        "- data owner: Sales",
        "| roc_auc | 1.000 | 1.000 to 1.000 | 0.500 (the frequencies) | better |",
        "| f0 | 0.200 |",
        "Less than those: `f10`, `f11`.",
        "- `refund` is not used: leaks the target",
        "- `phone` is not used: personal",
        "was not cross-validated",
        f"scikit-learn {versions()['scikit-learn']}",
    ):
        assert part in text
    assert len(text.splitlines()) < 80
    assert not set(make_table()["email"]) & set(text.split())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (ORDERED, "rows with `month` from 2024-07-01 on test the model"),
        (
            {"split": Split(from_row=28831), "rows_per_period": 10},
            "28,831 on, counted from 0,",
        ),
        ({}, "change over time was not tested"),
        ({"task": "multiclass"}, "`low`, `middle`, `high`"),
        ({"task": "regression"}, "It predicts `target`, in EUR"),
        ({"task": "multiclass"}, "| macro_f1 |"),
        ({"task": "regression"}, "| mae |"),
        (
            {"truth": np.ones(60)},
            "| roc_auc | none | none to none | none (the frequencies) | within noise |",
        ),
    ],
)
def test_what_depends_on_the_task(changes, said) -> None:
    assert said in card(**changes)


def test_what_is_in_doubt_comes_first() -> None:
    assert "tests\n\n**Too good.**" in card(doubt="Too good").replace("test rows", "tests")
    assert "| better |" not in card(doubt="Too good")
    said = card("multiclass")
    assert "**The model is not clearly better than a guess without any model: Accuracy is" in (
        said.replace("is worse than", "is not clearly better than")
    )
    assert "Intervals: rows are drawn one by one (60)" in said


def test_tables_and_lists_stay_whole() -> None:
    lines = card(validation={"folds": 5}).splitlines()
    first = lines.index("|---|---|---|---|---|")
    assert lines[first - 1].startswith("| metric")
    assert lines[first + 1].startswith("| roc_auc")
    assert "" in lines
    assert "\n\n\n" not in "\n".join(lines)

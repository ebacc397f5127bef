"""Only rows that the model has not seen are judged, in their period."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from examples import people_contract
from quickstack.facts.contract import Split
from quickstack.models.modeling.split_partitions import batch_labels, label_parts


@pytest.mark.parametrize(
    ("split", "periods", "expected"),
    [
        # By time: test rows, and newer ones without a truth.
        (["train", "test", "unlabelled"], ["p1", "p2", "p3"], ["", "p2", "p3"]),
        # A row without a truth that is older than all test rows is no new period.
        (["train", "unlabelled", "test"], ["p1", "p1", "p2"], ["", "", "p2"]),
        # A period that is part training, part test: only the unseen part.
        (["train", "test", "test"], ["p1", "p1", "p2"], ["", "p1", "p2"]),
        # A row without a time belongs to no period.
        (["train", "test", "test"], ["p1", "", "p2"], ["", "", "p2"]),
        (["train", "test", "unlabelled"], None, ["", "test", ""]),
    ],
)
def test_batches(split, periods, expected):
    if periods is not None:
        periods = pd.Categorical(periods, ["", "p1", "p2", "p3"], ordered=True)
    found = batch_labels(pd.Categorical(split), periods)
    assert found.tolist() == expected


@pytest.mark.parametrize("sizes", [[6], [1, 5], [2, 0, 4], [3, 3]])
def test_labels_do_not_depend_on_where_partitions_end(sizes):
    contract = people_contract(split=Split(from_row=3), rows_per_period=2)
    table = pd.DataFrame({"kind": ["a", "b", "a", "b", None, "a"]})
    ends = np.cumsum(sizes)
    parts = [table.iloc[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    labels = label_parts(parts, contract)
    assert [part.first_row for part in labels] == [1, *(ends[:-1] + 1)]
    assert np.concatenate([part.split for part in labels]).tolist() == [
        *["train"] * 3,
        "test",
        "unlabelled",
        "test",
    ]
    assert np.concatenate([part.batches for part in labels]).tolist() == [
        *[""] * 3,
        "0002",
        "0003",
        "0003",
    ]


def test_without_an_order_there_are_no_periods():
    table = pd.DataFrame({"id": [f"k{i}" for i in range(40)], "kind": ["a", "b"] * 20})
    (labels,) = label_parts([table], people_contract())
    assert labels.periods is None
    assert set(labels.batches) == {"", "test"}

"""Segments: the worst ones are seen, the small ones only counted, and ten thousand do no harm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quickstack.data.interim.interim_tables import interim_texts
from quickstack.models.evaluation.intervals import compare
from quickstack.models.evaluation.segments import (
    MAX_VALUES,
    MISSING,
    measure_segments,
)

ROWS = 1000
DRAWN = {"resamples": 20, "seed": 0}


def scored(rows=ROWS):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, rows)
    return truth, np.clip(0.5 * truth + 0.6 * rng.random(rows), 0, 1), np.full(rows, 0.5)


def test_each_segment_is_measured_as_its_rows_alone():
    truth, scores, base = scored()
    kind = pd.Series(np.where(np.arange(ROWS) % 4 == 0, "b", "a"), dtype="str")
    found = measure_segments("binary", truth, scores, {"guess": base}, {"kind": kind}, **DRAWN)[
        "segments"
    ]
    assert [(s["column"], s["segment"], s["rows"]) for s in found] == [
        ("kind", "a", 750),
        ("kind", "b", 250),
    ]
    own = (kind == "b").to_numpy()
    alone = compare("binary", truth[own], scores[own], {"guess": base[own]}, **DRAWN)
    assert {key: found[1][key] for key in ("value", "interval", "baseline")} == {
        key: alone[key] for key in ("value", "interval", "baseline")
    }
    assert found[1]["interval"]["roc_auc"]["low"] < found[1]["value"]["roc_auc"] < 1


def test_small_segments_are_counted_only_and_one_class_has_no_roc_auc():
    truth, scores, base = scored()
    kind = pd.Series(["small"] * 49 + ["one class"] * 100 + [None] * (ROWS - 149), dtype="str")
    truth[49:149] = 1
    found = measure_segments("binary", truth, scores, {"guess": base}, {"kind": kind}, **DRAWN)[
        "segments"
    ]
    small, one_class, missing = (
        next(s for s in found if s["segment"] == name) for name in ("small", "one class", MISSING)
    )
    assert (small["rows"], small["value"], small["interval"]) == (49, {}, {})
    assert one_class["value"]["roc_auc"] is None
    assert one_class["interval"]["roc_auc"] == {"low": None, "high": None}
    assert one_class["value"]["base_rate"] == 1
    assert missing["rows"] == ROWS - 149


def test_of_ten_thousand_values_the_most_frequent_are_shown():
    truth, scores, base = scored(30_000)
    values = pd.Series(np.r_[np.repeat(7, 20_000), np.arange(10_000)])
    texts = interim_texts(values, "integer")
    found = measure_segments("binary", truth, scores, {"guess": base}, {"v": texts}, **DRAWN)[
        "segments"
    ]
    assert len(found) == MAX_VALUES
    assert (found[0]["segment"], found[0]["rows"]) == ("7", 20_001)


DAYS = ["2024-02-29", None, "1969-01-01"]
TEXTS = ["=cmd()", None, "</script><img onerror=…>"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pd.array([True, None, False], "boolean"), "boolean", ["true", None, "false"]),
        (pd.array([1, None, -2], "Int64"), "integer", ["1", None, "-2"]),
        ([1.5, None, 2.0], "number", ["1.5", None, "2"]),
        (pd.to_datetime(DAYS), "date", DAYS),
        (TEXTS, "string", TEXTS),
    ],
)
def test_values_become_the_text_that_the_tables_hold(values, kind, expected):
    texts = interim_texts(pd.Series(values, index=[5, 6, 7]), kind)
    assert texts.index.tolist() == [5, 6, 7]
    assert [None if pd.isna(text) else text for text in texts] == expected

"""Profiles count every row once, and add up."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstack.facts.errors import DataError
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.reference_profile import (
    bin_count,
    build_reference,
    merge,
    profile,
    profile_by_label,
)

FEATURES = (
    Feature("size", "numeric", ()),
    Feature("plan", "category", ("basic", "plus")),
)


def table(sizes, plans) -> pd.DataFrame:
    return pd.DataFrame(
        {"size": np.array(sizes, dtype="float64"), "plan": pd.Series(plans, dtype=object)}
    )


def test_ten_bins_of_equal_share_and_one_for_missing_values():
    frame = table(np.r_[np.arange(1000), [np.nan] * 7], ["basic"] * 1007)
    entry = build_reference(frame, FEATURES, None)["features"][0]
    assert entry["counts"] == [100] * 10 + [7]
    assert entry["cuts"] == [99.5 + 100 * i for i in range(9)]


def test_cuts_lie_between_values_of_the_data_never_on_one():
    frame = table([0.0] * 500 + [1.0] * 300 + [7.0] * 200, ["basic"] * 1000)
    entry = build_reference(frame, FEATURES, None)["features"][0]
    assert entry["cuts"] == [0.5, 4.0]
    assert entry["counts"] == [500, 300, 200, 0]


def test_a_rare_second_value_gets_its_own_bin():
    frame = table([0.0] * 40 + [1.0] * 960, ["basic"] * 1000)
    assert build_reference(frame, FEATURES, None)["features"][0]["counts"] == [40, 960, 0]


@pytest.mark.parametrize("values", [[3.0] * 20, [np.nan] * 20, [np.inf] * 20])
def test_a_feature_without_two_values_has_one_bin_and_missing(values):
    entry = build_reference(table(values, ["basic"] * 20), FEATURES, None)["features"][0]
    assert entry["cuts"] == []
    assert sum(entry["counts"]) == 20


def test_categories_other_and_missing():
    frame = table([1.0] * 6, ["basic", "plus", "plus", "never seen", None, np.nan])
    entry = build_reference(frame, FEATURES, None)["features"][1]
    assert entry["counts"] == [1, 2, 1, 2]


def test_counts_per_period_are_sorted_and_add_up():
    frame = table(np.arange(30), ["basic"] * 30)
    periods = np.array(["2024-02", "2024-01", "2024-03"] * 10)
    entry = build_reference(frame, FEATURES, periods)["features"][0]
    assert list(entry["periods"]) == ["2024-01", "2024-02", "2024-03"]
    assert np.sum(list(entry["periods"].values()), axis=0).tolist() == entry["counts"]


def test_the_reference_survives_json():
    frame = table([1.0, 2.0, np.nan], ["basic", None, "plus"])
    reference = build_reference(frame, FEATURES, np.array(["a", "b", "b"]))
    again = json.loads(json.dumps(reference, allow_nan=False))
    assert again == reference
    assert profile(frame, again)["size"].tolist() == reference["features"][0]["counts"]


def test_another_tables_profile_is_refused_with_the_name_of_the_column():
    reference = build_reference(table([1.0, 2.0], ["basic", "plus"]), FEATURES, None)
    with pytest.raises(DataError, match=r"'plan'.*train again"):
        profile(table([1.0], ["basic"])[["size"]], reference)


rows = st.lists(
    st.tuples(
        st.one_of(st.floats(), st.sampled_from([0.0, 1.0, -0.0])),
        st.sampled_from(["basic", "plus", "other", None]),
        st.sampled_from(["", "p1", "p2", "p3"]),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(reference_rows=rows, batch=rows, cut=st.integers(0, 40))
def test_profiles_of_parts_merge_to_the_profile_of_the_whole_in_any_order(
    reference_rows, batch, cut
):
    reference = build_reference(
        table([r[0] for r in reference_rows], [r[1] for r in reference_rows]), FEATURES, None
    )
    frame = table([r[0] for r in batch], [r[1] for r in batch])
    labels = np.array([r[2] for r in batch], dtype=str)
    whole = profile_by_label(frame, labels, reference)
    head = profile_by_label(frame.iloc[:cut], labels[:cut], reference)
    tail = profile_by_label(frame.iloc[cut:], labels[cut:], reference)
    for merged in (merge(head, tail), merge(tail, head)):
        assert merged.keys() == whole.keys()
        for label, counts in whole.items():
            assert {n: c.tolist() for n, c in merged[label].items()} == {
                n: c.tolist() for n, c in counts.items()
            }
            for entry in reference["features"]:
                assert len(counts[entry["name"]]) == bin_count(entry)
                assert counts[entry["name"]].sum() == (labels == label).sum()

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy.anonymity import class_digests, classes, merge, rows_in, small_classes

KEY = b"k" * 32
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None, ""]), st.sampled_from([1, 2, None]), st.integers(0, 4)
    ),
    max_size=40,
)


def table(rows):
    return pa.table(
        {
            "zip": pa.array([r[0] for r in rows], pa.string()),
            "age": pa.array([r[1] for r in rows], pa.int64()),
        }
    )


def subjects(rows):
    return class_digests(pa.table({"person": pa.array([r[2] for r in rows], pa.int64())}), KEY)


@given(ROWS, st.integers(1, 5), st.integers(0, 40))
def test_rows_of_small_classes_are_found_however_they_are_cut(rows, k, cut):
    parts = [rows[:cut], rows[cut:]]
    merged = merge([classes(class_digests(table(part), KEY)) for part in parts])
    found = rows_in(class_digests(table(rows), KEY), small_classes(merged, k))
    sizes = Counter(r[:2] for r in rows)
    assert found.tolist() == [sizes[r[:2]] < k for r in rows]


@given(ROWS, st.integers(1, 4), st.integers(0, 40))
def test_a_person_with_many_rows_counts_once(rows, k, cut):
    parts = [rows[:cut], rows[cut:]]
    merged = merge([classes(class_digests(table(p), KEY), subjects(p)) for p in parts])
    found = rows_in(class_digests(table(rows), KEY), small_classes(merged, k))
    persons = {r[:2]: {o[2] for o in rows if o[:2] == r[:2]} for r in rows}
    assert found.tolist() == [len(persons[r[:2]]) < k for r in rows]


def test_a_null_is_a_value_of_its_own_and_the_order_of_columns_counts():
    both = pa.table({"a": ["x", None, ""], "b": [None, "x", ""]})
    assert len(np.unique(class_digests(both, KEY))) == 3


def test_digests_need_the_key():
    one = pa.table({"a": ["x"]})
    assert class_digests(one, KEY) != class_digests(one, b"o" * 32)


def test_dictionaries_and_plain_columns_agree():
    plain = pa.table({"a": ["x", "y", None, "x"]})
    encoded = pa.table({"a": plain["a"].dictionary_encode()})
    assert class_digests(plain, KEY).tolist() == class_digests(encoded, KEY).tolist()


def test_nothing_has_no_classes():
    assert len(small_classes(merge([]), 5)) == 0
    assert len(class_digests(table([]), KEY)) == 0

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy import leaked_values
from quickstack.data.privacy.hashing import union, words_of

KEY = b"k" * 32


def texts(values):
    return pa.array(values, pa.string())


def personal(**columns):
    return leaked_values.personal_values(pa.table({n: texts(v) for n, v in columns.items()}), KEY)


@pytest.mark.parametrize(
    ("columns", "text", "held"),
    [
        ({"name": ["Sean James"]}, "call SEAN  JAMES back", True),
        ({"name": ["Sean James"]}, "call “sean-james”, please", True),
        ({"name": ["Sean James"]}, "Sean and James", False),
        ({"name": ["Sean James"]}, "James Sean", False),
        ({"name": ["Sean James"]}, "Seán James", False),
        ({"name": ["Dr Frank Hill"]}, "for Frank Hill (urgent)", True),
        ({"name": ["Frank Hill Jr."]}, "for Dr Frank Hill", True),
        ({"name": ["José Müller"]}, "für José MÜLLER.", True),
        ({"name": ["Jo\u0301se Groß"]}, "J\u00f3se GROSS", True),
        ({"name": ["Frank"]}, "Frank", False),
        ({"first": ["Ada", "Bo"], "last": ["Lovelace", "Li"]}, "Lovelace, Ada", True),
        ({"first": ["Ada", "Bo"], "last": ["Lovelace", "Li"]}, "Ada Li", False),
        ({"first": ["Ada", None], "last": [None, "Li"]}, "Ada Li", False),
        ({"id": ["C-00123"]}, "customer c-00123 called", True),
        ({"id": ["C00123"]}, "customer c00123 called", True),
        ({"id": ["C00123"]}, "customer c001234 called", False),
        ({"id": ["A1"]}, "A1", False),
        ({"number": ["12345678"]}, "order 12345678", False),
        ({"number": ["123456789"]}, "order 123456789", True),
        ({"born": ["1967-04-13"]}, "on 1967-04-13", False),
        ({"street": ["12 High Street"]}, "lives at 12, High Street.", True),
        ({"long": ["one two three four five six seven"]}, "one two three four five six 7", True),
        ({"email": ["ada@example.org"]}, "<ada@example.org>", True),
        ({"name": ["", None, "  "]}, "anything", False),
    ],
)
def test_values_are_found_in_other_texts(columns, text, held):
    looked_for = personal(**columns)
    cells = texts([None, "clean", text])
    assert leaked_values.holding(cells, looked_for, KEY).tolist() == [False, False, held]
    assert leaked_values.count(cells.dictionary_encode(), looked_for, KEY) == held
    if held:
        assert leaked_values.may_hold(leaked_values.vocabulary(cells, KEY), looked_for)


def test_whole_numbers_count_and_other_types_do_not():
    table = pa.table({"id": [123456789012], "born": pa.array([0], pa.date32()), "x": [1.5]})
    looked_for = leaked_values.personal_values(table, KEY)
    assert (
        leaked_values.count(texts(["id 123456789012", "1970-01-01", "1.5"]), looked_for, KEY) == 1
    )


def test_emails_can_be_left_to_detection():
    table = pa.table({"email": ["ada@example.org", None], "name": ["Ada Lovelace", "Bo Li"]})
    looked_for = leaked_values.personal_values(table, KEY, emails=False)
    assert leaked_values.count(texts(["ada@example.org", "bo li"]), looked_for, KEY) == 1


def test_a_vocabulary_without_first_and_last_word_rules_a_column_out():
    looked_for = personal(name=["Sean James", "Ada Lovelace"])
    assert not leaked_values.may_hold(
        leaked_values.vocabulary(texts(["sean lovelac", "adam"]), KEY), looked_for
    )
    assert not leaked_values.may_hold(leaked_values.vocabulary(texts([]), KEY), looked_for)
    assert not leaked_values.may_hold(
        leaked_values.vocabulary(texts(["sean james"]), b"o" * 32), looked_for
    )


WORD = st.sampled_from(["ada", "Bo", "li", "12", "c00123", "ß", "123456789", "müller", "x" * 20])
TEXT = st.lists(WORD, max_size=7).map(" ".join) | st.lists(WORD, max_size=4).map(", ".join)
CELLS = st.lists(st.none() | TEXT, max_size=12)


def reference_words(text):
    text = (text or "").lower().replace("ß", "ss")
    return re.findall(r"[^\W_]+", text)


def reference_values(values):
    found = set()
    for value in values:
        words = reference_words(value)
        letters = "".join(words)
        mixed = len(letters.encode()) >= 6 and re.search(r"\d", letters)
        if (letters.isdigit() and len(letters) >= 9) or (
            not letters.isdigit() and (len(words) > 1 or mixed)
        ):
            found.add(tuple(words[:6]))
    return found


@given(CELLS, CELLS, st.integers(0, 12))
def test_it_agrees_with_a_slow_search_and_does_not_depend_on_cuts(values, cells, cut):
    expected = reference_values(values)
    parts = [personal(a=values[:cut]), personal(a=values[cut:])]
    looked_for = leaked_values.merge(parts)
    held = []
    for cell in cells:
        words = reference_words(cell)
        grams = {tuple(words[i : i + n]) for n in range(1, 7) for i in range(len(words) - n + 1)}
        held.append(bool(grams & expected))
    found = [leaked_values.holding(texts(c), looked_for, KEY) for c in (cells[:cut], cells[cut:])]
    assert np.concatenate(found).tolist() == held
    whole = personal(a=values)
    assert looked_for.several.tolist() == whole.several.tolist()
    assert looked_for.single.tolist() == whole.single.tolist()
    vocabularies = [leaked_values.vocabulary(texts(c), KEY) for c in (cells[:cut], cells[cut:])]
    if any(held):
        assert leaked_values.may_hold(union(vocabularies), looked_for)


@given(st.lists(st.none() | st.text(max_size=30), max_size=20), st.integers(0, 20))
def test_words_are_those_of_a_slow_split(values, start):
    array = texts(["before", *values, "after"]).slice(min(start, len(values)))
    ascii_only = pa.array([v for v in array.to_pylist() if v is None or v.isascii()], pa.string())
    found = words_of(ascii_only, KEY)
    expected = [
        (row, word)
        for row, value in enumerate(ascii_only.to_pylist())
        for word in re.findall(r"[a-z0-9]+", (value or "").lower())
    ]
    assert found.owner.tolist() == [row for row, _ in expected]
    assert found.lengths.tolist() == [len(word) for _, word in expected]
    assert found.digits.tolist() == [sum(map(str.isdigit, word)) for _, word in expected]
    by_hash = dict(zip(found.hashes.tolist(), (word for _, word in expected), strict=True))
    assert len(by_hash) == len({word for _, word in expected})


def test_long_columns_and_long_cells_are_worked_on_in_parts():
    long = "word " * 40_000
    cells = texts([long + "Ada Lovelace", *[f"row {i}" for i in range(40_000)], "ada lovelace"])
    held = leaked_values.holding(cells, personal(name=["Ada Lovelace"]), KEY)
    assert np.flatnonzero(held).tolist() == [0, 40_001]

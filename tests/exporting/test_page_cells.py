"""The counts behind the page equal what a direct computation gives, and show nobody alone."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browser.pages import CLASSES, cells_of, contract_of, make_rows, render
from quickstack.results.exporting.axes import nice_axis, scale_of
from quickstack.results.exporting.histograms import Histograms
from quickstack.results.exporting.packing import DIGITS, LIMIT, pack, packed
from quickstack.results.exporting.small_cells import LEAST, pool_periods, pool_values


def unpack(text, size):
    """Read packed counts, written anew from their description."""
    counts, digits = [], iter(DIGITS.index(letter) for letter in text)

    def read(first):
        value, place = first % 32, 32
        while first >= 32:
            first = next(digits)
            value, place = value + first % 32 * place, place * 32
        return value

    for first in digits:
        value = read(first)
        counts += [value] if value else [0] * (read(next(digits)) + 1)
    return np.array(counts + [0] * (size - len(counts)), dtype="int64")


@given(st.lists(st.one_of(st.just(0), st.integers(0, 5_000_000)), max_size=300))
def test_packing_loses_nothing(counts):
    assert unpack(pack(counts), len(counts)).tolist() == counts


def labelled(rows, table):
    """Return the rows that the page counts, as pooled names and outcomes."""
    return rows.join(table)[rows["split"] != "train"]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(60, 900), st.integers(1, 5))
def test_histograms_equal_a_direct_count(seed, size, parts):
    contract = contract_of("binary")
    rows, table = make_rows("binary", size, seed)
    if not ((rows["split"] == "test") & table["target"].notna()).sum() >= LEAST:
        return
    result = packed(cells_of(contract, rows, table, parts))
    seen, edges = labelled(rows, table), np.array(result["edges"])
    outcome = seen["target"].map({"no": 0, "yes": 1}).fillna(2).astype(int)
    for group in result["groups"]:
        whole = sum(unpack(cell[2], result["size"]) for cell in group["cells"])
        for channel in range(3):
            scores = seen["probability"][outcome == channel]
            if channel == 2 and len(scores) < LEAST:  # all are of one period, and left out
                scores = scores[:0]
            direct = np.histogram(scores, edges)[0]
            width = len(edges) - 1
            assert whole[channel * width : (channel + 1) * width].tolist() == direct.tolist()
        for value, period, text in group["cells"]:
            counts = unpack(text, result["size"]).reshape(3, -1).sum(axis=1)
            known, unknown = counts[0] + counts[1], counts[2]
            assert not 0 < known < LEAST
            assert not 0 < unknown < LEAST
            if value < len(group["values"]) and group["name"] and result["periods"][period]:
                name = group["values"][value]
                named = seen[group["name"]]
                own = (named.isna() if name is None else named == name) & (
                    seen["period"] == result["periods"][period]
                )
                # All of its rows, or none where they are in the pool.
                for shown, kind in ((known, outcome < 2), (unknown, outcome == 2)):
                    assert shown in (0, (own & kind).sum())


def test_the_threshold_of_the_contract_counts_exactly():
    contract = contract_of("binary")
    rows, table = make_rows("binary")
    edges = packed(cells_of(contract, rows, table))["edges"]
    assert contract.decision.threshold in edges
    assert edges[0] == 0
    assert edges[-1] == 1
    assert len(edges) <= 202


@pytest.mark.parametrize("task", CLASSES)
def test_neither_partitions_nor_their_number_show_in_the_bytes(task):
    contract = contract_of(task)
    rows, table = make_rows(task)
    pages = {render(contract, cells_of(contract, rows, table, parts)) for parts in (1, 2, 7, 80)}
    assert len(pages) == 1


def test_sums_of_a_regression_equal_a_direct_sum():
    contract = contract_of("regression")
    rows, table = make_rows("regression")
    result = packed(cells_of(contract, rows, table))
    seen = labelled(rows, table)
    seen = seen[seen["target"].notna()]
    error = (seen["prediction"] - seen["target"]).to_numpy()
    for group in result["groups"]:
        sums = np.sum([cell[3] for cell in group["cells"] if len(cell) > 3], axis=0)
        assert sums[0] == len(seen)
        expected = [error.sum(), np.abs(error).sum(), (error**2).sum()]
        assert sums[1:4] == pytest.approx(expected, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ({"a": (9, 0), "b": (9, 0)}, ["a", "b"]),
        ({"a": (2, 0), "b": (9, 0), "c": (9, 0)}, ["c"]),
        ({"a": (2, 0), "b": (4, 0), "c": (9, 9)}, ["c"]),
        ({"a": (4, 0)}, []),
    ],
)
def test_a_small_period_is_pooled_with_another(sizes, shown):
    assert pool_periods(sizes, 9) == (shown, len(shown) < len(sizes))


def test_a_pool_is_never_small():
    sizes = {(0, 0): 50, (1, 0): 30, (2, 0): 2, (0, 1): 9, (1, 1): 9}
    sizes = {(*cell, False): rows for cell, rows in sizes.items()} | {(1, 1, True): 7}
    kept, places, pooled = pool_values(sizes, ["x", "y", "z"], 9)
    assert kept == [0, 1]
    assert pooled
    # The two rows of z take the smaller of their period's others with them.
    assert {cell for cell, place in places.items() if place == 2} == {(1, 0, False), (2, 0, False)}


@pytest.mark.parametrize(
    ("low", "high", "bins"),
    [(0, 977, 36), (-3.2, 0.1, 20), (5, 5, 10), (0, 1e-9, 9), (-1e9, 1e9, 60)],
)
def test_axes_have_round_steps_and_hold_all(low, high, bins):
    axis = nice_axis(low, high, bins)
    digits = f"{axis.step:.3e}".split("e")[0].rstrip("0").rstrip(".")
    assert digits in ("1", "2", "2.5", "5")
    assert axis.start <= low + 1e-12
    assert axis.start + axis.step * axis.size >= high * (1 - 1e-9)
    assert axis.size <= bins + 2


def test_a_scale_of_nothing_is_still_one():
    scale = scale_of(contract_of("regression"), [pd.DataFrame({"target": [np.nan, np.inf]})], {})
    assert scale.value.size >= 2
    assert scale.residual.step > 0


def test_a_million_rows_make_no_larger_page():
    rows, table = (
        pd.concat([part] * 10, ignore_index=True) for part in make_rows("binary", 100_000)
    )
    contract = contract_of("binary")
    cells = cells_of(contract, rows, table, parts=4)
    html = render(contract, cells)
    assert len(html.encode()) < 100_000
    assert len(json.dumps(packed(cells), ensure_ascii=False)) <= LIMIT


def test_columns_may_have_any_name():
    names = ("period", "split", "prediction", "probability", "列", "a\nb")
    contract = contract_of("binary", segments=names)
    rows, table = make_rows("binary")
    values = pd.DataFrame({name: np.where(table.index % 2, "x", "y") for name in names})
    cells = Histograms(contract)
    cells.add(rows, table[["target"]].join(values))
    assert [group["name"] for group in packed(cells)["groups"]] == [None, *names]

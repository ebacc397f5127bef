"""Rows by hash, against what plain dictionaries count."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from quickstack.results.comparing.row_differences import Spill, column_hash, compare_rows, parts_for


def compared(folder, one, other, key, columns, parts):
    spills = []
    for name, table in (("one", one), ("other", other)):
        spill = Spill(folder / f"{name}{parts}", key, columns, parts)
        for batch in table.to_batches(max_chunksize=37):
            spill.add(batch)
        spills.append(spill)
    changes = compare_rows(*spills, columns, parts)
    for spill in spills:
        spill.close()
    return changes


def table(seed, rows=500, keys=700):
    draw = np.random.default_rng(seed)
    return pa.table(
        {
            "key": draw.permutation(keys)[:rows].astype(str).tolist(),
            "text": draw.choice(["a", "b", None], rows).tolist(),
            "number": pa.array(draw.integers(0, 3, rows), mask=draw.random(rows) < 0.1),
            "float": draw.integers(0, 2, rows) / 3,
            "truth": draw.random(rows) < 0.5,
        }
    )


COLUMNS = ["text", "number", "float", "truth"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("parts", [1, 7])
def test_keyed_rows_are_counted_as_dictionaries_count_them(tmp_path, seed, parts):
    one, other = table(seed), table(seed + 100)
    found = compared(tmp_path, one, other, ["key"], COLUMNS, parts)
    left, right = ({row["key"]: row for row in side.to_pylist()} for side in (one, other))
    both = left.keys() & right.keys()
    columns = Counter(c for k in both for c in COLUMNS if left[k][c] != right[k][c])
    assert found.added == len(right.keys() - both) > 0
    assert found.removed == len(left.keys() - both) > 0
    assert found.changed == sum(left[k] != right[k] for k in both) > 0
    assert found.columns == columns


@pytest.mark.parametrize("parts", [1, 5])
def test_rows_without_a_key_are_counted_as_multisets(tmp_path, parts):
    one, other = (table(seed).select(COLUMNS) for seed in (1, 2))
    found = compared(tmp_path, one, other, [], COLUMNS, parts)
    left, right = (Counter(tuple(r.values()) for r in t.to_pylist()) for t in (one, other))
    assert found.added == (right - left).total() > 0
    assert found.removed == (left - right).total() > 0
    assert found.changed == 0


def test_an_empty_side_and_equal_sides(tmp_path):
    one = table(1)
    assert compared(tmp_path, one, one.slice(0, 0), ["key"], COLUMNS, 2).removed == 500
    same = compared(tmp_path / "..", one, one.take(np.arange(499, -1, -1)), ["key"], COLUMNS, 3)
    assert (same.added, same.removed, same.changed) == (0, 0, 0)


def test_a_hash_depends_on_the_value_alone():
    whole = pa.array(["b", "a", None, "b", ""])
    parts = [column_hash(whole.slice(i, 1))[0] for i in range(5)]
    assert parts == column_hash(whole).tolist()
    assert len(set(parts)) == 4
    # Missing is neither zero nor false.
    numbers = pa.array([0, None], pa.int32())
    for kind in (pa.int64(), pa.float64(), pa.bool_(), pa.date32()):
        zero, missing = column_hash(numbers.cast(kind))
        assert zero != missing


def test_files_grow_with_the_cells():
    assert parts_for(0, 0) == parts_for(1_000_000, 7) == 1
    assert parts_for(100_000_000, 9) == 125

from __future__ import annotations

from datetime import date, datetime

import pytest

from quickstack.contract import Column
from quickstack.quality.parse import parse_column

#: column, cell text, and its value; WRONG where it does not fit
WRONG = object()
CASES = [
    (Column("c", "integer"), "12", 12),
    (Column("c", "integer"), "-0", 0),
    (Column("c", "integer"), "+7", 7),
    (Column("c", "integer"), "12.0", WRONG),
    (Column("c", "integer"), "1e3", WRONG),
    (Column("c", "integer"), "1,000", WRONG),
    (Column("c", "integer"), " 1", WRONG),
    (Column("c", "integer"), "9" * 19, WRONG),
    (Column("c", "integer"), "0x1f", WRONG),
    (Column("c", "number"), "1.5", 1.5),
    (Column("c", "number"), "+1.5", 1.5),
    (Column("c", "number"), ".5", 0.5),
    (Column("c", "number"), "++1", WRONG),
    (Column("c", "number"), "1e-3", 0.001),
    (Column("c", "number"), "1,5", WRONG),
    (Column("c", "number"), "nan", WRONG),
    (Column("c", "number"), "inf", WRONG),
    (Column("c", "number"), "1e999", WRONG),
    (Column("c", "number"), "", None),
    (Column("c", "boolean"), "true", True),
    (Column("c", "boolean"), "FALSE", False),
    (Column("c", "boolean"), "1", True),
    (Column("c", "boolean"), "yes", WRONG),
    (Column("c", "date", format="%Y-%m-%d"), "2024-02-29", date(2024, 2, 29)),
    (Column("c", "date", format="%Y-%m-%d"), "2025-02-29", WRONG),
    (Column("c", "date", format="%Y-%m-%d"), "2025-02-30", WRONG),
    (Column("c", "date", format="%Y-%m-%d"), "2025-1-5", WRONG),
    (Column("c", "date", format="%Y-%m-%d"), "2025-01-05 ", WRONG),
    (Column("c", "date", format="%d.%m.%Y"), "05.01.2025", date(2025, 1, 5)),
    (Column("c", "date", format="%d.%m.%Y"), "2025-01-05", WRONG),
    (
        Column("c", "timestamp", format="%Y-%m-%d %H:%M:%S"),
        "2025-01-05 23:59:58",
        datetime(2025, 1, 5, 23, 59, 58),
    ),
    (Column("c", "timestamp", format="%Y-%m-%d %H:%M:%S"), "2025-01-05 24:00:00", WRONG),
    (Column("c", "string"), "anything, really", "anything, really"),
    (Column("c", "string"), "NA", None),
]


@pytest.mark.parametrize(("column", "cell", "value"), CASES)
def test_a_cell_has_its_value_or_is_wrong(column, cell, value):
    values, wrong = parse_column(column, [cell], ("", "NA"))
    if value is WRONG:
        assert (values.to_pylist(), wrong.to_pylist()) == ([None], [True])
    else:
        assert (values.to_pylist(), wrong.to_pylist()) == ([value], [False])


def test_no_cells_are_no_values():
    for column, _, _ in CASES:
        values, wrong = parse_column(column, [], ("",))
        assert len(values) == len(wrong) == 0

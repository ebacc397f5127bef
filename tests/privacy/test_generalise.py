from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from quickstack.data.privacy.generalise import generalise
from quickstack.facts.contract.model import Generalisation
from quickstack.facts.errors import ContractError

D = date
MOMENTS = [datetime(1969, 12, 31, 23, 59), datetime(2024, 5, 17), None]


@pytest.mark.parametrize(
    ("values", "kind", "size", "expected"),
    [
        (pa.array([37, 30, 39, 40, 0, None]), "band", 10, ["30-39"] * 3 + ["40-49", "0-9", None]),
        (pa.array([-1, -10, -11]), "band", 10, ["-10--1", "-10--1", "-20--11"]),
        (pa.array([7]), "band", 1, ["7"]),
        (pa.array([39.5, -0.5, 40.0]), "band", 10, ["30-<40", "-10-<0", "40-<50"]),
        (pa.array([float("nan"), float("inf"), None]), "band", 5, [None, None, None]),
        (pa.array(["80331", "äöü", "1", "", None]), "prefix", 2, ["80", "äö", "1", "", None]),
        (pa.array([80331]), "prefix", 2, ["80"]),
        (pa.array(MOMENTS), "month", 1, [D(1969, 12, 1), D(2024, 5, 1), None]),
        (pa.array(MOMENTS), "quarter", 1, [D(1969, 10, 1), D(2024, 4, 1), None]),
        (pa.array(MOMENTS), "year", 1, [D(1969, 1, 1), D(2024, 1, 1), None]),
        (pa.array(MOMENTS), "decade", 1, [D(1960, 1, 1), D(2020, 1, 1), None]),
        (pa.array([D(1899, 12, 31), D(2020, 1, 1)]), "decade", 1, [D(1890, 1, 1), D(2020, 1, 1)]),
        (pa.chunked_array([[1], [2]]), "band", 2, ["0-1", "2-3"]),
        (pa.array([], pa.int64()), "band", 2, []),
    ],
)
def test_values_become_coarser(values, kind, size, expected):
    found = generalise(values, Generalisation(kind, size))
    assert found.to_pylist() == expected
    assert found.type == (pa.string() if kind in ("band", "prefix") else pa.date32())


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (pa.array(["x"]), Generalisation("band", 10)),
        (pa.array([1]), Generalisation("year")),
        (pa.array([D(2024, 1, 1)]), Generalisation("prefix", 2)),
        (pa.array([1]), Generalisation("band", 0)),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(values, rule):
    with pytest.raises(ContractError):
        generalise(values, rule)

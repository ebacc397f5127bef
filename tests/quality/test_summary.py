from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from examples import people_contract
from quickstack.contract.model import QualityRule
from quickstack.errors import DataError
from quickstack.quality.summary import FileCounts, quality_report, require_usable


def counts(clean=90, quarantined=10, missing=0):
    rules = Counter({("kind", "allowed"): quarantined})
    return FileCounts("a.csv", clean, quarantined, 1, rules, Counter({"amount": missing}))


def test_counts_of_files_add_up():
    report = quality_report(people_contract(), [counts(), replace(counts(), file="b.csv")], None)
    assert report["rows"] == {"read": 200, "clean": 180, "quarantined": 20}
    assert report["rules"] == [{"column": "kind", "rule": "allowed", "rows": 20}]
    assert report["blank_lines"] == 2
    assert [f["read"] for f in report["files"]] == [100, 100]


@pytest.mark.parametrize(
    ("share", "stops"), [(0.5, False), (0.1, False), (0.09, True), (0.0, True)]
)
def test_too_many_broken_rows_stop_the_stage(share, stops):
    contract = people_contract()
    contract = replace(contract, source=replace(contract.source, max_quarantined_share=share))
    report = quality_report(contract, [counts()], None)
    if not stops:
        require_usable(contract, report)
        return
    with pytest.raises(DataError, match=r"(?s)10 of 100 rows .* kind, allowed: 10 rows"):
        require_usable(contract, report)


def test_no_rows_at_all_stop_the_stage():
    contract = people_contract()
    with pytest.raises(DataError, match="no rows"):
        require_usable(contract, quality_report(contract, [counts(0, 0)], None))


OPERATORS = [
    ("mustBe", 90, 91),
    ("mustNotBe", 91, 90),
    ("mustBeGreaterThan", 89, 90),
    ("mustBeGreaterOrEqualTo", 90, 91),
    ("mustBeLessThan", 91, 90),
    ("mustBeLessOrEqualTo", 90, 89),
    ("mustBeBetween", (80, 90), (91, 99)),
    ("mustNotBeBetween", (91, 99), (80, 90)),
]


@pytest.mark.parametrize(("operator", "holds", "fails"), OPERATORS)
def test_limits_on_the_number_of_rows(operator, holds, fails):
    for value, stops in ((holds, False), (fails, True)):
        contract = people_contract(quality=(QualityRule("rowCount", operator, value, False, True),))
        report = quality_report(contract, [counts()], None)
        if stops:
            with pytest.raises(DataError, match="rows: 90, must"):
                require_usable(contract, report)
        else:
            require_usable(contract, report)


@pytest.mark.parametrize("stops", [True, False])
def test_a_limit_on_missing_values_stops_or_warns(stops):
    rule = QualityRule("nullValues", "mustBeLessThan", 5, True, stops)
    base = people_contract()
    columns = tuple(replace(c, quality=(rule,)) if c.name == "amount" else c for c in base.columns)
    contract = replace(base, columns=columns)
    report = quality_report(contract, [counts(missing=9)], None)
    sentence = "rows without a value in amount: 10 %, must be less than 5 %"
    if stops:
        assert report["warnings"] == []
        with pytest.raises(DataError, match=sentence):
            require_usable(contract, report)
    else:
        assert report["warnings"] == [sentence]
        require_usable(contract, report)

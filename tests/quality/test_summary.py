from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from examples import people_contract
from quickstack.data.quality.counts import RowCounts
from quickstack.data.quality.quality_report import (
    FileCounts,
    TableCounts,
    quality_report,
    require_usable,
)
from quickstack.facts.contract.model import QualityRule
from quickstack.facts.errors import DataError


def counts(clean=90, quarantined=10, missing=0, file="a.csv", **more):
    rules = Counter({("kind", "allowed"): quarantined})
    missed = Counter({("amount",): missing})
    varied = {c.name for c in people_contract().columns}
    counts = RowCounts(clean, quarantined, 1, rules, missing=missed, varied=varied, **more)
    return FileCounts(file, counts)


def table(contract, *files, whole_table=None):
    return TableCounts(contract, list(files), whole_table or RowCounts())


def test_counts_of_files_add_up():
    contract = people_contract()
    whole = table(contract, counts(), counts(file="b.csv"))
    report = quality_report(contract, [whole], None)
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
    if not stops:
        require_usable([table(contract, counts())])
        return
    with pytest.raises(DataError, match=r"(?s)10 of 100 rows .* kind, allowed: 10 rows"):
        require_usable([table(contract, counts())])


def test_no_rows_at_all_stop_the_stage():
    contract = people_contract()
    with pytest.raises(DataError, match="no rows"):
        require_usable([table(contract, counts(0, 0))])


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
        if stops:
            with pytest.raises(DataError, match="rows: 90, must"):
                require_usable([table(contract, counts())])
        else:
            require_usable([table(contract, counts())])


@pytest.mark.parametrize("stops", [True, False])
def test_a_limit_on_missing_values_stops_or_warns(stops):
    rule = QualityRule("nullValues", "mustBeLessThan", 5, True, stops)
    base = people_contract()
    columns = tuple(replace(c, quality=(rule,)) if c.name == "amount" else c for c in base.columns)
    contract = replace(base, columns=columns)
    whole = table(contract, counts(missing=9))
    warnings = quality_report(contract, [whole], None)["warnings"]
    sentence = "rows without a value in amount: 10 %, must be less than 5 %"
    if stops:
        assert warnings == []
        with pytest.raises(DataError, match=sentence):
            require_usable([whole])
    else:
        assert warnings == [sentence]
        require_usable([whole])


def test_personal_data_where_none_are_expected_stop_the_stage():
    whole_table = RowCounts(findings=Counter({("note", "leaked_value"): 2}))
    whole = table(
        people_contract(), counts(findings=Counter({("note", "email"): 3})), whole_table=whole_table
    )
    with pytest.raises(DataError, match=r"(?s)note, email: 3 rows.*note, leaked_value: 2 rows"):
        require_usable([whole])


def test_a_rule_of_severity_stop_stops_and_of_severity_warning_only_tells():
    contract = people_contract()
    warned = table(contract, counts(warned=Counter({("kind", "allowed"): 4})))
    require_usable([warned])
    report = quality_report(contract, [warned], None)
    assert report["warned"] == [{"column": "kind", "rule": "allowed", "rows": 4}]
    assert report["warnings"] == ["rows that break the rule allowed: 4"]
    with pytest.raises(DataError, match=r"(?s)severity stop.*amount, minimum: 1 rows"):
        require_usable([table(contract, counts(stopped=Counter({("amount", "minimum"): 1})))])


def test_suppressed_rows_say_nothing_against_the_data():
    contract = people_contract()
    contract = replace(contract, source=replace(contract.source, max_quarantined_share=0.0))
    counts = RowCounts(50, 50, 0, Counter({("", "k-anonymity"): 50}))
    require_usable([table(contract, FileCounts("a.csv", counts))])


def test_what_is_seldom_meant_is_remarked():
    contract = people_contract()
    counts = RowCounts(10, missing=Counter({("amount",): 10}), varied={"id", "day"}, in_order=False)
    report = quality_report(contract, [table(contract, FileCounts("a", counts))], None)
    assert report["warnings"] == [
        "without any value: amount",
        "the same value in every row: kind",
        "rows are not in the order of None",
    ]


def test_further_tables_are_reported_by_their_names():
    main, other = people_contract(), people_contract(id="places")
    report = quality_report(main, [table(main, counts()), table(other, counts(clean=5))], "f")
    assert report["tables"]["places"]["rows"]["clean"] == 5
    assert (report["rows"]["clean"], report["pseudonym_key"]) == (90, "f")

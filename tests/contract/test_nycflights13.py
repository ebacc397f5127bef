from __future__ import annotations

import pytest

from helpers import ROOT, real_data
from quickstack.facts.contract import load_contract


def test_new_york_flights():
    contract = load_contract(ROOT / "configuration" / "contracts" / "nycflights13.odcs.yaml")
    assert [table.id for table in contract.tables] == ["weather", "planes", "airports", "airlines"]
    assert {(r.table, r.columns, r.severity) for r in contract.references} == {
        ("airlines", ("carrier",), "error"),
        ("planes", ("tailnum",), "warning"),
        ("airports", ("origin",), "error"),
        ("airports", ("dest",), "warning"),
        ("weather", ("origin", "year", "month", "day", "hour"), "warning"),
    }
    assert all(column.description for table in contract.tables for column in table.columns)


def test_new_york_flights_keep_to_their_contract():
    pd = pytest.importorskip("pandas")
    contract = load_contract(ROOT / "configuration" / "contracts" / "nycflights13.odcs.yaml")
    tables, broken = {}, {}
    for table in (contract, *contract.tables):
        path = real_data("nycflights13/" + table.source.path.rsplit("/", 1)[1])
        data = pd.read_csv(path, dtype=str, keep_default_na=False)
        data = data.mask(data.isin(table.source.missing))
        tables[table.id] = data
        assert list(data) == [column.name for column in table.columns]
        count = broken[table.id] = {"key": int(data.duplicated(list(table.key)).sum())}
        for column in table.columns:
            cells, wrong = data[column.name].dropna(), 0
            if column.type in ("integer", "number"):
                wrong += (~pd.to_numeric(cells).between(column.minimum, column.maximum)).sum()
            if column.allowed:
                wrong += (~cells.isin(column.allowed)).sum()
            if column.pattern:
                wrong += (~cells.str.contains(column.pattern)).sum()
            if column.type == "timestamp":
                wrong += pd.to_datetime(cells, errors="coerce").isna().sum()
            wrong += data[column.name].isna().sum() if column.required else 0
            if wrong:
                count[column.name] = int(wrong)
    assert len(tables["nycflights13"]) == 336_776
    assert broken == {
        "nycflights13": {"key": 0},
        "weather": {"key": 0, "wind_speed": 1},
        "planes": {"key": 0},
        "airports": {"key": 1},
        "airlines": {"key": 0},
    }
    absent = {}
    for reference in contract.references:
        cells = tables["nycflights13"][list(reference.columns)].dropna()
        known = tables[reference.table][list(reference.to)].drop_duplicates()
        joined = cells.merge(
            known,
            how="left",
            left_on=list(reference.columns),
            right_on=list(reference.to),
            indicator=True,
        )
        absent[reference.columns[0]] = int((joined["_merge"] == "left_only").sum())
        if reference.severity == "error":
            assert absent[reference.columns[0]] == 0
    assert absent["tailnum"] == 50_094
    assert absent["dest"] == 7_602

"""The real data sets through their contracts: every row is clean or in quarantine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers import ROOT, real_data
from quickstack.data.ingesting.engine import ingest
from quickstack.facts.contract import load_contract
from quickstack.facts.params import ComputeParams

FLIGHTS = [f"{n}.csv" for n in ("weather", "planes", "airports", "airlines")] + ["flights.csv.gz"]
#: Data set to its files, and the rows read and quarantined of each table.
SETS = {
    "bank_marketing": (["bank-additional-full.csv"], {"bank_marketing": (41_188, 0)}),
    "telco_churn": (["Telco-Customer-Churn.csv"], {"telco_churn": (7_043, 0)}),
    "bike_sharing": (["hour.csv"], {"bike_sharing": (17_379, 0)}),
    "nycflights13": (
        FLIGHTS,
        {
            "nycflights13": (336_776, 0),
            "weather": (26_115, 1),  # a wind of 1,048 miles an hour
            "planes": (3_322, 0),
            "airports": (1_397, 1),  # one code stands twice
            "airlines": (16, 0),
        },
    ),
}


@pytest.fixture(params=list(SETS))
def ingested(request, tmp_path, monkeypatch):
    """Ingest one data set in an empty folder; its name, its report and the folder of clean rows."""
    name = request.param
    raw = tmp_path / "data" / "raw" / name
    raw.mkdir(parents=True)
    for file in SETS[name][0]:
        shutil.copy(real_data(f"{name}/{file}"), raw)
    contract = load_contract(ROOT / "configuration" / "contracts" / f"{name}.odcs.yaml")
    monkeypatch.chdir(tmp_path)
    interim, quarantine = Path("interim"), Path("quarantine")
    interim.mkdir()
    quarantine.mkdir()
    report = ingest(
        contract,
        key=b"k" * 32,
        interim=interim,
        quarantine=quarantine,
        block_bytes=1 << 20,
        compute=ComputeParams(workers=2),
        cache=Path("cache"),
    )
    return name, report, tmp_path


def test_rows_in_are_rows_clean_and_quarantined(ingested):
    name, report, folder = ingested
    tables = {name: report} | report.get("tables", {})
    found = {table: (t["rows"]["read"], t["rows"]["quarantined"]) for table, t in tables.items()}
    assert found == SETS[name][1]
    for table, (read, quarantined) in found.items():
        place = "" if table == name else table
        clean = [
            pq.ParquetFile(p).metadata.num_rows
            for p in (folder / "interim" / place).glob("*.parquet")
        ]
        refused = [
            len(p.read_text(encoding="utf-8").splitlines())
            for p in (folder / "quarantine" / place).glob("*.jsonl")
        ]
        assert (sum(clean), sum(refused)) == (read - quarantined, quarantined)
    if name == "nycflights13":
        warned = {(w["column"], w["rule"]): w["rows"] for w in report["warned"]}
        assert warned == {
            ("tailnum", "reference"): 50_094,
            ("dest", "reference"): 7_602,
            ("origin, year, month, day, hour", "reference"): 1_590,
        }
